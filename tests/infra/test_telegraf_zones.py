"""Times in every spelling, and those without a zone around a change of the clocks: stored where score-fan has them."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fanwatch.errors import InvalidReading
from fanwatch.messages.reading import Rules, parse_from_topic
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


def spellings(now: datetime, chance: random.Random) -> list[object]:
    """Times of the last day as people's programs write them, right ones and wrong ones."""
    found: list[object] = []
    for _ in range(600):
        at = now - timedelta(seconds=chance.uniform(0, 86_400))
        ns = int(at.timestamp()) * 10**9 + chance.choice(
            [0, 10**6, 123_456_789, 999_999_999, chance.randrange(10**9)]
        )
        fraction = chance.choice(["", ".5", ",250", ".123456", f".{ns % 10**9:09d}", ".0123456789", "."])
        offset = chance.choice(
            ["", "Z", "z", " Z", "+00:00", "+0130", "-05", " +02:00", "+24:00", "+01:60", "UTC", " "]
        )
        clock = chance.choice(["%H:%M:%S", "%H:%M:%S", "%H:%M:%S", "%H:%M", "%H", "%H:%M:%S%z"])
        text = at.strftime(f"%Y-%m-%d{chance.choice('Tt ')}{clock}") + fraction + offset
        number = chance.choice(
            [ns / 1e9, ns // 10**9, ns // 10**6, ns // 10**3, ns, ns / 1e6, -ns, ns // 10**12]
        )
        found.append(
            chance.choice(
                [text, text, text, number, str(number), at.strftime("%Y-%m-%d"), at.strftime("%Y%m%d")]
            )
        )
        if isinstance(found[-1], str) and chance.random() < 0.2:
            # One character too many, too few, or another.
            place, new = (
                chance.randrange(len(text) + 1),
                chance.choice(["", "0", "9", "-", ":", " ", "T", "a", "+", "é"]),
            )
            found.append(text[:place] + new + text[place + chance.randrange(2) :])
    return found


def test_every_spelling_is_stored_as_it_is_scored(tmp_path: Path, broker: Mosquitto) -> None:
    """What score-fan takes, Telegraf stores at the same millisecond; what one refuses, the other does."""
    influx = Influx(tmp_path / "influx", retention="400d")
    telegraf = collecting(
        tmp_path, broker, influx, FANWATCH_TIMEZONE="Europe/Berlin", FANWATCH_RAW_RETENTION="30d"
    )
    rules, now = Rules(zone("Europe/Berlin"), 30 * 86_400_000), datetime.now(UTC)
    chance = random.Random(20)
    try:
        expected, refused = {}, 0
        for number, spelling in enumerate(spellings(now, chance)):
            reading = {"deviceID": f"t{number}", "timeStamp": spelling, **VALUES}
            try:
                parsed = parse_from_topic(
                    "fan/messages", json.dumps(reading).encode(), rules, int(now.timestamp() * 1000)
                )
            except InvalidReading:
                refused += 1
            else:
                assert parsed.timestamp_ms is not None
                expected[f"t{number}"] = parsed.timestamp_ms * 10**6
            broker.publish("fan/messages", reading)
        assert len(expected) > 150
        assert refused > 150
        broker.publish("fan/messages", {"deviceID": "last", "timeStamp": now.isoformat(), **VALUES})
        expected["last"] = int(now.timestamp() * 1000) * 10**6
        found = {row["deviceID"]: row["time"] for row in rows(influx, "telemetry", len(expected))}
        assert found == expected
    finally:
        telegraf.kill()
        influx.kill()
