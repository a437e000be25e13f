"""What forecast-fan publishes is what Telegraf stores and dashboards read, to the field."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanwatch import text
from fanwatch.messages import topics
from fanwatch.messages.alarm import Alarm, Expected, check_alarm, encode_alarm, episode_name
from fanwatch.messages.reasons import reason
from fanwatch.messages.timestamps import format_ms
from tests.infra import test_telegraf_messages as messages
from tests.infra.conftest import rows
from tests.infra.test_telegraf_messages import HOUR_MS, assert_none_rejected, latest_counts, now_ms
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import Telegraf, collecting
from tests.support.wait import until


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Influx]]:
    """Broker and store of several tests, with Telegraf between them."""
    directory: Path = tmp_path_factory.mktemp("alike")
    broker, influx = Mosquitto(directory / "mosquitto"), Influx(directory / "influxdb")
    telegraf = collecting(directory, broker, influx, TELEGRAF_INTERVAL="1s")
    yield broker, influx
    for process in (telegraf, influx, broker):
        process.kill()


def test_an_alarm_of_forecast_fan_and_the_end_of_a_retired_fans(
    broker: Mosquitto, influx: Influx, telegraf: Telegraf
) -> None:
    since = now_ms() // 600_000 * 600_000 - HOUR_MS
    worn = Alarm(
        deviceID="a",
        episode=episode_name("a", since),
        state="warning",
        since=format_ms(since),
        risk=0.5293,
        cause="vibration",
        failureExpected=Expected(format_ms(since + HOUR_MS), format_ms(since + 3 * HOUR_MS)),
        why="vibration has risen for 12 h, from 150 to 214, while temperature rose by 12 %.",
        acknowledgedBy="Control room",
        snoozedUntil=format_ms(since + 3 * HOUR_MS),
    )
    broken = Alarm(
        deviceID="b",
        episode=episode_name("b", since),
        state="instrument",
        since=format_ms(since),
        risk=None,
        cause="stuck",
        sensor="sound",
        failureExpected=None,
        why="The sound sensor is broken (stuck) for 40 min.",
    )
    broken = text.saying(broken, (reason("stuck", sensor="sound", value=48.1, length=40 * 60_000),))
    for alarm in (worn, broken):
        check_alarm(alarm)
        broker.publish(topics.alarm(alarm.deviceID), encode_alarm(alarm))
    found = {row["deviceID"]: row for row in rows(influx, "alarm", 2)}
    told = {
        name: found["a"][name] for name in ("state", "severity", "cause", "why", "risk", "acknowledgedBy")
    }
    assert told == {
        "state": "warning", "severity": 3, "cause": "vibration", "why": worn.why, "risk": 0.5293,
        "acknowledgedBy": "Control room",
    }  # fmt: skip
    assert (found["a"]["earliest_ms"], found["a"]["latest_ms"]) == (since + HOUR_MS, since + 3 * HOUR_MS)
    assert (found["b"]["sensor"], found["b"]["cause"], found["b"]["severity"]) == ("sound", "stuck", 2)
    assert found["b"]["why"] == broken.why
    # Codes travel with the alarm; they are no fields of the store.
    assert [name for name in found["b"] if "reason" in name] == []
    assert (found["a"]["snoozed_ms"], found["b"]["snoozed_ms"]) == (since + 3 * HOUR_MS, 0)
    episodes = rows(influx, "episode", 2)
    assert {row["episode"]: row["snoozed_ms"] for row in episodes} == {
        worn.episode: since + 3 * HOUR_MS,
        broken.episode: 0,
    }
    # Retired: the retained message is taken away by an empty one, which is neither a point nor an error.
    broker.publish(topics.alarm("a"), b"")
    ok = Alarm(
        deviceID="c", episode=episode_name("c", since), state="ok", since=format_ms(since), risk=0.02, cause=None,
        failureExpected=None, why="All sensors are as usual for this fan.",
    )  # fmt: skip
    broker.publish(topics.alarm("c"), encode_alarm(ok))
    until(lambda: influx.store.count("alarm", "state") == 3, 15, "the alarm after it")
    assert_none_rejected(influx)
    assert latest_counts(influx) == {}
    errors = influx.store.query('SELECT last("errors") AS "errors" FROM "telegraf" WHERE "input" = \'alarm\'')
    assert [row["errors"] for row in errors] == [0]


@pytest.mark.parametrize(
    ("state", "answers", "in_hand"),
    [
        ("out-of-service", {}, 0),
        ("ok", {}, 0),
        ("warning", {}, 0),
        ("alarm", {"acknowledgedBy": "Control room"}, 1),
        ("stopped", {"snoozedUntil": HOUR_MS}, 1),
        ("stopped", {"snoozedUntil": -HOUR_MS}, 0),
        ("instrument", {"snoozedUntil": -HOUR_MS, "acknowledgedBy": "Control room"}, 1),
    ],
)
def test_rules_find_among_results_what_was_said_and_whether_somebody_has_it_in_hand(
    alike: tuple[Mosquitto, Influx], state: str, answers: dict[str, Any], in_hand: int
) -> None:
    """For all states one point more in `anomaly`, at the time it came, that no count of results counts."""
    broker, influx = alike
    if "snoozedUntil" in answers:
        answers = answers | {"snoozedUntil": format_ms(now_ms() + answers["snoozedUntil"])}
    device = f"{state}-{len(answers)}-{in_hand}"
    since = now_ms() - HOUR_MS
    broker.publish(
        topics.alarm(device), json.dumps(messages.alarm(device, since, state=state, **answers)).encode()
    )

    def said() -> list[dict[str, Any]]:
        return influx.store.query(f"SELECT * FROM anomaly WHERE \"deviceID\" = '{device}'")

    until(said, 15, "the word among the results")
    [row] = said()
    severity = ("out-of-service", "ok", "unknown", "instrument", "warning", "alarm", "stopped").index(
        state
    ) - 1
    assert (row["alarm_severity"], row["alarm_in_hand"]) == (severity, in_hand)
    assert abs(row["time"] // 1_000_000 - now_ms()) < 60_000
    assert influx.store.count("anomaly", "quality") == 0
    assert_none_rejected(influx)
