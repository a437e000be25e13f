"""A broker of the test's own, and who hears what is published to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.publishing import Listener
from tests.support.mosquitto import Mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    started = Mosquitto(tmp_path / "mosquitto")
    yield started
    started.kill()


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    """Subscribed before anything is published."""
    started = Listener(broker)
    yield started
    started.close()
