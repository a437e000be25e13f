"""Which topics it takes, and where their messages go."""

import json

import pytest

from connectors.mqtt.annotations import filters_of
from fanwatch.messages.topics import is_valid_filter, matches
from tests.connectors.conftest import Bench
from tests.support.ledger import Fans, reading
from tests.support.scripted import NOT_FOUND, VERDICT, Call, Reply, function, outcomes
from tests.support.wait import until


def test_topics_of_an_annotation_are_split_at_commas_and_may_have_wildcards(bench: Bench) -> None:
    bench.gateway.functions = [function("score-fan", " fan/messages , plant/+/fan,deep/# ")]
    bench.connect()
    for topic in ("fan/messages", "plant/a/fan", "deep/a/b/c", "plant/a/b/fan"):
        bench.broker.publish(topic, b"x")
    bench.broker.publish("fan/messages", b"last")
    until(lambda: ("fan/messages", b"last") in bench.gateway.messages(), 10, "the last message")
    taken = [topic for topic, _ in bench.gateway.messages()]
    assert sorted(taken) == ["deep/a/b/c", "fan/messages", "fan/messages", "plant/a/fan"]


def test_its_own_annotation_goes_before_openfaass(bench: Bench) -> None:
    both = function("score-fan", "fan/messages")
    both["annotations"]["fanwatch.topics"] = "fan/messages,fan/+/messages"
    bench.gateway.functions = [both, function("other", "other/topic")]
    bench.connect()
    for topic in ("fan/fan-01/messages", "fan/messages", "other/topic"):
        bench.broker.publish(topic, topic.encode())
    until(lambda: len(bench.gateway.messages()) == 3, 10, "one of each topic")
    called = {(call.function, topic) for call in bench.gateway.calls for topic, _ in call.messages}
    assert called == {
        ("score-fan", "fan/fan-01/messages"), ("score-fan", "fan/messages"), ("other", "other/topic"),
    }  # fmt: skip


def test_a_topic_added_while_it_runs_is_taken(bench: Bench) -> None:
    connector = bench.connect()
    bench.gateway.functions = [function("score-fan"), function("other", "other/topic")]
    until(lambda: "other/topic" in connector.output(), 10, "the new topic to be seen")
    until(lambda: connector.get("/readyz")[0] == 200, 10, "its subscription")
    bench.broker.publish("other/topic", b"hello")
    until(lambda: bench.gateway.messages() == [("other/topic", b"hello")], 10, "its message")
    assert bench.gateway.calls[0].function == "other"


@pytest.mark.parametrize(
    "topic",
    ["#", "fan/#", "fan/anomaly", "fan/+", "fan/+/alarm", "+/+/alarm", "dead-letter/#", "dead-letter/x"],
)
def test_a_subscription_that_would_feed_back_is_refused_and_said(bench: Bench, topic: str) -> None:
    bench.gateway.functions = [function("loop", topic), function("score-fan")]
    connector = bench.connect()
    assert "topic refused" in connector.output()
    bench.broker.publish(topic.replace("+", "x").replace("#", "y"), b"looped")
    bench.broker.publish("fan/messages", b"last")
    until(lambda: bench.gateway.payloads(), 10, "a message")
    assert bench.gateway.payloads() == [b"last"]
    assert connector.output().count("topic refused") == 1


def test_an_invalid_topic_is_refused_and_the_others_are_taken(bench: Bench) -> None:
    bench.gateway.functions = [function("score-fan", "a/#/b,fan/mess+ages,fan/messages,,")]
    connector = bench.connect()
    assert connector.output().count("no valid MQTT topic filter") == 2


def test_no_function_yet_is_waited_for(bench: Bench) -> None:
    bench.gateway.functions = []
    connector = bench.connect(wait=False)
    until(lambda: bench.gateway.listed > 2, 10, "it to ask for functions")
    assert connector.get("/readyz")[0] == 503
    assert connector.get("/healthz")[0] == 200
    bench.gateway.functions = [function("score-fan")]
    connector.wait()


