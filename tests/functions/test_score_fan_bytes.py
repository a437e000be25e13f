"""Whatever bytes reach score-fan, it answers with a status and a reason."""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanwatch.messages import batch
from tests.functions.conftest import Score
from tests.support.readings import TOPIC, reading

# The function-scoped fixture only resets the stub; no example can leave anything behind for the next.
modest = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

GOOD = json.dumps(reading()).encode()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
times = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.text(
    alphabet="0123456789-:T .Z+", max_size=30
)
near = st.fixed_dictionaries(
    {},
    optional={name: st.just(value) | values for name, value in reading().items() if name != "timeStamp"}
    | {"timeStamp": times | values},
).map(lambda content: json.dumps(content).encode())


@st.composite
def damaged(draw: Any) -> bytes:
    """A good reading with some bytes replaced."""
    start = draw(st.integers(0, len(GOOD)))
    end = draw(st.integers(start, min(start + 12, len(GOOD))))
    return GOOD[:start] + draw(st.binary(max_size=12)) + GOOD[end:]


payloads = st.binary(max_size=120) | near | damaged() | st.just(GOOD)
topics = st.sampled_from(["", TOPIC, "fan/fan-07/messages", "fan/fan-08/messages"]) | st.text(max_size=20)


@modest
@given(
    payloads,
    st.sampled_from([None, TOPIC, "fan/fan-07/messages", "other"]),
    st.sampled_from([None, "text/plain"]),
)
def test_one_reading(score: Score, payload: bytes, topic: str | None, kind: str | None) -> None:
    answer = score.post(payload, topic, kind)
    content = json.loads(answer.data)
    assert answer.status_code in (200, 400)
    assert ("quality" in content) if answer.status_code == 200 else (content["reason"] and content["error"])


@modest
@given(st.lists(payloads, max_size=5).map(b"\n".join), st.sampled_from([None, TOPIC]))
def test_lines(score: Score, body: bytes, topic: str | None) -> None:
    answer = score.post(body, topic, "application/x-ndjson")
    if answer.status_code == 400:  # of a body that is something else, that is said once
        assert json.loads(answer.data)["error"].startswith("This is ")
        return
    assert answer.status_code == 200
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert len(lines) == len([line for line in body.splitlines() if line.strip()])
    for line in lines:
        assert line["status"] == 200 or (line["status"] == 400 and line["reason"] and line["error"])


@modest
@given(st.lists(st.tuples(topics, payloads), max_size=5))
def test_batches(score: Score, messages: list[tuple[str, bytes]]) -> None:
    answer = score.post(batch.encode_messages(messages), kind=batch.CONTENT_TYPE)
    assert answer.status_code == 200
    outcomes = batch.decode_outcomes(answer.data)
    assert len(outcomes) == len(messages)
    for status, error in outcomes:
        assert (status, error) == (200, None) or (status == 400 and error and ": " in error)


@modest
@given(
    st.binary(max_size=80)
    | values.map(lambda content: msgspec.msgpack.encode(content) if _fits(content) else b"")
    | st.binary(max_size=20).map(lambda tail: batch.encode_messages([(TOPIC, GOOD)])[:-8] + tail)
)
def test_what_may_be_no_batch(score: Score, body: bytes) -> None:
    answer = score.post(body, kind=batch.CONTENT_TYPE)
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert json.loads(answer.data)["error"]


def _fits(content: object) -> bool:
    """Whether MessagePack has all of its integers."""
    try:
        msgspec.msgpack.encode(content)
    except (OverflowError, UnicodeEncodeError):
        return False
    return True
