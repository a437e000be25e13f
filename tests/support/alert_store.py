"""An InfluxDB of a test module, emptied for each test."""

import time
from collections.abc import Iterator

import pytest

from tests.support.influx import Influx


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One server."""
    server = Influx(tmp_path_factory.mktemp("influx"))
    yield server
    server.stop()


@pytest.fixture
def store_url(influx: Influx) -> str:
    """Its address; its database is there and empty."""
    # Not DROP DATABASE: InfluxDB may refuse the first writes to one that is made anew right after.
    influx.store.query("DROP SERIES FROM /.*/")
    return influx.store.url


@pytest.fixture
def at_ms() -> int:
    """When tests begin: long enough ago that all of what they do has passed."""
    return int((time.time() - 3 * 3600) * 1000)
