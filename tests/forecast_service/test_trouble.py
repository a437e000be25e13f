"""What may go wrong around a run: late readings, a fan that cannot be worked up, and a store or broker that is away."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fanwatch.forecast import Bins, Fleet
from fanwatch.forecast_service import advance, run
from fanwatch.store import checkpoints
from fanwatch.store.influx import point
from tests.forecast_service.conftest import Watch
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until
from tests.support.watched import DAY_MS, Watched, broken, failing

TEN_MINUTES = 1 / 6


def bytes_of(watched: Watched, name: str) -> list[tuple[int, bytes, int]]:
    """What is remembered of a fan, day by day."""
    found = checkpoints.days(watched.store, [watched.fan(name)], watched.begin_ms - DAY_MS)
    return [(row.checkpoint_ms, row.state, row.taken) for row in found[watched.fan(name)]]


def test_late_readings_leave_what_timely_ones_would_have(watch: Watch) -> None:
    shape = broken(2, 30, 34, 0.0)
    timely, late = watch(), watch()
    late.begin_ms = timely.begin_ms
    for watched in (timely, late):
        with watched.listener() as listener:
            for hour in range(0, 60, 6):
                watched.write("fan", hour, hour + 6, shape)
                if watched is timely:
                    watched.write("slow", hour, hour + 6)
                elif hour != 24:
                    # Six hours come much later, and of each six the last reading comes with the next ones.
                    watched.write("slow", max(0, hour - TEN_MINUTES), hour + 6 - TEN_MINUTES)
                watched.tick(hour + 6)
                assert watched.run()["rebuilt"] == 0
            if watched is late:
                watched.write("slow", 24 - TEN_MINUTES, 30)
                watched.write("slow", 60 - TEN_MINUTES, 60)
                assert watched.run()["rebuilt"] == 1
                assert watched.run()["rebuilt"] == 0
            until(lambda listener=listener: listener.states("fan")[-2:] == ["instrument", "ok"], 10, "told")  # type: ignore[misc]
    # The fan that was built anew has other points of some days, but the newest is the same to the last bit.
    assert bytes_of(late, "slow")[-1][:2] == bytes_of(timely, "slow")[-1][:2]
    assert bytes_of(late, "fan") == bytes_of(timely, "fan")


class Picky(Fleet):
    """Fails on whatever is faster than any fan."""

    def advance(self, bins: Bins) -> None:
        if np.nanmax(bins.mean[:, 0], initial=0) > 1500:
            raise ArithmeticError("too fast to be true")
        super().advance(bins)


def test_one_bad_fan_never_stops_the_others(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "Fleet", Picky)
    watched = watch()
    names = [f"fan-{number}" for number in range(9)]
    with watched.listener() as listener:
        for name in names:
            watched.write(name, 0, 10, (lambda _hour, well: 4 * well) if name == "fan-4" else None)
        watched.tick(10)
        summary = watched.run()
        bad = watched.fan("fan-4")
        assert summary["failed"] == {bad: "ArithmeticError: too fast to be true"}
        until(lambda: len(listener.fans()) >= 10, 10, "an alarm of each fan")
        assert listener.states("fan-4") == ["unknown"]
        assert "too fast to be true" in listener.of("fan-4")[-1].why
        assert all(listener.states(name)[-1] == "ok" for name in names if name != "fan-4")
        assert watched.run()["published"] == 0


def test_a_state_that_cannot_be_read_is_built_anew(watch: Watch) -> None:
    watched = watch()
    with watched.listener() as listener:
        watched.write("fan", 0, 30, failing(10, 25, 100))
        watched.write("other", 0, 30)
        watched.tick(30)
        watched.run()
        until(lambda: listener.states("fan")[-1:] == ["stopped"], 10, "all that is told of it")
        before, count = listener.told("fan"), len(listener.of("fan"))
        spoiled = {"state": "AAAA", "kept": "?", "note": "{", "alarm": "7"}
        for row in checkpoints.days(watched.store, [watched.fan("fan")], 0)[watched.fan("fan")][-1:]:
            at = row.checkpoint_ms // DAY_MS * DAY_MS * 1_000_000
            watched.store.write([point(checkpoints.MEASUREMENT, {"deviceID": row.fan}, spoiled, at)])
        assert watched.run()["rebuilt"] == 1
        until(lambda: len(listener.of("fan")) > count, 10, "the alarm, said again")
        assert listener.told("fan") == before


@pytest.fixture
def own_influx(tmp_path: Path) -> Iterator[Influx]:
    made = Influx(tmp_path / "influx")
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.kill()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "mosquitto")
    yield made
    made.kill()


def test_without_store_or_results_nothing_is_said(own_influx: Influx, watch: Watch) -> None:
    watched = watch(influx=own_influx, FANWATCH_INFLUX_TIMEOUT="2")
    with watched.listener() as listener:
        status, body = watched.service.answer(b"")
        assert (status, "holds no result" in json.loads(body)["error"]) == (503, True)
        watched.write("fan", 0, 12)
        watched.tick(12)
        own_influx.kill()
        for request in (b"", b'{"deviceID": "fan", "action": "retire", "by": "me"}'):
            status, body = watched.service.answer(request)
            assert (status, "does not answer" in json.loads(body)["error"]) == (503, True)
        own_influx.start()
        own_influx.wait()
        # It takes connections, and answers nothing.
        own_influx.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        status, body = watched.service.answer(b"")
        assert status == 503
        assert time.monotonic() - began < 30
        own_influx.process.send_signal(signal.SIGCONT)
        assert listener.fans() == set()
        until(watched.store.ready, 20, "the store back")

        def ran() -> bool:
            # The claim that the store had not answered may be written only now.
            watched.free()
            return watched.run()["skipped"] is None

        until(ran, 20, "a run")
        until(lambda: listener.states("fan") == ["ok"], 10, "its alarm")


def test_a_broker_that_is_away_or_forgets_gets_everything_again(
    own_broker: Mosquitto, tmp_path: Path, watch: Watch
) -> None:
    broker = own_broker
    watched = watch(broker=broker)
    for name in ("one", "two"):
        watched.write(name, 0, 12)
    watched.tick(12)
    broker.kill()
    status, body = watched.service.answer(b"")
    assert (status, "broker" in json.loads(body)["error"]) == (503, True)
    assert checkpoints.latest(watched.store, 0) == {}
    broker.start()
    broker.wait()
    until(lambda: watched.service.answer(b"")[0] == 200, 20, "a run")
    assert watched.run()["published"] == 0
    with watched.listener() as listener:
        until(lambda: len(listener.fans()) == 3, 10, "what is retained")
    broker.kill()
    for kept in (tmp_path / "mosquitto").glob("*.db*"):
        kept.unlink()
    broker.start()
    broker.wait()
    with watched.listener() as listener:
        until(lambda: watched.run()["published"] == 3, 20, "all alarms again")
        until(lambda: listener.states("one") == ["ok"] and listener.states("two") == ["ok"], 10, "them")


def test_a_fleet_of_which_nothing_comes_is_unknown_but_an_alarm_stays(watch: Watch) -> None:
    watched = watch()
    with watched.listener() as listener:
        watched.write("bad", 0, 24, failing(8, 24, 100))
        watched.write("good", 0, 24)
        watched.tick(24)
        assert watched.run()["stale"] is None
        until(lambda: listener.states("good")[-1:] == ["ok"], 10, "what is told of it")
        # As if Telegraf had stored the last of it an hour ago.
        an_hour_ago = time.time_ns() - 3600 * 10**9
        for row in watched.store.query('SELECT "seen" FROM "late" GROUP BY "deviceID"'):
            seen = point("late", {"deviceID": row["deviceID"]}, {"seen": an_hour_ago}, row["time"])
            watched.store.write([seen])
        moved = {"moved_ms": an_hour_ago // 1_000_000}
        for row in watched.store.query('SELECT "clock_ms" FROM "forecast"'):
            watched.store.write([point("forecast", {}, moved, row["time"])])
        assert "Nothing was scored since" in watched.run()["stale"]
        until(lambda: listener.states("good")[-1] == "unknown", 10, "unknown")
        assert "Nothing was scored since" in listener.of("good")[-1].why
        assert listener.states("bad")[-1] in ("warning", "alarm")
        assert watched.run()["published"] == 0
        watched.write("good", 24, 26)
        watched.tick(26)
        assert watched.run()["stale"] is None
        until(lambda: listener.states("good")[-1] == "ok", 10, "ok again")


def test_a_store_that_is_too_slow_is_named_and_one_that_is_just_slow_is_kept_up_with(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = watch(FANWATCH_FORECAST_BUDGET="0.001")
    hurried.write("fan", 0, 12)
    status, body = hurried.service.answer(b"")
    assert (status, "answers too slowly" in json.loads(body)["error"]) == (503, True)
    assert checkpoints.latest(hurried.store, 0) == {}
    # The budget is used up when it is known which fans there are.
    monkeypatch.setattr(run.Run, "_in_time", lambda _run: False)
    slow = watch()
    with slow.listener() as listener:
        slow.write("fan", 0, 12)
        slow.tick(12)
        assert slow.run()["behind"] == 0
        until(lambda: listener.states("fan") == ["ok"], 10, "its alarm")