def test_a_message_whose_function_is_gone_waits_and_is_delivered_when_it_appears(bench: Bench) -> None:
    # The session has the topic from an earlier run; now nobody takes it.
    bench.gateway.functions = [function("score-fan", "fan/messages,old/topic")]
    bench.connect().stop()
    bench.gateway.functions = [function("score-fan")]
    connector = bench.connect()
    bench.broker.publish("old/topic", b"waits")
    until(lambda: connector.metric("waiting") == 1, 10, "it to wait")
    assert connector.metric("acknowledged_total") == 0
    bench.broker.publish("fan/messages", b"other")
    until(lambda: bench.gateway.payloads() == [b"other"], 10, "others to go on")
    bench.gateway.functions = [function("score-fan"), function("late", "old/topic")]
    until(lambda: b"waits" in bench.gateway.payloads(), 10, "the waiting message")
    until(lambda: connector.metric("acknowledged_total") == 2, 10, "its acknowledgement")
    assert connector.metric("waiting") == 0


def test_an_annotation_that_vanishes_keeps_its_topic_until_it_is_pruned(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.functions = [function("score-fan"), function("other", "other/topic")]
    connector = bench.connect()
    bench.gateway.functions = [function("score-fan")]
    seen = bench.gateway.listed
    until(lambda: bench.gateway.listed > seen + 1, 10, "another look")
    bench.broker.publish("other/topic", b"still")
    until(lambda: bench.gateway.payloads() == [b"still"], 10, "the message of a topic that is not pruned")
    status, body = connector.get("/prune", "POST")
    assert (status, json.loads(body)) == (200, {"removed": ["other/topic"]})
    bench.broker.publish("other/topic", b"unheard")
    bench.broker.publish("fan/messages", b"last")
    until(lambda: b"last" in bench.gateway.payloads(), 10, "the last message")
    assert bench.gateway.payloads() == [b"still", b"last"]
    assert witness.letters == []


def test_pruning_makes_waiting_messages_dead_letters(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.functions = [function("score-fan", "fan/messages,old/topic")]
    bench.connect().stop()
    bench.gateway.functions = [function("score-fan")]
    connector = bench.connect()
    bench.broker.publish("old/topic", b"waits")
    until(lambda: connector.metric("waiting") == 1, 10, "it to wait")
    assert connector.get("/prune", "POST")[0] == 200
    until(lambda: witness.letters, 10, "its dead letter")
    assert (witness.letters[0]["reason"], witness.letters[0]["on"]) == (
        "no-function",
        "dead-letter/old/topic",
    )
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "its acknowledgement")


def test_pruning_ends_what_an_earlier_process_subscribed_to(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.functions = [function("score-fan", "fan/messages,old/+")]
    bench.connect().stop()
    bench.gateway.functions = [function("score-fan")]
    connector = bench.connect(held=40)
    for number in range(30):
        bench.broker.publish("old/one", b"%d" % number)
    until(lambda: connector.metric("received_total") == 30, 10, "them, ten in memory and twenty let go")
    assert connector.get("/prune", "POST")[0] == 200
    until(lambda: connector.metric("acknowledged_total") == 30, 10, "all of them settled")
    assert {letter["reason"] for letter in witness.letters} == {"no-function"}
    bench.broker.publish("old/two", b"unheard")
    bench.broker.publish("fan/messages", b"last")
    until(lambda: b"last" in bench.gateway.payloads(), 10, "the last message")
    assert connector.metric("waiting") == 0


@pytest.mark.parametrize("topic", ["a", "a/b", "fan/fan-01/messages", "/a//b"])
def test_filters_of_a_topic_match_it(topic: str) -> None:
    found = filters_of(topic)
    assert all(matches(pattern, topic) and is_valid_filter(pattern) for pattern in found)
    levels = topic.count("/") + 1
    assert len(found) == 2**levels + sum(2**level for level in range(levels + 1))


def test_pruning_settles_what_a_function_that_is_gone_had_not_taken(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.functions = [function("score-fan"), function("other", "other/topic,fan/messages")]
    bench.gateway.answer = lambda call: NOT_FOUND if call.function == "other" else outcomes(call)
    connector = bench.connect()
    for number in range(20):
        bench.broker.publish("other/topic", b"%d" % number)
    bench.broker.publish("fan/messages", b"scored by score-fan")
    until(lambda: b"scored by score-fan" in bench.gateway.payloads(), 10, "the reading that both take")
    until(lambda: connector.metric("held") == 21, 10, "the messages")
    bench.gateway.functions = [function("score-fan")]
    seen = bench.gateway.listed
    until(lambda: bench.gateway.listed > seen + 1, 10, "another look")
    assert connector.metric("held") == 21
    assert connector.get("/prune", "POST")[0] == 200
    until(lambda: connector.metric("acknowledged_total") == 21, 10, "all acknowledgements")
    until(lambda: len(witness.letters) == 20, 10, "the dead letters")
    assert {(letter["reason"], letter["topic"]) for letter in witness.letters} == {
        ("no-function", "other/topic")
    }
    bench.gateway.answer = outcomes
    bench.gateway.functions = [function("score-fan"), function("other", "other/topic")]
    until(lambda: connector.get("/readyz")[0] == 200 and bench.gateway.listed > seen + 9, 10, "its return")
    bench.broker.publish("other/topic", b"taken again")
    until(lambda: b"taken again" in bench.gateway.payloads(), 10, "a message for the function that is back")


def test_the_acknowledgement_waits_for_every_function_of_the_topic(bench: Bench) -> None:
    open_now: set[str] = {"score-fan"}
    bench.gateway.functions = [function("score-fan"), function("archive", batch_size=None)]
    bench.gateway.answer = lambda call: outcomes(call) if call.function in open_now else Reply(500)
    connector = bench.connect()
    bench.broker.publish("fan/messages", reading("a", 0))
    until(lambda: connector.metric("scored_total", "score-fan") == 1, 10, "the first function")
    until(
        lambda: sum(call.function == "archive" for call in bench.gateway.calls) > 2, 10, "the other's retries"
    )
    assert connector.metric("acknowledged_total") == 0
    open_now.add("archive")
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "the acknowledgement")
    assert sum(call.function == "score-fan" for call in bench.gateway.calls) == 1


def test_a_function_without_batches_gets_the_raw_payload_and_its_topic(bench: Bench) -> None:
    bench.gateway.functions = [function("plain", "raw/+", batch_size=None)]
    bench.connect()
    bench.broker.publish("raw/one", b"\xff\x00 not JSON")
    until(lambda: bench.gateway.calls, 10, "its call")
    [call] = bench.gateway.calls
    assert call.body == b"\xff\x00 not JSON"
    assert call.headers["x-topic"] == "raw/one"
    assert call.function == "plain"


def test_a_function_without_batches_may_answer_202_and_its_own_400_condemns(bench: Bench) -> None:
    witness = bench.witness()
    bench.gateway.functions = [function("plain", batch_size=None)]

    def answer(call: Call) -> Reply:
        if call.body == b"bad":
            return Reply(400, b'{"error": "not JSON", "reason": "json"}', VERDICT)
        return Reply(202)

    bench.gateway.answer = answer
    connector = bench.connect()
    bench.broker.publish("fan/messages", b"good")
    bench.broker.publish("fan/messages", b"bad")
    until(lambda: connector.metric("acknowledged_total") == 2, 10, "both acknowledgements")
    assert [letter["reason"] for letter in witness.letters] == ["json"]


def test_a_bad_batch_annotation_means_one_message_a_call(bench: Bench) -> None:
    bench.gateway.functions = [
        {**function("score-fan"), "annotations": {"topic": "t", "fanwatch.batch": "many"}}
    ]
    connector = bench.connect()
    assert "one message a call" in connector.output()
    bench.broker.publish("t", b"raw")
    until(lambda: [call.body for call in bench.gateway.calls] == [b"raw"], 10, "its call")


def test_two_connectors_share_the_topics(bench: Bench) -> None:
    bench.gateway.functions = [function("score-fan", "fan/messages,fan/+/messages")]
    for number in range(2):
        bench.connect(share="scorers", id=f"fanwatch-connector-{number}")
    source = bench.source()
    source.put(Fans().make(300))
    until(lambda: len(bench.gateway.messages()) >= 300, 10, "all messages")
    until(
        lambda: sum(c.metric("acknowledged_total") for c in bench.connectors) == 300, 10, "all acknowledged"
    )
    assert all(connector.metric("received_total") > 0 for connector in bench.connectors)
    assert len(bench.gateway.messages()) == 300
