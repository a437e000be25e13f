"""InfluxDB and Telegraf away: what is scored is stored all the same, once they are back."""

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fanwatch.messages.timestamps import format_ms
from tests.faults.conftest import Factory, Scale
from tests.support.figures import record
from tests.support.influx import Influx
from tests.support.ledger import Fans, Witness, identity, reading
from tests.support.mosquitto import Mosquitto
from tests.support.runtime import wait_s
from tests.support.telegraf import collecting
from tests.support.wait import until

FANS = 20
RATE = 4200.0
"""Readings a second, each with its result."""
_A_PROCESS = 50_000
"""Lines that a mosquitto_pub is given: with 65,536 unconfirmed ones it loses most of them without a word."""


def test_influxdb_and_telegraf_down_and_back(pipelines: Factory, scale: Scale) -> None:
    pipeline = pipelines(store=True)
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(pipeline.stored, 20, "first points")
        pipeline.kill_and_wait("telegraf")
        pipeline.down("influxd")
        wait_s(time.monotonic(), scale.outage_s / 2)
        pipeline.down("telegraf")
        wait_s(time.monotonic(), scale.outage_s / 2)
        back = time.monotonic()
        pipeline.up("telegraf")
        pipeline.up("influxd")
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s, stored=pipeline.stored)
    recovered_s = time.monotonic() - back
    record("InfluxDB and Telegraf down", counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_telegraf_started_last(pipelines: Factory, scale: Scale) -> None:
    pipeline = pipelines(store=True, collect=False)
    source = pipeline.source
    count = int(scale.rate * scale.outage_s)
    source.flow(Fans(), rate=scale.rate, count=count)
    identity(source, pipeline.witness, timeout_s=scale.drain_s)
    back = time.monotonic()
    pipeline.start_store()
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s, stored=pipeline.stored)
    assert counts.published == count
    recovered_s = time.monotonic() - back
    record("Telegraf started last", counts, recovered_s, pipeline.peak_mb, full=scale.full)


class Stream(threading.Thread):
    """Readings of FANS fans, all at the same milliseconds, one after the other; and their results as score-fan's."""

    def __init__(self, broker: Mosquitto, count: int) -> None:
        super().__init__(daemon=True)
        first_ms = time.time_ns() // 1_000_000 - 2_400_000
        self.keys = [(f"fan-{number % FANS:02}", first_ms + number // FANS) for number in range(count)]
        self._lines = [[make(*key) + b"\n" for key in self.keys] for make in (reading, _result)]
        self._command = ["mosquitto_pub", "-V", "mqttv5", "-p", str(broker.port), "-q", "1", "-l"]
        self.published = 0
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        while self.published < len(self.keys):
            self._publish(began, min(len(self.keys), self.published + _A_PROCESS))
        self.seconds = time.monotonic() - began

    def _publish(self, began: float, upto: int) -> None:
        pipes = [
            subprocess.Popen([*self._command, "-t", topic], stdin=subprocess.PIPE)
            for topic in ("fan/messages", "fan/anomaly")
        ]
        while self.published < upto:
            due = min(upto, int((time.monotonic() - began) * RATE))
            for pipe, lines in zip(pipes, self._lines, strict=True):
                assert pipe.stdin is not None
                pipe.stdin.write(b"".join(lines[self.published : due]))
                pipe.stdin.flush()
            self.published = due
            time.sleep(0.02)
        for pipe in pipes:
            pipe.communicate(timeout=60)
            assert pipe.returncode == 0


def _result(device: str, ms: int) -> bytes:
    content: dict[str, Any] = {
        "deviceID": device, "timeStamp": format_ms(ms), "fault": 0, "probability": 0.0123, "threshold": 0.5,
        "cause": None, "quality": "ok", "model": "fan-anomaly@1",
    }  # fmt: skip
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(10_000, id="short"),
        pytest.param(100_000, id="full", marks=[pytest.mark.faults, pytest.mark.timeout(600)]),
    ],
)
def test_telegraf_and_influxdb_killed_while_they_store(tmp_path: Path, count: int) -> None:
    broker, influx = Mosquitto(tmp_path / "mosquitto"), Influx(tmp_path / "influxdb")
    telegraf = collecting(tmp_path, broker, influx)
    witness = Witness(broker.settings)
    stream = Stream(broker, count)
    began = time.monotonic()
    try:
        stream.start()
        for share, victims in (
            (0.2, [telegraf]),
            (0.4, [influx]),
            (0.6, [telegraf, influx]),
            (0.8, [influx, telegraf]),
        ):
            until(lambda share=share: stream.published >= share * count, 120, f"{share:.0%} published")
            for victim in victims:
                victim.kill()
            for victim in victims:
                victim.start()
            influx.wait()
        stream.join(120)
        until(lambda: len(witness.results) == count, 60, "all results seen")
        for measurement, field in (("anomaly", "quality"), ("telemetry", "rotation")):
            until(
                lambda m=measurement, f=field: time.sleep(0.1) or influx.store.count(m, f) >= count,
                120,
                f"{measurement}",
            )
            rows = influx.store.query(f'SELECT "deviceID", "{field}" FROM "{measurement}"')
            assert {(row["deviceID"], row["time"] // 1_000_000) for row in rows} == witness.scored
            assert len(rows) == count
        seconds = time.monotonic() - began
    finally:
        for part in (telegraf, influx, broker):
            part.kill()
        witness.close()
    print(
        f"\n{count:,} readings at {count / stream.seconds:,.0f}/s, stored after {seconds:.1f} s; none missing"
    )
    assert witness.scored == set(stream.keys)
