"""Alarms, episodes, late points, and what is refused: nothing that breaks a rule holds up what comes after it."""

import json
import subprocess
import time
from typing import Any

import pytest

from fanwatch.messages.timestamps import format_ms
from tests.infra.conftest import rows
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf
from tests.support.wait import until

VALUES = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
MS = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def now_ms() -> int:
    return time.time_ns() // MS


def alarm(device: str, since_ms: int, **changes: object) -> dict[str, object]:
    """As forecast-fan publishes it; None removes a key."""
    content: dict[str, object] = {
        "deviceID": device,
        "episode": f"{device}/{format_ms(since_ms)}",
        "state": "alarm",
        "since": format_ms(since_ms),
        "risk": 0.83,
        "cause": "vibration",
        "failureExpected": {
            "earliest": format_ms(since_ms + HOUR_MS),
            "latest": format_ms(since_ms + DAY_MS),
        },
        "why": 'vibration rises, "slowly"\nsince noon',
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}


def retain(broker: Mosquitto, topic: str, content: dict[str, object]) -> None:
    """Published as the last word on a topic."""
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-r", "-t", topic, "-s"]
    subprocess.run(command, input=json.dumps(content).encode(), check=True, timeout=20)


def latest_counts(influx: Influx) -> dict[tuple[str, str], int]:
    """What was refused so far, where that is more than nothing."""
    found = influx.store.query('SELECT last("count") AS "count" FROM "dropped" GROUP BY "kind", "reason"')
    return {(row["kind"], row["reason"]): row["count"] for row in found if row["count"]}


def assert_none_rejected(influx: Influx) -> None:
    """InfluxDB took every point: one that it refuses leaves its message, and its whole batch, unacknowledged."""
    now = time.time_ns()
    newest = 'SELECT "rejected" FROM "telegraf" WHERE "storing" >= 0 ORDER BY time DESC LIMIT 1'
    until(lambda: any(row["time"] > now for row in influx.store.query(newest)), 15, "Telegraf's next look")
    assert influx.store.query(newest)[0]["rejected"] == 0


