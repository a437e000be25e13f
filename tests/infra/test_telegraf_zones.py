"""Times without a zone around a change of the clocks: stored where score-fan has them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fanwatch.messages.timestamps import parse_ms, zone
from tests.infra.conftest import rows
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import collecting

VALUES = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
HOUR = timedelta(hours=1)


def changes(name: str) -> list[datetime]:
    """The hours of the last thirteen months at whose beginning, in UTC, the zone's offset changed."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [now - number * HOUR for number in range(6, 24 * 395)]
    offset = zone(name).utcoffset
    return [
        hour
        for hour in hours
        if offset(hour.astimezone(zone(name))) != offset((hour - HOUR).astimezone(zone(name)))
    ]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_a_clock_that_is_put_forward_or_back(name: str, tmp_path: Path, broker: Mosquitto) -> None:
    influx = Influx(tmp_path / "influx", retention="400d")
    telegraf = collecting(tmp_path, broker, influx, FANWATCH_TIMEZONE=name, FANWATCH_RAW_RETENTION="400d")
    try:
        expected = {}
        for change in changes(name):
            # Each quarter of an hour that a clock on the wall may show from two hours before to two after.
            first = change.astimezone(zone(name)).replace(tzinfo=None) - 2 * HOUR
            for quarter in range(16):
                text = (first + quarter * HOUR / 4).strftime("%Y-%m-%d %H:%M:%S")
                device = text.translate(str.maketrans(" :", "__"))
                broker.publish("fan/messages", {"deviceID": device, "timeStamp": text, **VALUES})
                expected[device] = parse_ms(text, zone(name)) * 10**6
        assert len(expected) >= 2 * 16
        found = {row["deviceID"]: row["time"] for row in rows(influx, "telemetry", len(expected))}
        assert found == expected
    finally:
        telegraf.kill()
        influx.kill()
