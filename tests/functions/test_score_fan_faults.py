"""score-fan while what it needs is away: it says so at once, and loses and reorders nothing."""

import json
import time
from typing import Any

import pytest

from fanwatch.broker import PUBLISHED
from fanwatch.errors import Unavailable
from fanwatch.messages import batch
from tests.functions.conftest import INFER_TIMEOUT_S, Score
from tests.support.http_stub import Reply
from tests.support.listener import Listener
from tests.support.readings import TOPIC, reading
from tests.support.wait import patience, until


def message(device: str, topic: str = TOPIC) -> tuple[str, bytes]:
    return topic, json.dumps(reading(device)).encode()


def outcomes(score: Score, *messages: tuple[str, bytes]) -> list[batch.Outcome]:
    return batch.decode_outcomes(score.post(batch.encode_messages(messages), kind=batch.CONTENT_TYPE).data)


def test_without_a_broker_it_fails_at_once_and_works_again_after(score: Score) -> None:
    score.broker.stop()
    publisher = score.handler.publisher()
    try:
        until(lambda: not publisher.connected, 5, "the loss is noticed")
        began = time.monotonic()
        answer = score.post(reading(), TOPIC)
        assert time.monotonic() - began < 2 * patience(), "it waits for the broker"
        assert answer.status_code == 503
        assert f"127.0.0.1:{score.broker.port} is away" in json.loads(answer.data)["error"]
        found = outcomes(score, message("a"), (TOPIC, b"{"), message("b"))
        assert [status for status, _ in found] == [503, 400, 503]
        assert score.post(reading()).status_code == 200, "ad-hoc scoring needs no broker"
    finally:
        score.broker.start()
        score.broker.wait()
    assert publisher.wait_connected(10)
    with Listener(score.broker.settings, "fan/anomaly") as listener:
        assert [status for status, _ in outcomes(score, message("a"))] == [200]
        assert len(listener.wait(1)) == 1


def test_a_devices_first_reading_that_must_come_again_takes_its_later_ones_along(
    score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the broker's next delivery would bring the first one after them."""
    lines = [message("a"), message("b"), message("a"), (TOPIC, b"no"), message("a"), message("b")]

    class Publisher:
        def publish(self, messages: Any) -> list[str]:
            assert len(messages) == 5
            return [PUBLISHED, PUBLISHED, "no PUBACK in time", PUBLISHED, PUBLISHED]

    monkeypatch.setattr(score.handler, "publisher", Publisher)
    found = outcomes(score, *lines)
    assert [status for status, _ in found] == [200, 200, 503, 400, 503, 200]
    assert found[2][1] == "The result was not published: no PUBACK in time"


def test_ad_hoc_lines_do_not_wait_for_those_of_topics(score: Score, monkeypatch: pytest.MonkeyPatch) -> None:
    class Publisher:
        def publish(self, messages: Any) -> list[str]:
            raise Unavailable("away")

    monkeypatch.setattr(score.handler, "publisher", Publisher)
    found = outcomes(score, message("a"), message("a", ""))
    assert [status for status, _ in found] == [503, 200]


DECISION = {"fault": 0, "probability": 0.1, "threshold": 0.5, "cause": None, "quality": "ok", "model": "m@1"}
ANSWERS = {
    "404": (Reply(404, b"no such function"), 503), "429": (Reply(429, b"busy"), 503), "503": (Reply(503, b""), 503),
    "500": (Reply(500, b"crashed"), 502), "502": (Reply(502, b""), 502), "504": (Reply(504, b""), 502),
    "400": (Reply(400, b'{"error":"?"}'), 502), "302": (Reply(302, b"", {"Location": "/"}), 502),
    "nothing": (Reply(200, b""), 502), "no JSON": (Reply(200, b"<html>"), 502), "no list": (Reply(200, b"{}"), 502),
    "no UTF-8": (Reply(200, b'[{"model":"\xff"}]'), 502), "deep": (Reply(200, b'[{"x":' + b"[" * 9000), 502),
    "too few": (Reply(200, b"[]"), 502), "too many": (Reply(200, json.dumps([DECISION] * 3).encode()), 502),
    "hung up": (Reply(hang_up=True), 503), "cut": (Reply(200, b"x" * 99, cut_to=9), 503),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "status"), ANSWERS.values(), ids=ANSWERS.keys())
def test_whatever_infer_fan_does_the_reading_comes_again(score: Score, reply: Reply, status: int) -> None:
    score.gateway.answer = lambda _request: reply
    with Listener(score.broker.settings, "fan/anomaly") as listener:
        answer = score.post(reading(), TOPIC)
        assert answer.status_code == status
        assert json.loads(answer.data)["error"]
        found = outcomes(score, message("a"), (TOPIC, b"{"), message("b"))
        assert [line[0] for line in found] == [status, 400, status]
        assert listener.got == []


def test_infer_fan_that_is_slow_is_not_waited_for(score: Score) -> None:
    healthy = score.gateway.answer
    score.gateway.answer = lambda _request: Reply(after_s=6 * INFER_TIMEOUT_S)
    began = time.monotonic()
    answer = score.post(reading(), TOPIC)
    assert time.monotonic() - began < 5 * INFER_TIMEOUT_S
    assert answer.status_code == 503
    assert "in time" in json.loads(answer.data)["error"]
    score.gateway.answer = healthy
    assert score.post(reading(), TOPIC).status_code == 200
