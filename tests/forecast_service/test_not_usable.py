"""A sensor that fails, a clock that is wrong: from the sensor through the whole pipeline to what is said of the fan."""

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

from fanwatch.broker import Publisher
from fanwatch.logs import Log
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from tests.support.listener import Listener
from tests.support.runtime import Pipeline
from tests.support.wait import until

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
VALUES = {"rotation": 612.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}


def readings(now_ms: int) -> list[dict[str, Any]]:
    """Hours of four fans, a reading each five minutes: for the last two, something is wrong with three of them."""
    made = []
    for ago_ms in range(8 * HOUR_MS, 0, -5 * MINUTE_MS):
        at_ms, wrong = now_ms - ago_ms, ago_ms <= 2 * HOUR_MS
        # No two alike, or sensors would be stuck.
        moved = {name: round(value * (1 + ago_ms % 7 / 1000), 3) for name, value in VALUES.items()}
        for fan in ("well", "null", "behind", "ahead"):
            values: dict[str, Any] = dict(moved)
            named_ms = at_ms
            if wrong and fan == "null":
                values["temperature"] = None
            elif wrong and fan == "behind":
                # Not at the very times of earlier readings, whose points these would be.
                named_ms -= 7 * HOUR_MS + MINUTE_MS
            elif wrong and fan == "ahead":
                named_ms += 9 * HOUR_MS
            made.append({"deviceID": fan, "timeStamp": format_ms(named_ms), **values})
    return made


def test_nobody_who_is_heard_is_said_to_send_nothing(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, store=True)
    try:
        pipeline.start()
        sent = readings(time.time_ns() // 1_000_000)
        publish(pipeline, sent)
        with Listener(pipeline.settings, "fan/+/alarm") as alarms:
            run(pipeline)
            until(lambda: len({topic for topic, _ in list(alarms.got)}) == 4, 20, "a word of each fan")
            said = {
                alarm["deviceID"]: alarm for alarm in map(json.loads, (payload for _, payload in alarms.got))
            }
    finally:
        pipeline.close()
    assert {fan: alarm["cause"] for fan, alarm in said.items()} == {
        "well": None, "null": "refused", "behind": "clock", "ahead": "clock",
    }  # fmt: skip
    assert said["null"]["sensor"] == "temperature"
    assert said["null"]["why"].startswith("Temperature has been null since ")
    assert "with rotation 61" in said["null"]["why"]
    assert said["ahead"]["why"].startswith("Its clock is 9 h ahead, so its readings cannot be used since ")
    # Two hours came at once, of which the first one was noted.
    assert re.match(
        "Its clock is [789] h behind; the last reading came at .* with rotation 61", said["behind"]["why"]
    )


def publish(pipeline: Pipeline, sent: list[dict[str, Any]]) -> None:
    """Returns once all of it was scored or refused, and stored."""
    publisher = Publisher(pipeline.settings, Log("test"), name="test")
    try:
        assert publisher.wait_connected(10)
        messages = [("fan/messages", json.dumps(each).encode()) for each in sent]
        assert set(publisher.publish(messages)) == {""}
    finally:
        publisher.stop()
    store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{pipeline.influx_port}"))
    until(
        lambda: store.count("anomaly", "quality") + store.count("dead_letter", "id") >= len(sent),
        60,
        "all of it",
    )


def run(pipeline: Pipeline) -> None:
    """One run of forecast-fan, as cron has it."""
    url = f"http://127.0.0.1:{pipeline.gateway_port}/function/forecast-fan"
    with urllib.request.urlopen(urllib.request.Request(url, b"", method="POST"), timeout=60) as answer:
        assert answer.status == 200