def test_an_alarm_is_a_point_of_its_arrival_and_one_of_its_episode(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    since = now_ms() - 2 * HOUR_MS
    began = time.time_ns()
    broker.publish("fan/a/alarm", alarm("a", since, acknowledgedBy="someone"))
    [point] = rows(influx, "alarm", 1)
    assert began <= point.pop("time") <= time.time_ns()
    shared = {
        "deviceID": "a", "state": "alarm", "severity": 4, "episode": f"a/{format_ms(since)}", "risk": 0.83,
        "cause": "vibration", "why": 'vibration rises, "slowly"\nsince noon', "acknowledgedBy": "someone",
        "earliest_ms": since + HOUR_MS, "latest_ms": since + DAY_MS, "snoozed_ms": 0,
    }  # fmt: skip
    assert point == shared | {"since_ms": since}
    [episode] = rows(influx, "episode", 1)
    assert began // MS <= episode.pop("updated_ms") <= now_ms()
    assert episode == shared | {"time": since * MS}
    tags = influx.store.query('SHOW TAG KEYS FROM "alarm"') + influx.store.query(
        'SHOW TAG KEYS FROM "episode"'
    )
    assert {row["tagKey"] for row in tags} == {"deviceID"}


def test_what_comes_again_or_changes_is_the_same_episode(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    since = now_ms() - 600_000
    # Queued and retained, it may come twice at once.
    retain(broker, "fan/a/alarm", alarm("a", since, state="warning"))
    until(lambda: influx.store.count("episode", "state"), 15, "the episode")
    telegraf.stop()
    before = influx.store.count("alarm", "state")
    telegraf.start()
    until(lambda: influx.store.count("alarm", "state") > before, 15, "the retained message")
    assert [row["state"] for row in rows(influx, "episode", 1)] == ["warning"]
    retain(broker, "fan/a/alarm", alarm("a", since, state="stopped"))
    until(lambda: rows(influx, "episode", 1)[0]["severity"] == 5, 15, "what it has become")


def test_only_what_needs_somebody_is_an_episode(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    since = now_ms() - 600_000
    states = {"ok": 0, "unknown": 1, "instrument": 2, "warning": 3, "alarm": 4, "stopped": 5}
    for state in states:
        fields: dict[str, Any] = {"state": state, "failureExpected": None}
        if state == "instrument":
            fields |= {"cause": "stuck", "sensor": "sound", "risk": 0}
        broker.publish(f"fan/{state}/alarm", alarm(state, since, **fields))
    # Older than anything that InfluxDB keeps: no episode can be written at its begin.
    broker.publish("fan/old/alarm", alarm("old", now_ms() - 40 * DAY_MS))
    found = {row["deviceID"]: row for row in rows(influx, "alarm", 7)}
    assert {device: row["severity"] for device, row in found.items()} == states | {"old": 4}
    assert (found["instrument"]["cause"], found["instrument"]["sensor"]) == ("stuck", "sound")
    assert found["ok"]["earliest_ms"] is None
    episodes = {row["deviceID"] for row in rows(influx, "episode", 4)}
    assert episodes == {"instrument", "warning", "alarm", "stopped"}
    assert_none_rejected(influx)


def test_a_late_point_is_followed_by_a_marker_of_its_day(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    now = now_ms()
    late = now - 2 * DAY_MS
    day = late // DAY_MS * DAY_MS

    def publish(topic: str, device: str, at_ms: int) -> None:
        broker.publish(topic, {"deviceID": device, "timeStamp": format_ms(at_ms), **VALUES, "quality": "ok"})

    publish("fan/messages", "fresh", now - 80 * 60_000)
    publish("fan/anomaly", "fresh", now - 80 * 60_000)
    publish("fan/messages", "a", day + 1)
    [first] = rows(influx, "late", 1)
    assert first["deviceID"] == "a"
    assert first["time"] == day * MS
    assert now * MS <= first["seen"] <= time.time_ns()
    publish("fan/a/messages", "a", day + DAY_MS - 1)
    publish("fan/anomaly", "b", day + 1)
    rows(influx, "telemetry", 3)
    found = {row["deviceID"]: row for row in rows(influx, "late", 2)}
    assert found["a"]["time"] == found["b"]["time"] == day * MS
    assert found["a"]["seen"] > first["seen"]
    # Of the first day that is accepted at all, InfluxDB must still keep the start.
    oldest = now - 30 * DAY_MS - 11 * HOUR_MS
    publish("fan/messages", "oldest", oldest)
    marker = next(row for row in rows(influx, "late", 3) if row["deviceID"] == "oldest")
    assert marker["time"] == oldest // DAY_MS * DAY_MS * MS
    assert "oldest" in {row["deviceID"] for row in rows(influx, "telemetry", 4)}
    assert_none_rejected(influx)


def test_what_is_refused_is_counted_by_kind_and_reason(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    until(lambda: influx.store.query('SELECT * FROM "dropped"'), 20, "counts before anything was refused")
    assert latest_counts(influx) == {}
    stamp, since = format_ms(now_ms()), now_ms() - 60_000
    good = {"deviceID": "a", "timeStamp": stamp, **VALUES}
    for content in (
        {"deviceID": "no such fan"},
        {"deviceID": "ä"},
        {"deviceID": 7},
        {"timeStamp": "2026-02-30T00:00:00Z"},
        {"timeStamp": format_ms(now_ms() - 32 * DAY_MS)},
        {"sound": "47"},
    ):
        broker.publish("fan/messages", good | content)
    broker.publish("fan/b/messages", good)
    broker.publish("fan/anomaly", good | {"deviceID": "x" * 65})
    broker.publish("fan/anomaly", good | {"timeStamp": format_ms(now_ms() + HOUR_MS)})
    for content in (
        {"deviceID": 7},
        {"since": "yesterday"},
        {"since": None},
        {"since": format_ms(now_ms() + HOUR_MS)},
        {"state": "fine"},
        {"state": 4},
        {"state": ["ok"]},
        {"why": "x" * 5000},
    ):
        broker.publish("fan/a/alarm", alarm("a", since, **content))
    broker.publish("fan/a/alarm", alarm("b", since))
    broker.publish("dead-letter/fan/messages", {"id": "1", "firstSeenNs": "soon"})
    broker.publish("dead-letter/fan/messages", {"firstSeenNs": str(time.time_ns())})
    expected = {
        ("telemetry", "deviceID"): 3,
        ("telemetry", "time"): 2,
        ("telemetry", "value"): 1,
        ("telemetry", "topic"): 1,
        ("anomaly", "deviceID"): 1,
        ("anomaly", "time"): 1,
        ("alarm", "deviceID"): 1,
        ("alarm", "time"): 3,
        ("alarm", "value"): 4,
        ("alarm", "topic"): 1,
        ("dead_letter", "time"): 1,
        ("dead_letter", "value"): 1,
    }
    until(lambda: latest_counts(influx) == expected, 15, f"{expected}")
    for measurement in ("telemetry", "anomaly", "alarm", "episode", "dead_letter"):
        assert influx.store.query(f'SELECT * FROM "{measurement}"') == []


@pytest.mark.parametrize(
    ("topic", "bad", "measurement"),
    [
        ("fan/a/alarm", alarm("a", 0, state="worse"), "alarm"),
        ("fan/a/alarm", {"deviceID": {"deep": [1]}, "state": {}, "since": [[]]}, "alarm"),
        ("fan/messages", {"deviceID": "a", "timeStamp": "x" * 30}, "telemetry"),
        ("fan/anomaly", {"deviceID": "a", "timeStamp": "1850-01-01T00:00:00Z"}, "anomaly"),
        ("dead-letter/x", {"id": "a", "firstSeenNs": "9" * 18}, "dead_letter"),
    ],
)
def test_more_bad_messages_than_the_window_holds_block_nothing(
    broker: Mosquitto,
    influx: Influx,
    telegraf: Telegraf,
    topic: str,
    bad: dict[str, object],
    measurement: str,
) -> None:
    lines = "\n".join([json.dumps(bad)] * 1500)
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-l"]
    subprocess.run(command, input=lines.encode(), check=True, timeout=30)
    stamp = time.time_ns()
    good: dict[str, dict[str, object]] = {
        "alarm": alarm("a", now_ms() - 60_000),
        "telemetry": {"deviceID": "a", "timeStamp": format_ms(stamp // MS), **VALUES},
        "anomaly": {"deviceID": "a", "timeStamp": format_ms(stamp // MS), "quality": "ok"},
        "dead_letter": {"id": "a", "firstSeenNs": str(stamp)},
    }
    broker.publish(topic, good[measurement])
    rows(influx, measurement, 1)


def test_an_empty_message_as_clears_a_retained_one_is_neither_stored_nor_refused(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    before = latest_counts(influx)
    for topic in ("fan/messages", "fan/a/messages"):
        subprocess.run(
            ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-r", "-n", "-t", topic],
            check=True,
            timeout=20,
        )
    broker.publish("fan/messages", {"deviceID": "after-empty", "timeStamp": format_ms(now_ms())} | VALUES)
    until(
        lambda: influx.store.query('SELECT * FROM "telemetry" WHERE "deviceID" = \'after-empty\''),
        15,
        "the reading behind it",
    )
    assert_none_rejected(influx)
    assert latest_counts(influx) == before
    assert not [line for line in telegraf.output().splitlines() if "E! [inputs.mqtt_consumer" in line]
