"""What is said of the parts, from a real store."""

import base64
import json
import time

from console import health
from console.pages.pipeline import described
from fanwatch.store.influx import point
from fanwatch.store.parts import Ledger
from tests.support.console import now_ms
from tests.support.influx import Influx

BROKER, PAGE = "tcp://mosquitto.fanwatch:8884", "tcp://console-lan.fanwatch:8093"


def machine(influx: Influx, **days: float) -> str:
    """What the page says of the machine while the certificates of these sources have so many days left."""
    sources = {"broker": BROKER, "page": PAGE}
    influx.store.write(
        [
            # One common name for both, as `fanwatch certs` makes them.
            point(
                "x509_cert",
                {"source": sources[name], "common_name": "nuc.local"},
                {"expiry": int(left * 86_400)},
                now_ms() * 1_000_000,
            )
            for name, left in days.items()
        ]
    )
    found = health.collect(influx.store, lambda: True, None)
    return next((part.words for part in found.parts if part.name == "Machine"), "")


def test_a_certificate_that_ends_soon_is_named_whosever_it_is(influx: Influx) -> None:
    assert "certificate" not in machine(influx, broker=300, page=300)
    assert machine(influx, broker=300, page=20) == (
        "The certificate of console-lan.fanwatch:8093 ends in 20 days: `fanwatch certs page`."
    )
    assert machine(influx, broker=3, page=20) == (
        "The certificate of mosquitto.fanwatch:8884 ends in 3 days: `fanwatch certs rotate`."
    )


def test_while_the_past_comes_in_an_empty_ledger_is_no_trouble() -> None:
    nothing, some = Ledger(0, 0, 0), Ledger(10, 9, 0)
    assert health.in_words(nothing)[0] == "attention"
    state, said = health.in_words(nothing, past=True)
    assert state == "unknown"
    assert said.startswith("What comes in now is of the past")
    assert health.in_words(some, past=True) == health.in_words(some)


def letter(fan: str | None, reason: str, content: object, ago_s: float = 60) -> str:
    """A dead letter of a minute ago, as Telegraf stores it."""
    payload = base64.b64encode(json.dumps(content).encode()).decode()
    fields = {
        "id": "a",
        "topic": "fan/messages",
        "reason": reason,
        "error": "wrong",
        "length": 9,
        "payload": payload,
    }
    return point("dead_letter", {"deviceID": fan or ""}, fields, time.time_ns() - round(ago_s * 1e9))


def test_yes_is_no_answer_where_some_could_not_be_used(influx: Influx) -> None:
    at = time.time_ns() - 60 * 10**9
    good = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    lines = []
    for number in range(20):
        tags = {"deviceID": "fan-01"}
        lines.append(point("telemetry", tags, good, at + number))
        if number != 7:
            lines.append(point("anomaly", tags, {"quality": "ok"}, at + number))
    influx.store.write(lines)
    # One that could be read, and failed.
    influx.store.write([letter("fan-01", "unscorable", good, 60.1)])
    seen = health.collect(influx.store, lambda: True, None)
    assert seen.ledger is not None
    assert health.in_words(seen.ledger) == (
        "attention",
        "20 readings came in within the last 15 minutes. 19 were scored. 1 could not be used: "
        "scoring failed again and again (fan-01).",
    )
    cold = {**good, "temperature": None}
    fans = ("fan-03", "fan-07", "fan-08", "fan-09", None)
    influx.store.write([letter(fan, "field", cold, 61 + place) for place, fan in enumerate(fans)])
    influx.store.write([letter(None, "json", "x", 70)])
    seen = health.collect(influx.store, lambda: True, None)
    assert seen.ledger is not None
    assert health.in_words(seen.ledger) == (
        "attention",
        "26 readings came in within the last 15 minutes. 19 were scored. 7 could not be used: "
        "scoring failed again and again (fan-01); temperature is null (fan-03, fan-07, fan-08 and 1 more); no JSON.",
    )
    page = described(seen, past=False)["ledger"]
    assert (page["state"], page["stored"], page["scored"], page["dead"]) == ("attention", 26, 19, 7)


def test_nothing_that_could_be_used_is_named_too() -> None:
    words = health.in_words(Ledger(0, 0, 3, "temperature is null (fan-03)"))
    assert words == (
        "attention",
        "Nothing that could be used has come in within the last 15 minutes. "
        "3 could not be used: temperature is null (fan-03).",
    )


def test_every_one_was_scored() -> None:
    said = "10 readings came in within the last 15 minutes, and every one of them was scored."
    assert health.in_words(Ledger(10, 10, 0)) == ("ok", said)


def taken_over(influx: Influx, client: str, times: int) -> None:
    """As Telegraf stores the broker's log."""
    now = time.time_ns()
    fields = {"id": client, "value": 1}
    influx.store.write(point("takeover", {}, fields, now - step * 10**9) for step in range(times))


def test_a_second_client_with_an_id_is_named_where_it_hurts(influx: Influx) -> None:
    def words() -> dict[str, str]:
        return {part.name: part.words for part in health.collect(influx.store, lambda: True, None).parts}

    # Once, it was the client itself, whose old connection was still there.
    taken_over(influx, "fanwatch-connector-0", 1)
    before = words()
    assert "uses the id" not in " ".join(before.values())
    taken_over(influx, "fanwatch-connector-0", 4)
    assert words() | {"Connector": ""} == before | {"Connector": ""}
    assert words()["Connector"] == (
        "Another client uses the id fanwatch-connector-0, and each ends the other's connection: end it, or set "
        "FANWATCH_CONNECTOR_ID to an id of its own."
    )
    taken_over(influx, "fan-07", 4)
    assert words()["Broker"] == (
        "Two clients use the id fan-07, and each ends the other's connection: give one of them an id of its own."
    )
