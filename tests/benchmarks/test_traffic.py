"""mosquitto_pub and mosquitto_sub as the benchmark uses them, on a real broker."""

import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks import probe, ways
from benchmarks.load import Readings
from benchmarks.pipeline import Broker
from benchmarks.traffic import Counts, Source, Witness, compare
from fanwatch.broker.tools import end_loop
from fanwatch.errors import FanwatchError
from fanwatch.messages import topics
from tests.support.wait import until

START_MS = 1_790_000_000_000


@pytest.fixture
def broker() -> Iterator[Broker]:
    found = Broker()
    yield found
    found.close()


def test_more_readings_at_once_than_one_mosquitto_pub_can_publish(broker: Broker, tmp_path: Path) -> None:
    readings = Readings(tmp_path / "readings", devices=100, count=140_000, start_ms=START_MS)
    witness = Witness(tmp_path / "results", broker.port)
    source = Source(readings, broker.port, topic=topics.RESULTS)
    try:
        deadline = time.monotonic() + 60
        while not source.exhausted:
            assert time.monotonic() < deadline, f"only {source.sent} were sent"
            source.feed(140_000)
            time.sleep(0.002)
        source.finish()
        witness.await_count(140_000, 30)
        assert compare(source.keys, witness.keys()) == Counts(140_000, 0, 0)
        assert source.cpu_s > 0
        assert witness.child.cpu_s > 0
    finally:
        source.close()
        witness.close()


def test_only_as_many_are_sent_as_were_allowed(broker: Broker, tmp_path: Path) -> None:
    readings = Readings(tmp_path / "readings", devices=3, count=1_000, start_ms=START_MS)
    source = Source(readings, broker.port)
    try:
        source.feed(10)
        source.feed(7)
        assert source.sent == 10
        assert source.keys == readings.keys(0, 10)
        source.finish()
    finally:
        source.close()


def test_what_is_lost_and_what_came_twice() -> None:
    assert compare({"a 1", "a 2", "b 1"}, ["a 1", "b 1", "a 1", "a 1"]) == Counts(3, 1, 2)


def test_results_of_readings_that_nobody_published() -> None:
    with pytest.raises(FanwatchError, match="belong to no reading"):
        compare({"a 1"}, ["a 1", "a 2"])


def test_latency_is_that_of_what_lies_between(broker: Broker, tmp_path: Path) -> None:
    held_s = 0.03
    echo = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)

    def back(client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        time.sleep(held_s)
        client.publish(topics.RESULTS, message.payload, qos=0)

    ready: list[int] = []
    echo.on_message = back
    echo.on_subscribe = lambda *_: ready.append(1)
    echo.connect("127.0.0.1", broker.port)
    echo.subscribe(topics.READINGS, 0)
    echo.loop_start()
    try:
        until(lambda: ready, 10, "a subscription")
        readings = Readings(tmp_path / "readings", devices=5, count=30, start_ms=START_MS)
        latency = probe.measure(readings, broker.port, rate=20, qos=1, directory=tmp_path)
        assert held_s * 1000 <= latency.p50 <= latency.p99 < 5_000
    finally:
        echo.disconnect()
        end_loop(echo)


def test_cost_and_rate_of_a_way(broker: Broker, tmp_path: Path) -> None:
    rig = ways.Rig(broker.port, lambda: {"mosquitto": [broker.child.pid]}, tmp_path)
    try:
        plan = ways.Plan(
            seconds=1, warm_s=0.2, outstanding=100, ceiling=50_000, latency_rate=1, latency_count=1
        )
        readings = rig.readings(60_000, 10)
        source = Source(readings, broker.port, topic=topics.RESULTS)
        rig.sources.append(source)
        sustained = ways.sustain(rig, plan, source)
        assert sustained.per_second > 10
        assert sustained.cpu_us["mosquitto"] > 0
        assert set(sustained.cpu_us) == {"mosquitto", "mosquitto_pub", "mosquitto_sub", "benchmark"}
    finally:
        rig.close()
