"""A store of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.history import Record
from tests.support.influx import Influx


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influx]:
    """Set up, and empty."""
    started = Influx(tmp_path / "influxdb")
    yield started
    started.kill()


@pytest.fixture
def record(influx: Influx) -> Record:
    """Writes to it, and rolls up."""
    return Record(influx.store)
