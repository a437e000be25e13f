"""Gateways that fail: no reading is rejected for it, nothing spins, memory stays bounded."""

import subprocess
import time

import pytest

from tests.connectors.conftest import Bench
from tests.support import scripted
from tests.support.ledger import Fans, reading
from tests.support.scripted import Call, Reply, function, outcomes
from tests.support.wait import until

MARKER = b"poisonous"


@pytest.mark.parametrize("with_others", [True, False], ids=["among others", "alone in its call"])
def test_a_poisonous_reading_is_found_and_given_up_after_8_attempts(bench: Bench, with_others: bool) -> None:
    witness = bench.witness()
    alone = 0

    def answer(call: Call) -> Reply:
        nonlocal alone
        if any(MARKER in payload for _, payload in call.messages):
            alone += len(call.messages) == 1
            return scripted.RESET  # as a gateway does whose replica died
        return outcomes(call)

    bench.gateway.answer = answer
    bench.gateway.functions = [function("score-fan", batch_size=64)]
    connector = bench.connect(batch_lanes=2)
    source = bench.source()
    good = [sent._replace(topic="fan/messages") for sent in Fans(devices=5).make(300)]
    source.put(good[:100])
    bad = good[0]._replace(payload=reading("fan-00", 0, note=MARKER.decode()))
    if not with_others:
        until(lambda: connector.metric("acknowledged_total") == 100, 10, "what came before")
    source.put([bad])
    if not with_others:
        until(lambda: alone > 0, 10, "its first call")
    source.put(good[100:])
    until(lambda: connector.metric("acknowledged_total") == 301, 30, "all acknowledgements")
    [letter] = witness.letters
    assert (letter["reason"], letter["attempts"]) == ("unscorable", 8)
    assert connector.metric("scored_total") == 300
    assert alone >= 8


def test_an_outage_never_counts_as_attempts(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.answer = lambda _call: scripted.FAILED
    connector = bench.connect()
    bench.broker.publish("fan/messages", reading("a", 0))
    bench.broker.publish("fan/messages", reading("b", 0))
    # More failed calls than a reading may have.
    until(lambda: connector.metric("calls_total", "500") > 10, 40, "failed calls")
    bench.gateway.answer = outcomes
    until(lambda: connector.metric("acknowledged_total") == 2, 10, "both scored")
    assert witness.letters == []


@pytest.mark.parametrize(
    "trouble",
    [
        scripted.NOT_FOUND,
        scripted.NOT_ALLOWED,
        scripted.TOO_MANY,
        scripted.FAILED,
        scripted.RESET,
        Reply(200, b"not a batch's answer"),
        Reply(400, b'{"error": "not the function itself"}'),
        Reply(200, b"\x90", scripted.VERDICT),
    ],
    ids=["404", "405", "429", "500", "reset", "unmarked 200", "unmarked 400", "no outcomes"],
)
def test_a_failing_gateway_condemns_nothing_and_is_not_hammered(bench: Bench, trouble: Reply) -> None:
    witness = bench.witness()
    connector = bench.connect()
    source = bench.source()
    made = [sent._replace(topic="fan/messages") for sent in Fans().make(200)]
    source.put(made[:100])
    until(lambda: connector.metric("acknowledged_total") == 100, 10, "the first to be scored")
    bench.gateway.answer = lambda _call: trouble
    bench.gateway.calls.clear()
    began = time.monotonic()
    source.put(made[100:])
    until(lambda: connector.metric("breaker_open") == 1, 10, "the breaker to open")
    until(lambda: time.monotonic() - began > 2, 10, "2 s of outage")
    # Two workers and the probes; a busy loop would make hundreds a second.
    assert 2 <= len(bench.gateway.calls) < 30
    bench.gateway.answer = outcomes
    until(lambda: connector.metric("acknowledged_total") == 200, 10, "all scored")
    assert connector.metric("breaker_open") == 0
    assert witness.letters == []


def test_a_gateway_that_is_gone_comes_back(bench: Bench) -> None:
    connector = bench.connect()
    bench.gateway.reachable = False
    bench.broker.publish("fan/messages", b"x")
    until(lambda: connector.metric("breaker_open") == 1, 10, "the breaker to open")
    assert connector.get("/readyz")[0] == 200, "the broker is there: readings are safe"
    bench.gateway.reachable = True
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "the reading to be scored")


def test_without_a_list_of_functions_a_running_one_goes_on_and_a_new_one_waits(bench: Bench) -> None:
    """As docs/k3s.md says of a gateway whose Prometheus is away."""
    connector = bench.connect()
    bench.gateway.listing = False
    seen = bench.gateway.listed
    until(lambda: bench.gateway.listed > seen + 2, 10, "it to ask for the list in vain")
    bench.broker.publish("fan/messages", b"running")
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "the reading to be scored")
    assert connector.get("/readyz")[0] == 200
    connector.stop()
    connector.start()
    seen = bench.gateway.listed
    until(lambda: bench.gateway.listed > seen + 2, 10, "the new one to ask for the list in vain")
    bench.broker.publish("fan/messages", b"waits")
    assert connector.get("/readyz")[0] == 503
    assert bench.gateway.payloads() == [b"running"]
    bench.gateway.listing = True
    connector.wait()
    until(lambda: bench.gateway.payloads() == [b"running", b"waits"], 10, "what waited in the broker")


