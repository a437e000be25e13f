"""A store filled with a small fleet as Telegraf and the rollup would fill it; and an empty one."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboards.fill import HOUR_MS, MINUTE_MS, Fleet
from tests.support.influx import Influx


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """Set up, nothing written."""
    started = Influx(Path(tmp_path_factory.mktemp("empty")) / "influxdb")
    yield started
    started.kill()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Five fans: two are well, one fails, one is silent, one has a broken sensor."""
    started = Influx(Path(tmp_path_factory.mktemp("fleet")) / "influxdb")
    # Three minutes before an hour, so that windows and intervals fall in the same place with every run.
    filled = Fleet(started.store, time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS - 3 * MINUTE_MS)
    filled.write()
    yield filled
    started.kill()
