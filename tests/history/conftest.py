"""What writes into a store, and rolls up."""

import pytest

from tests.support.history import Record
from tests.support.influx import Influx


@pytest.fixture
def record(influx: Influx) -> Record:
    """Writes to it, and rolls up."""
    return Record(influx.store)
