"""Broker, store and collector for the tests of infra's configurations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf, collecting
from tests.support.wait import until


@pytest.fixture
def telegraf(tmp_path: Path, broker: Mosquitto, influx: Influx) -> Iterator[Telegraf]:
    """A collector between the two, its sessions made, in a zone that is not UTC; it looks at itself each second."""
    started = collecting(tmp_path, broker, influx, FANWATCH_TIMEZONE="Europe/Berlin", TELEGRAF_INTERVAL="1s")
    yield started
    started.kill()


def rows(influx: Influx, measurement: str, count: int) -> list[dict[str, Any]]:
    """The points, once there are `count` of them; among readings, without those that say only that a fan is heard."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        every = influx.store.query(f'SELECT * FROM "{measurement}"')
        found[:] = [row for row in every if row.pop("unusable", None) is None]
        return len(found) >= count

    until(enough, 15, f"{count} points of {measurement}")
    assert len(found) == count
    return found
