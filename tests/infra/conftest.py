"""Broker, store and collector for the tests of infra's configurations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    started = Mosquitto(tmp_path / "mosquitto")
    yield started
    started.kill()


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influx]:
    """A store of the test's own."""
    started = Influx(tmp_path / "influxdb")
    yield started
    started.kill()
