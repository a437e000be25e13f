"""What Telegraf, with infra's configuration, stores in InfluxDB."""

import base64
import hashlib
import json
import subprocess
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fanwatch.messages.timestamps import format_ms, format_ns
from local import sessions
from tests.infra.conftest import rows
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf
from tests.support.wait import until

VALUES = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
MS = 1_000_000


def reading(device: str, stamp: str, **changes: object) -> dict[str, object]:
    return {"deviceID": device, "timeStamp": stamp, **VALUES, **changes}


def test_telemetry_of_both_topics_and_time_formats_is_stored_in_ms(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    second = int(time.time()) - 60
    local = datetime.fromtimestamp(second, ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M:%S")
    broker.publish("fan/messages", reading("a", format_ns(second * 10**9 + 250_999_999)))
    broker.publish("fan/b/messages", reading("b", local))
    broker.publish("fan/c/messages", reading("c", format_ms(second * 1000)[:-1] + "+00:00", junk=1, text="x"))
    found = {row.pop("deviceID"): row for row in rows(influx, "telemetry", 3)}
    assert found["a"] == {"time": second * 10**9 + 250 * MS, **VALUES}
    assert found["b"] == {"time": second * 10**9, **VALUES}
    assert found["c"] == {"time": second * 10**9, **VALUES}


def test_what_is_no_reading_is_dropped_and_stops_nothing(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    now = format_ms(time.time_ns() // MS)
    for payload in (
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"deviceID":"x","timeStamp":"' + now.encode() + b'","rotation":1e999}',
        json.dumps(reading("bad id", now)).encode(),
        json.dumps(reading("i" * 65, now)).encode(),
        json.dumps(reading("x", "yesterday")).encode(),
        json.dumps(reading("x", "2026-13-45 99:99:99")).encode(),
        json.dumps(reading("x", "2001-01-01T00:00:00Z")).encode(),
        json.dumps(reading("x", "2200-01-01T00:00:00Z")).encode(),
        json.dumps(reading("x", now, rotation="592")).encode(),
        json.dumps(reading("x", now, rotation=True)).encode(),
        json.dumps(reading("x", now, rotation=None)).encode(),
        json.dumps({"deviceID": 7, "timeStamp": now, **VALUES}).encode(),
        json.dumps({"deviceID": "x", "timeStamp": 7, **VALUES}).encode(),
        b"x" * 5_000_000,
    ):
        broker.publish("fan/messages", payload)
        broker.publish("fan/anomaly", payload)
        broker.publish("dead-letter/fan/messages", payload)
    broker.publish("fan/other/messages", reading("x", now))
    broker.publish("fan/messages", reading("good", now))
    assert [row["deviceID"] for row in rows(influx, "telemetry", 1)] == ["good"]
    fields = {row["fieldKey"] for row in influx.store.query('SHOW FIELD KEYS FROM "telemetry"')}
    assert fields == set(VALUES)
    assert influx.store.query('SELECT * FROM "dead_letter"') == []
    # Nothing of it is left in the sessions: after a restart, Telegraf is sent nothing again.
    telegraf.stop()
    telegraf.start()
    broker.publish("fan/messages", reading("last", now))
    assert {row["deviceID"] for row in rows(influx, "telemetry", 2)} == {"good", "last"}


def test_results_are_stored_under_device_and_payload_time(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    now_ms = time.time_ns() // MS
    common = {"timeStamp": format_ms(now_ms), "threshold": 0.5, "model": "fan-anomaly@1"}
    fault = {"fault": 1, "probability": 0.9871, "cause": "vibration", "quality": "ok"}
    dropout = {"fault": None, "probability": None, "cause": None, "quality": "implausible"}
    for _ in range(2):  # a duplicate is the same point
        broker.publish("fan/anomaly", {"deviceID": "a", **common, **fault})
    broker.publish("fan/anomaly", {"deviceID": "b", **common, **dropout, "fields": ["rotation", "sound"]})
    found = {row["deviceID"]: row for row in rows(influx, "anomaly", 2)}
    kept = {"time": now_ms * MS, "threshold": 0.5, "model": "fan-anomaly@1"}
    assert found["a"] == {"deviceID": "a", **kept, **fault, "fields": None}
    assert found["b"] == {"deviceID": "b", **kept, **dropout, "fields": "rotation,sound"}
    types = {row["fieldKey"]: row["fieldType"] for row in influx.store.query("SHOW FIELD KEYS FROM anomaly")}
    assert types["fault"] == "integer"
    assert types["probability"] == "float"


def test_dead_letters_are_stored_in_ns_and_kept_distinct(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    payload = b'line one\nline "two"\xff'
    first = time.time_ns()

    def letter(seen: int, error: str | None) -> dict[str, object]:
        return {
            "id": hashlib.sha256(b"fan/messages\0" + payload).hexdigest(),
            "payload": base64.b64encode(payload).decode(),
            "length": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "topic": "fan/messages",
            "reason": "json",
            "error": error,
            "attempts": 0,
            "firstSeen": format_ns(seen),
            "firstSeenNs": str(seen),
            "connector": "fanwatch-connector-0",
        }

    broker.publish("dead-letter/fan/messages", letter(first, 'not JSON, "really"\nnot'))
    broker.publish("dead-letter/fan/x/messages", letter(first + 1, None))
    found = rows(influx, "dead_letter", 2)
    assert [row["time"] for row in found] == [first, first + 1]
    assert base64.b64decode(found[0]["payload"]) == payload
    assert found[0]["sha256"] == hashlib.sha256(payload).hexdigest()
    assert found[0]["length"] == len(payload)
    assert found[0]["error"] == 'not JSON, "really"\nnot'
    assert found[1]["error"] is None


def test_the_largest_dead_letters_fit_into_one_write(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    telegraf.stop()
    whole = base64.b64encode(bytes(32_768)).decode()
    first = time.time_ns()
    lines = [
        json.dumps(
            {
                "id": f"{number:064x}",
                "payload": whole,
                "length": 32_768,
                "sha256": "0" * 64,
                "topic": "fan/messages",
                "reason": "json",
                "attempts": 0,
                "firstSeenNs": str(first + number),
            }
        )
        for number in range(700)
    ]
    for line in lines[:1]:
        broker.publish("dead-letter/fan/messages", line)
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", "dead-letter/fan/messages", "-l"]
    subprocess.run(command, input="\n".join(lines[1:]).encode(), check=True, timeout=30)
    telegraf.start()
    until(lambda: influx.store.count("dead_letter", "id") == 700, 30, "700 dead letters of 32 kB")


def test_started_last_it_stores_what_was_published_meanwhile(
    tmp_path: Path, broker: Mosquitto, influx: Influx
) -> None:
    for session in sessions.TELEGRAF:
        assert sessions.create(broker.settings, session) is False
    now_ms = time.time_ns() // MS
    stamps = [format_ms(now_ms - number) for number in range(100)]
    for stamp in stamps:
        broker.publish("fan/messages", reading("a", stamp))
    telegraf = Telegraf(tmp_path / "telegraf", broker_port=broker.port, influx_port=influx.port)
    try:
        assert len(rows(influx, "telemetry", 100)) == 100
    finally:
        telegraf.kill()


def test_nothing_is_lost_when_store_collector_and_broker_go_and_come_back(
    tmp_path: Path, broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    base = time.time_ns() // MS - 100_000

    def publish(numbers: range) -> None:
        for number in numbers:
            broker.publish(
                "fan/anomaly", {"deviceID": "a", "timeStamp": format_ms(base + number), "quality": "ok"}
            )

    publish(range(20))
    influx.kill()
    publish(range(20, 40))
    telegraf.kill()
    publish(range(40, 60))
    influx.start()
    influx.wait()
    telegraf.start()
    until(lambda: influx.store.count("anomaly", "quality") == 60, 30, "all results stored")
    broker.stop()
    broker.start()
    broker.wait()
    publish(range(60, 80))
    until(lambda: influx.store.count("anomaly", "quality") == 80, 40, "results after the broker's restart")
