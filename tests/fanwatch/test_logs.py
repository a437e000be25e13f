"""Logs: one JSON line an event."""

import json
import threading

import pytest

from fanwatch.logs import Log


def test_one_line_an_event_with_its_fields(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("score-fan")
    log.info("reconnected", sessionPresent=True, topics=["a"])
    log.warning("odd", text="two\nlines and a 'quote\"", payload=b"\xff", number=2**70, other=ValueError("x"))
    try:
        raise ValueError("broken\nbadly")
    except ValueError as error:
        log.error("failed", error, deviceID="fan-07")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert all(line["part"] == "score-fan" and line["time"].endswith("Z") for line in lines)
    assert lines[0]["event"] == "reconnected"
    assert lines[0]["sessionPresent"] is True
    assert lines[1]["text"] == "two\nlines and a 'quote\""
    assert lines[2]["error"] == "broken\nbadly"
    assert "test_logs.py" in lines[2]["trace"]
    assert lines[2]["deviceID"] == "fan-07"


def test_threads_do_not_mix_their_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log("p")
    threads = [
        threading.Thread(target=lambda n=n: [log.info("e", n=n, text="x" * 500) for _ in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert len(lines) == 200
