"""score-fan's answers, and what it publishes."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from fanwatch.messages import batch
from fanwatch.messages.result import decode_result
from tests.fanwatch.test_misread import SENT
from tests.functions.conftest import Score
from tests.support.flask_template import ROOT
from tests.support.listener import Listener
from tests.support.readings import TOPIC, bad, reading

BAD = bad()
NDJSON = "application/x-ndjson"


def sent(score: Score, messages: list[tuple[str, bytes]]) -> list[batch.Outcome]:
    """The outcomes of a batch."""
    answer = score.post(batch.encode_messages(messages), kind=batch.CONTENT_TYPE)
    assert answer.status_code == 200
    return batch.decode_outcomes(answer.data)


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_reading_gets_its_result(score: Score) -> None:
    one = reading(temperature=53)
    answer = score.post(one)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    result = json.loads(answer.data)
    assert list(result) == [
        "deviceID", "timeStamp", "fault", "probability", "threshold", "cause", "quality", "model",
    ]  # fmt: skip
    assert (result["deviceID"], result["timeStamp"]) == ("fan-07", one["timeStamp"])
    assert (result["fault"], result["cause"], result["quality"]) == (1, "temperature", "ok")
    assert score.post(one).data == answer.data


def test_a_reading_without_time_is_scored_over_http(score: Score) -> None:
    answer = score.post(reading(timeStamp=None))
    assert answer.status_code == 200
    assert json.loads(answer.data)["timeStamp"] is None


def test_what_no_sensor_can_give_is_scored_as_implausible(score: Score) -> None:
    result = json.loads(score.post(reading(rotation=0)).data)
    assert (result["fault"], result["probability"], result["quality"]) == (None, None, "implausible")
    assert result["fields"] == ["rotation"]


def test_only_readings_of_topics_are_published(score: Score) -> None:
    with Listener(score.broker.settings, "fan/anomaly") as listener:
        score.post(reading("ad-hoc"))
        score.post(json.dumps(reading("ad-hoc")).encode() + b"\n", kind=NDJSON)
        sent(score, [("", json.dumps(reading("ad-hoc")).encode())])
        answer = score.post(reading("fan-01"), TOPIC)
        lines = b"\n".join(json.dumps(reading(f"fan-0{n}")).encode() for n in (2, 3))
        assert score.post(lines, TOPIC, NDJSON).status_code == 200
        sent(
            score,
            [("fan/fan-04/messages", json.dumps(reading("fan-04")).encode()), (TOPIC, b"{"), ("", b"{}")],
        )
        published = listener.payloads(4)
    assert [decode_result(payload).deviceID for payload in published] == [f"fan-0{n}" for n in (1, 2, 3, 4)]
    assert published[0] == answer.data


def test_lines_have_their_own_status(score: Score) -> None:
    body = b"\n".join(
        [
            json.dumps(reading("a")).encode(),
            b"",
            b"{",
            b" ",
            json.dumps(reading("b", sound=True)).encode(),
            b"",
        ]
    )
    answer = score.post(body, kind=NDJSON + "; charset=utf-8")
    assert (answer.status_code, answer.content_type) == (200, NDJSON)
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert [line["status"] for line in lines] == [200, 400, 400]
    assert lines[0]["deviceID"] == "a"
    assert lines[1]["reason"] == "json"
    assert (lines[2]["field"], lines[2]["value"]) == ("sound", True)


def test_a_batch_is_judged_in_one_call_and_answered_in_order(score: Score) -> None:
    messages = [(TOPIC, json.dumps(reading(f"fan-{n}")).encode()) for n in range(256)]
    messages[100] = (TOPIC, b"\xff")
    with Listener(score.broker.settings, "fan/anomaly") as listener:
        outcomes = sent(score, messages)
        published = [decode_result(payload).deviceID for payload in listener.payloads(255)]
    assert [status for status, _ in outcomes] == [200] * 100 + [400] + [200] * 155
    assert (outcomes[100][1] or "").startswith("json: ")
    assert published == [f"fan-{n}" for n in range(256) if n != 100]
    assert len(score.gateway.requests) == 1


def test_many_lines_are_judged_in_calls_of_bounded_size(score: Score) -> None:
    body = (json.dumps(reading()).encode() + b"\n") * 5000
    answer = score.post(body, kind=NDJSON)
    assert answer.data.count(b'"status":200') == 5000
    assert [len(json.loads(request.body)["params"]) for request in score.gateway.requests] == [1024] * 4 + [
        904
    ]


def test_too_many_lines_are_refused_whole(score: Score) -> None:
    answer = score.post(b"{}\n" * 10_001, kind=NDJSON)
    assert answer.status_code == 400
    assert "10,000" in json.loads(answer.data)["error"]


@pytest.mark.parametrize(("payload", "topic", "reason", "field"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_is_refused_with_a_reason(
    score: Score, payload: bytes, topic: str, reason: str, field: str | None
) -> None:
    refused = count("fanwatch_refused_total", reason=reason)
    [(status, error)] = sent(score, [(topic, payload)])
    assert status == 400
    assert (error or "").startswith(f"{reason}: ")
    if topic == TOPIC:
        answer = score.post(payload, topic)
        problem = json.loads(answer.data)
        assert answer.status_code == 400
        assert problem.keys() == {"error", "reason", "field", "value"}
        assert (problem["reason"], problem["field"]) == (reason, field)
        assert problem["error"]
        assert len(answer.data) < 500
        refused += 1
    assert count("fanwatch_refused_total", reason=reason) == refused + 1
    assert score.gateway.requests == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\x91\x92\xa1\xff\xc4\x00", b"\x91" * 5000, b"\x91\x92\xa1a\xa1b"]
)
def test_what_is_no_batch_is_refused_whole(score: Score, body: bytes) -> None:
    answer = score.post(body, kind=batch.CONTENT_TYPE)
    assert answer.status_code == 400
    assert json.loads(answer.data)["error"]


def test_an_empty_batch_has_no_outcomes(score: Score) -> None:
    assert sent(score, []) == []
    assert score.post(b"", kind=NDJSON).data == b""


def test_results_that_nobody_hears_count_as_published_and_are_counted(score: Score) -> None:
    unheard, scored = (
        count("fanwatch_results_unheard_total"),
        count("fanwatch_scored_total", quality="ok", fault="0"),
    )
    assert score.post(reading(), TOPIC).status_code == 200
    with Listener(score.broker.settings, "fan/anomaly"):
        assert score.post(reading(), TOPIC).status_code == 200
    assert count("fanwatch_results_unheard_total") == unheard + 1
    assert count("fanwatch_scored_total", quality="ok", fault="0") == scored + 2


@pytest.mark.parametrize("name", ["gzip", "CSV", "a large one, indented", "too many rows"])
def test_a_body_of_lines_that_is_something_else_is_refused_once(score: Score, name: str) -> None:
    payload, what, call = SENT[name]
    answer = score.post(payload, kind=NDJSON)
    assert answer.status_code == 400
    said = json.loads(answer.data)
    assert said["error"].startswith(f"This is {what}")
    assert call in said["error"]
    assert score.gateway.requests == []


def test_lines_that_lost_their_newlines_are_named_in_the_one_line_that_is_left(score: Score) -> None:
    payload, what, _ = SENT["NDJSON without newlines"]
    [line] = [json.loads(each) for each in score.post(payload, kind=NDJSON).data.splitlines()]
    assert line["status"] == 400
    assert line["error"].startswith(f"This is {what}")


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z][a-z0-9-]*)==([^\s\\;]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return dict(found)


@pytest.mark.parametrize(
    ("own", "lock"),
    [
        ("functions/score_fan/requirements.txt", "run"), ("functions/infer_fan/requirements-lite.txt", "run"),
        ("functions/infer_fan/requirements.txt", "training"), ("infra/connector/requirements.txt", "run"),
        ("template/python3-fan/requirements.txt", "run"),
    ],
)  # fmt: skip
def test_images_pin_what_is_locked(own: str, lock: str) -> None:
    locked = pins(ROOT / f"requirements/{lock}.txt")
    mine = pins(ROOT / own)
    assert mine == {name: locked[name] for name in mine}


def test_handlers_stay_readable() -> None:
    for file in ROOT.glob("functions/*/handler.py"):
        source = file.read_text(encoding="utf-8")
        tree: Any = ast.parse(source)
        [handle] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handle"]
        assert handle.end_lineno is not None
        assert handle.end_lineno - handle.lineno < 25, file
        assert len(source.splitlines()) <= 250, file
