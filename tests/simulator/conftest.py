"""Who hears what is published to a broker."""

from collections.abc import Iterator

import pytest

from tests.simulator.publishing import Listener
from tests.support.mosquitto import Mosquitto


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    """Subscribed before anything is published."""
    started = Listener(broker)
    yield started
    started.close()
