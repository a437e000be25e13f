"""Whatever runtime the broker stands in: the alert about its backlog speaks before the first reading is lost."""

import subprocess
from pathlib import Path

from local import sessions
from tests.support.alerting import evaluate, rules
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf
from tests.support.wait import until

LIMIT_BYTES = 1_000_000
READING = b"x" * 4_999
RULE = rules()["backlog-near-its-limit"]


def publish(broker: Mosquitto, topic: str, count: int) -> None:
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-l"]
    subprocess.run(command, input=(READING + b"\n") * count, check=True, timeout=60)


def test_it_speaks_before_the_first_queue_is_full(tmp_path: Path, influx: Influx) -> None:
    broker = Mosquitto(tmp_path / "broker", queued_bytes=LIMIT_BYTES, sys_interval_s=1)
    telegraf = Telegraf(
        tmp_path / "telegraf",
        broker_port=broker.port,
        influx_port=influx.port,
        environment={"FANWATCH_BROKER_QUEUED_BYTES": str(LIMIT_BYTES), "TELEGRAF_INTERVAL": "1s"},
    )

    def last(field: str) -> int:
        found = influx.store.query(f'SELECT last("{field}") AS "v" FROM "broker"')
        return int(found[0]["v"]) if found else -1

    try:
        for name, topic in (("away", "fan/messages"), ("away-too", "results")):
            sessions.create(broker.settings, sessions.Session(name, (topic,)))
        publish(broker, "fan/messages", 130)
        until(lambda: last("stored_bytes") >= 130 * len(READING), 30, "what waits, in the store")
        assert evaluate(influx.store.url, RULE).state == "Normal"
        # All queues together count: which of them it is, the broker does not say.
        publish(broker, "results", 30)
        until(lambda: evaluate(influx.store.url, RULE).firing, 30, "the alert")
        assert last("publish_dropped") <= 0
        publish(broker, "fan/messages", 120)
        until(lambda: last("publish_dropped") > 0, 30, "the loss")
        assert last("stored_bytes") >= LIMIT_BYTES
    finally:
        telegraf.kill()
        broker.kill()