def test_a_hanging_call_times_out_and_is_made_again(bench: Bench) -> None:
    def answer(call: Call) -> Reply:
        if len(bench.gateway.calls) == 1:
            time.sleep(12)
        return outcomes(call)

    bench.gateway.answer = answer
    connector = bench.connect(timeout=4)
    bench.broker.publish("fan/messages", b"x")
    until(lambda: connector.metric("acknowledged_total") == 1, 30, "the reading to be scored")
    assert len(bench.gateway.calls) == 2


def test_413_splits_the_batch_until_it_fits(bench: Bench) -> None:
    witness = bench.witness()

    def answer(call: Call) -> Reply:
        huge = any(b"huge" in payload for _, payload in call.messages)
        return Reply(413) if huge or len(call.messages) > 5 else outcomes(call)

    bench.gateway.answer = answer
    bench.gateway.functions = [function("score-fan", "fan/messages,fan/+/messages", 64)]
    connector = bench.connect()
    made = Fans(devices=4).make(200)
    bench.source().put([*made[:50], made[0]._replace(payload=b"huge"), *made[50:]])
    until(lambda: connector.metric("acknowledged_total") == 201, 20, "all acknowledgements")
    assert [letter["reason"] for letter in witness.letters] == ["oversized"]
    assert connector.metric("scored_total") == 200


def test_a_backlog_stays_in_the_broker(bench: Bench) -> None:
    connector = bench.connect()
    bench.gateway.reachable = False
    lines = b"\n".join(sent.payload for sent in Fans(devices=50).make(50_000))
    command = ["mosquitto_pub", "-p", str(bench.broker.port), "-q", "1", "-t", "fan/messages", "-l"]
    subprocess.run(command, input=lines, check=True, timeout=60)
    held = connector.metric("held")
    assert 0 < held <= 8000
    bench.gateway.reachable = True
    until(lambda: connector.metric("acknowledged_total") >= 50_000, 60, "the backlog to drain")
    assert connector.rss_mb() < 150
    assert set(bench.gateway.payloads()) == set(lines.split(b"\n"))


def test_it_leaves_the_broker_while_nothing_gets_done_and_comes_back(bench: Bench) -> None:
    connector = bench.connect(held=100, timeout=1, patience=1.5)
    bench.gateway.answer = lambda _call: scripted.FAILED
    source = bench.source()
    made = [sent._replace(topic="fan/messages") for sent in Fans().make(500)]
    source.put(made)
    until(lambda: connector.metric("left_total") == 1, 15, "it to leave")
    assert connector.metric("connected") == 0
    assert connector.get("/readyz")[0] == 503
    assert connector.metric("held") <= 200
    bench.gateway.answer = outcomes
    until(lambda: set(bench.gateway.payloads()) >= {sent.payload for sent in made}, 20, "all of them")
    until(lambda: connector.metric("held") == 0 and connector.get("/readyz")[0] == 200, 15, "it to be done")
    connector.stop()
    bench.gateway.calls.clear()
    connector.start()
    connector.wait()
    bench.broker.publish("fan/messages", b"last")
    until(lambda: bench.gateway.payloads() == [b"last"], 10, "nothing but the last message")


def test_it_finds_out_that_its_session_is_lost_though_it_had_left(bench: Bench) -> None:
    connector = bench.connect(held=20, timeout=1, patience=1.5)
    bench.gateway.answer = lambda _call: scripted.FAILED
    source = bench.source()
    made = [sent._replace(topic="fan/messages") for sent in Fans().make(100)]
    source.put(made)
    until(lambda: connector.metric("left_total") == 1, 15, "it to leave")
    bench.broker.stop()
    (bench.broker.log.parent / "mosquitto.db").unlink()
    bench.broker.start()
    bench.broker.wait()
    until(lambda: connector.metric("sessions_lost_total") == 1, 15, "the loss to be counted")
    later = Fans("later", 1)

    def heard() -> bool:
        made.extend(sent._replace(topic="fan/messages") for sent in later.make(1))
        source.put(made[-1:])
        source.confirm()
        return made[-1].key not in source.unheard

    until(heard, 15, "its subscription")
    bench.gateway.answer = outcomes
    until(lambda: made[-1].payload in bench.gateway.payloads(), 15, "what was published meanwhile")


def test_it_says_whether_it_is_alive_and_ready(bench: Bench) -> None:
    connector = bench.connect()
    bench.broker.publish("fan/messages", b"x")
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "a reading")
    assert connector.metric("received_total") == connector.metric("scored_total") == 1
    assert connector.metric("connected") == 1
    assert connector.get("/nothing")[0] == 404
    bench.broker.stop()
    until(lambda: connector.get("/readyz")[0] == 503, 10, "it to be not ready without a broker")
    assert connector.get("/healthz")[0] == 200
    assert connector.metric("connected") == 0
    bench.broker.start()
    connector.wait()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"held": "none"}, "FANWATCH_CONNECTOR_HELD"),
        ({"timeout": "20", "patience": "20"}, "FANWATCH_CONNECTOR_PATIENCE must be longer"),
        ({"helt": "5"}, "Did you mean FANWATCH_CONNECTOR_HELD, "),
        ({"port": "99999"}, "FANWATCH_CONNECTOR_PORT"),
        ({"session_expiry": "1"}, "FANWATCH_CONNECTOR_SESSION_EXPIRY"),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(bench: Bench, settings: dict[str, str], said: str) -> None:
    connector = bench.connect(wait=False, **settings)
    assert connector.process.wait(10) == 2
    assert said in connector.output()
    assert connector.output().count("\n") == 1


def test_a_taken_port_is_one_line_and_exit_code_2(bench: Bench) -> None:
    connector = bench.connect(wait=False, port=bench.gateway.port)
    assert connector.process.wait(10) == 2
    assert "cannot be listened on" in connector.output()
