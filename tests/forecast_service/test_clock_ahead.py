"""The clock of the machine was ahead for a while: what was scored and said then hides nothing afterwards."""

import json
import time
from types import SimpleNamespace

import pytest

from fanwatch.forecast_service import run, service
from fanwatch.messages.alarm import EPISODES
from fanwatch.messages.timestamps import format_ms
from fanwatch.store.influx import point
from fanwatch.store.lease import Lease
from tests.forecast_service.conftest import Watch
from tests.support.wait import until
from tests.support.watched import failing

AHEAD_H = 20 * 24
_HOUR_NS = 3600 * 10**9


def set_clock(patch: pytest.MonkeyPatch, ahead_h: float) -> None:
    """The clock that forecast-fan reads."""
    clock = SimpleNamespace(
        time_ns=lambda: time.time_ns() + int(ahead_h * _HOUR_NS), monotonic=time.monotonic, sleep=time.sleep
    )
    for module in (run, service):
        patch.setattr(module, "time", clock)


def test_alarms_go_on_once_the_clock_is_right_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, shape = watch(), failing(20, 58, 66)
    with watched.listener() as listener:
        for name in ("bad", "good", "away"):
            watched.write(name, 0, 40, shape if name == "bad" else None)
        watched.tick(40)
        watched.run()
        set_clock(monkeypatch, AHEAD_H)
        for hour in (AHEAD_H + 40, AHEAD_H + 41):
            watched.write("good", hour, hour + 1)
            watched.write("bad", hour, hour + 1)
            watched.tick(hour + 1)
            watched.run()
        assert watched.order(deviceID=watched.fan("away"), action="retire", by="me")[0] == 200
        until(lambda: "instrument" in listener.states("good"), 10, "what a clock that is ahead makes of it")
        set_clock(monkeypatch, 0)
        for first, last, state in ((40, 60, "stopped"), (60, 70, "ok")):
            for name in ("bad", "good", "away"):
                watched.write(name, first, last, shape if name == "bad" else None)
            watched.tick(last)
            summary = watched.run()
            assert (summary["clock"], summary["fans"]) == (format_ms(watched.at(last) + 60_000), 4)
            assert watched.run()["published"] == 0
            until(lambda: listener.states("bad")[-1] == state, 10, state)  # noqa: B023
        # The episode has kept its name, and what was retired then is watched.
        told = [episode for known, episode in listener.told("bad") if known in EPISODES]
        assert told[-1] == told[0]
    with watched.listener() as listener:
        until(lambda: len(listener.fans()) == 4, 10, "what is retained")
        assert {listener.states(name)[-1] for name in ("bad", "good", "away")} == {"ok"}
        assert max(listener.of(name)[-1].since_ms for name in ("bad", "good", "away")) < watched.at(70)


def test_where_all_results_are_of_times_to_come_the_clock_is_named(watch: Watch) -> None:
    watched = watch(ago=-48)
    watched.write("fan", 0, 2)
    status, body = watched.service.answer(b"")
    assert status == 503
    assert "Set this machine's clock right" in json.loads(body)["error"]


def test_a_claim_of_a_time_to_come_holds_nobody_up(watch: Watch) -> None:
    store = watch().store
    for ahead_s, held in ((3600, False), (20, True)):
        claim = {"owner": f"killed-{ahead_s}", "held": 1, "seconds": 30.0}
        store.write([point("sweep_lease", {}, claim, time.time_ns() + ahead_s * 10**9)])
        lease = Lease(store, 30, "sweep")
        if held:
            with pytest.raises(Exception, match="at work"):
                lease.acquire(0.1)
        else:
            with lease.acquire(0.1):
                pass
