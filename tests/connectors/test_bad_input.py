"""Bad input through the whole pipeline, as processes: each ends scored or as a dead letter, and nothing restarts."""

import base64
import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanwatch.broker import Publisher
from fanwatch.logs import Log
from tests.fanwatch.test_misread import SENT
from tests.support.listener import Listener
from tests.support.pipeline import Pipeline
from tests.support.readings import TOPIC, bad, reading
from tests.support.servers import Server
from tests.support.wait import until

BAD = bad()
GOOD = json.dumps(reading(sound="loud")).encode()


@pytest.fixture(scope="module", params=["batches", "one a call"])
def pipeline(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    made = Pipeline(tmp_path_factory.mktemp("pipeline"), batched=request.param == "batches")
    yield made
    made.close()


@pytest.fixture
def results(pipeline: Pipeline) -> Iterator[Listener]:
    with Listener(pipeline.broker.settings, "fan/anomaly") as listener:
        yield listener


@pytest.fixture
def letters(pipeline: Pipeline) -> Iterator[Listener]:
    with Listener(pipeline.broker.settings, "dead-letter/#") as listener:
        yield listener


@pytest.fixture
def sender(pipeline: Pipeline) -> Iterator[Publisher]:
    publisher = Publisher(pipeline.broker.settings, Log("test"), name="test")
    assert publisher.wait_connected(10)
    yield publisher
    publisher.stop()


@pytest.fixture(autouse=True)
def _nothing_ends_and_nothing_fails(pipeline: Pipeline) -> Iterator[None]:
    def processes() -> list[Server]:
        return [pipeline.front, pipeline.score, pipeline.infer, pipeline.connector]

    yield
    for server in processes():
        assert server.process.poll() is None, server.output()
        assert "Traceback" not in server.output()
        assert '"level":"error"' not in server.output().replace(": ", ":")


def identity(topic: str, payload: bytes) -> str:
    return hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest()


def rejected(listener: Listener, wanted: set[str], timeout_s: float = 20) -> dict[str, dict[str, str]]:
    """The dead letters by identity, once all that are wanted came."""

    def found() -> dict[str, dict[str, str]]:
        return {
            letter["id"]: letter for letter in map(json.loads, (payload for _, payload in list(listener.got)))
        }

    until(lambda: wanted <= found().keys(), timeout_s, f"{len(wanted)} dead letters")
    return found()


def test_all_of_it_over_mqtt(
    pipeline: Pipeline, results: Listener, letters: Listener, sender: Publisher
) -> None:
    sent = {name: (topic, payload) for name, (payload, topic, _, _) in BAD.items()}
    sent["5 MB"] = (TOPIC, b"x" * 5_000_000)
    sent["longest topic"] = ("fan/" + "x" * 65_520 + "/messages", b"{}")
    sent["odd topic"] = ('fan/a b"€/messages', json.dumps(reading()).encode())
    reasons = {name: reason for name, (_, _, reason, _) in BAD.items()}
    reasons |= {"5 MB": "oversized", "longest topic": "field", "odd topic": "topic"}
    good = [reading("good", ahead_s=n / 1000) for n in range(len(sent) + 1)]
    group = [(TOPIC, json.dumps(good[0]).encode())]
    for message, following in zip(sent.values(), good[1:], strict=True):
        group += [message, (TOPIC, json.dumps(following).encode())]
    group.append((TOPIC, json.dumps(reading("stopped", rotation=0)).encode()))
    assert set(sender.publish(group)) == {""}
    found = rejected(letters, {identity(*message) for message in sent.values()})
    assert len(found) == len(sent)
    for name, (topic, payload) in sent.items():
        letter = found[identity(topic, payload)]
        assert letter["reason"] == reasons[name], name
        assert letter["error"], name
        assert letter["topic"] == topic
        assert base64.b64decode(letter["payload"]) == payload[:32_000]
    # Its fan is heard all the same; of a topic of its own it is that one's, for which the broker vouches.
    named = {
        name: found[identity(*sent[name])].get("deviceID") for name in ("null", "another device's topic")
    }
    assert named == {"null": "fan-07", "another device's topic": "fan-08"}
    assert "deviceID" not in found[identity(*sent["device with spaces"])]
    scored = [json.loads(payload) for payload in results.payloads(len(good) + 1)]
    assert [one["timeStamp"] for one in scored if one["deviceID"] == "good"] == [
        one["timeStamp"] for one in good
    ]
    assert [one["quality"] for one in scored if one["deviceID"] == "stopped"] == ["implausible"]
    assert all(name.startswith("dead-letter/fan/") for name, _ in letters.got)
    until(lambda: pipeline.metric("fanwatch_connector_held") == 0, 10, "all of it is acknowledged")


@pytest.mark.parametrize("name", BAD)
def test_all_of_it_over_http(pipeline: Pipeline, name: str) -> None:
    payload, topic, reason, field = BAD[name]
    headers = {"X-Topic": topic.encode().decode("latin-1")}
    answer = pipeline.front.call("POST", "/function/score-fan", payload, headers)
    assert answer.status == 400
    assert answer.headers["X-Fanwatch-Verdict"] == "1"
    problem = json.loads(answer.body)
    assert (problem["reason"], problem["field"]) == (reason, field)


@pytest.mark.parametrize("size", [5_000_000, 7_000_000])
def test_a_large_body_over_http(pipeline: Pipeline, size: int) -> None:
    answer = pipeline.front.call("POST", "/function/score-fan", b"x" * size)
    assert answer.status == (400 if size < 6_000_000 else 413)
    assert json.loads(answer.body)["error"]


@pytest.mark.parametrize("name", SENT)
def test_what_is_no_reading_is_named_by_http_and_by_mqtt(
    pipeline: Pipeline, letters: Listener, sender: Publisher, name: str
) -> None:
    payload, what, call = SENT[name]
    answer = pipeline.front.call("POST", "/function/score-fan", payload)
    assert answer.status == 400
    said = json.loads(answer.body)["error"]
    assert said.startswith(f"This is {what}")
    assert call in said
    assert sender.publish([(TOPIC, payload)]) == [""]
    letter = rejected(letters, {identity(TOPIC, payload)})[identity(TOPIC, payload)]
    assert letter["error"].startswith(f"This is {what}")
    assert "FILE" not in letter["error"]


def test_a_cleared_retained_message_is_counted_and_no_dead_letter(
    pipeline: Pipeline, results: Listener, letters: Listener, sender: Publisher
) -> None:
    def counted() -> tuple[float, float]:
        return pipeline.metric("fanwatch_connector_empty_total"), pipeline.metric("fanwatch_connector_held")

    before, _ = counted()
    assert sender.publish([(TOPIC, b""), ("fan/fan-07/messages", b"")]) == ["", ""]
    blank = (TOPIC, b" ")
    assert sender.publish([blank, (TOPIC, json.dumps(reading("after")).encode())]) == ["", ""]
    found = rejected(letters, {identity(*blank)})
    assert json.loads(results.payloads(1)[0])["deviceID"] == "after"
    until(lambda: counted() == (before + 2, 0), 10, "the empty ones to be counted and acknowledged")
    assert not {identity(TOPIC, b""), identity("fan/fan-07/messages", b"")} & found.keys()
    assert all(letter["length"] for letter in found.values())
    assert letters.got
    assert all(json.loads(payload)["length"] for _, payload in letters.got)


devices = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="+#/"), max_size=9)
# An empty message is no reading, and ignored.
payloads = st.binary(min_size=1, max_size=60) | st.binary(max_size=20).map(lambda tail: GOOD[:-2] + tail)


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    st.lists(
        st.tuples(st.just(TOPIC) | devices.map("fan/{}/messages".format), payloads), min_size=1, max_size=20
    )
)
def test_any_bytes_on_any_topic(
    pipeline: Pipeline, letters: Listener, sender: Publisher, messages: list[tuple[str, bytes]]
) -> None:
    """None of them is a reading, for its sound would be a string."""
    assert set(sender.publish(messages)) == {""}
    until(lambda: pipeline.metric("fanwatch_connector_held") == 0, 20, "all of it is settled")
    found = rejected(letters, {identity(*message) for message in messages})
    assert all(letter["reason"] and letter["error"] for letter in found.values())


def test_what_comes_after_all_that_is_scored(
    pipeline: Pipeline, results: Listener, sender: Publisher
) -> None:
    assert sender.publish([(TOPIC, json.dumps(reading("last")).encode())]) == [""]
    assert json.loads(results.payloads(1)[0])["deviceID"] == "last"
