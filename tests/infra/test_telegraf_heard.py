"""What Telegraf stores of fans that are heard and cannot be used."""

import time

from fanwatch.messages.timestamps import format_ms
from tests.infra.conftest import rows
from tests.infra.test_telegraf_messages import HOUR_MS, MS, VALUES, assert_none_rejected, now_ms
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf


def test_a_reading_that_comes_late_is_noted_when_it_comes(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    began = time.time_ns()
    for device, behind_ms in (("timely", 5_000), ("behind", 10 * 60_000), ("late", 7 * HOUR_MS)):
        # Twice in a moment is noted once.
        for step in range(2):
            at_ms = now_ms() - behind_ms + step
            broker.publish("fan/messages", {"deviceID": device, "timeStamp": format_ms(at_ms), **VALUES})
    assert len(rows(influx, "telemetry", 6)) == 6
    noted = influx.store.query('SELECT "unusable", "deviceID" FROM "telemetry"')
    # Among the readings it is no reading.
    assert {row["deviceID"]: row["unusable"] for row in noted} == {"behind": 1, "late": 1}
    assert all(began <= row["time"] <= time.time_ns() for row in noted)
    found = {row["deviceID"]: row for row in rows(influx, "arrival", 2)}
    assert found.keys() == {"behind", "late"}
    for device, behind_ms in (("behind", 10 * 60_000), ("late", 7 * HOUR_MS)):
        row = found[device]
        assert began <= row["time"] <= time.time_ns()
        assert {name: row[name] for name in VALUES} == VALUES
        assert abs(row["time"] // MS - row["at_ms"] - behind_ms) < 60_000
    # Means are made anew of what is more than 90 minutes late alone.
    assert {row["deviceID"] for row in rows(influx, "late", 1)} == {"late"}
    assert_none_rejected(influx)


def test_a_dead_letter_has_the_fan_that_it_is_from(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    first = time.time_ns()
    for number, device in enumerate(("fan-1", None, "no such name")):
        letter = {
            "id": f"{number:064}", "payload": "e30=", "length": 2, "sha256": "", "topic": "fan/messages",
            "reason": "field", "error": "it is wrong", "attempts": 1, "firstSeen": "", "connector": "test",
            "firstSeenNs": str(first + number),
        }  # fmt: skip
        broker.publish("dead-letter/fan/messages", letter | ({"deviceID": device} if device else {}))
    found = sorted(rows(influx, "dead_letter", 3), key=lambda row: row["time"])
    assert [row.get("deviceID") for row in found] == ["fan-1", None, None]
    [noted] = influx.store.query('SELECT "unusable", "deviceID" FROM "telemetry"')
    assert (noted["deviceID"], noted["unusable"]) == ("fan-1", 2)
    assert influx.store.count("telemetry", "rotation") == 0
    assert_none_rejected(influx)
