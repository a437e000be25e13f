"""Two Telegrafs on one broker: told as that, by the page, `fanwatch status` and the alert rules."""

from pathlib import Path

from console.health import collect
from fanwatch.store import takeovers
from local.health import Part, with_id_conflict
from tests.support.alerting import evaluate, rules
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf
from tests.support.wait import until

IDS = [f"fanwatch-telegraf-{kind}" for kind in ("alarm", "anomaly", "dead-letter", "telemetry")]
SAID = (
    "Another Telegraf uses the id fanwatch-telegraf-alarm, and each ends the other's connection: end one of them; "
    "a broker has room for one with these ids."
)


def test_two_telegrafs_name_each_other(
    tmp_path: Path, broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    environment = {"FANWATCH_INFLUX_URL": influx.store.url}
    until(lambda: influx.store.query('SELECT "storing" FROM "telegraf"'), 30, "the first one's figures")
    assert takeovers.taken(influx.store) == []
    assert with_id_conflict(Part("telegraf", "ok"), environment) == Part("telegraf", "ok")
    second = Telegraf(
        tmp_path / "second",
        broker_port=broker.port,
        influx_port=influx.port,
        environment={"TELEGRAF_INTERVAL": "1s"},
    )
    try:
        until(lambda: takeovers.taken(influx.store) == IDS, 60, "that each id is named")
        rule = rules()["client-id-used-twice"]
        until(
            lambda: {each["client"] for each in evaluate(influx.store.url, rule).firing} == set(IDS),
            60,
            "the alert",
        )
    finally:
        second.kill()
    assert with_id_conflict(Part("telegraf", "ok"), environment) == Part("telegraf", "down", SAID)
    parts = {part.name: part for part in collect(influx.store, lambda: True, None).parts}
    assert (parts["Collector"].state, parts["Collector"].words) == ("attention", SAID)
    assert parts["Broker"].words == "It answers."


def test_a_telegraf_that_comes_back_meets_nobody(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    for _ in range(2):
        telegraf.kill()
        telegraf.start()
    until(lambda: influx.store.query('SELECT "storing" FROM "telegraf"'), 30, "its figures")
    assert influx.store.query('SELECT "id" FROM "takeover"') == []
