"""One fan wears, stops and is repaired: one episode, however the runs fall."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fanwatch.messages.alarm import EPISODES
from tests.forecast_service.conftest import Watch
from tests.support.wait import until
from tests.support.watched import Alarms, Watched, failing

ROOT = Path(__file__).resolve().parents[2]
END = 50
STORY = ["unknown", "ok", "warning", "alarm", "stopped", "unknown", "ok"]
_SHAPE = failing(20, 36, 42)

Told = list[tuple[str, str]]


def played(watched: Watched, each: int) -> Iterator[int]:
    """Plays the readings of 50 hours in, `each` hours at a time."""
    for hour in range(0, END, each):
        last = min(hour + each, END)
        watched.write("bad", hour, last, _SHAPE)
        watched.write("good", hour, last)
        watched.tick(last)
        yield last


def story(watched: Watched, listener: Alarms) -> Told:
    """What was told of the fan; episodes by their time."""
    until(lambda: listener.states("bad")[-1:] == ["ok"], 20, "the end of the episode")
    assert set(listener.states("good")) <= {"unknown", "ok"}
    # That it was unknown at first is only told where a run came early enough to see it.
    return [(state, at.partition("/")[2]) for state, at in listener.told("bad") if state != "unknown"]


@pytest.fixture
def reference(watch: Watch) -> tuple[int, Told]:
    """When it began, and what is told where a run follows each two hours."""
    watched = watch()
    with watched.listener() as listener:
        for _ in played(watched, 2):
            summary = watched.run()
            assert (summary["failed"], summary["rebuilt"], summary["stale"]) == ({}, 0, None)
        found = story(watched, listener)
        assert listener.states("bad") == STORY
        assert len({episode for state, episode in found if state in EPISODES}) == 1
        stopped, worn = listener.of("bad")[-2:], [a for a in listener.of("bad") if a.state == "alarm"]
        assert {alarm.cause for alarm in worn} == {"vibration"}
        assert all(alarm.failureExpected is not None for alarm in worn)
        assert stopped[-1].risk is None or stopped[-1].risk < 0.5
        # Now and then its numbers are told anew, not with each run.
        assert len(listener.of("good")) <= 3
    return watched.begin_ms, found


def test_missed_repeated_and_overlapping_runs_tell_the_same(
    watch: Watch, reference: tuple[int, Told]
) -> None:
    begin_ms, told = reference
    watched = watch(begin_ms=begin_ms)
    with watched.listener() as listener:
        # One run for nine hours at a time: most are missed.
        for _ in played(watched, 9):
            watched.run()
        assert story(watched, listener) == told
    watched = watch(begin_ms=begin_ms)
    others = [watched.service, watched.another(), watched.another()]
    with watched.listener() as listener, ThreadPoolExecutor(len(others)) as pool:
        for _ in played(watched, 5):
            answers = list(pool.map(watched.run, others))
            assert any(answer["skipped"] is None for answer in answers)
            watched.run()
        assert story(watched, listener) == told


_KILLED = """
import os, sys
from fanwatch.forecast import BoxRule
from fanwatch.forecast_service import publisher, service
from fanwatch.store import checkpoints

def die(*_args, **_options):
    os.kill(os.getpid(), 9)

def save_some(store, found):
    some = list(found)
    rows_save(store, some[: len(some) // 2])
    die()

rows_save = checkpoints.save
where = sys.argv[1]
if where == "before":
    publisher.Announcer.say = die
elif where == "between":
    checkpoints.save = die
else:
    checkpoints.save = save_some
made = service.Service(BoxRule())
made.warm()
print(made.answer(b""))
"""


def test_a_run_that_is_killed_anywhere_is_made_up_for(watch: Watch, reference: tuple[int, Told]) -> None:
    begin_ms, told = reference
    watched = watch(begin_ms=begin_ms)
    places = itertools.cycle(["before", "between", "in the middle of saving"])
    with watched.listener() as listener:
        for hour in played(watched, 8):
            kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
            done = subprocess.run(
                [sys.executable, "-c", _KILLED, next(places)],
                env=kept | watched.environment | {"PYTHONPATH": str(ROOT)},
                timeout=60,
                check=False,
                capture_output=True,
                text=True,
            )
            assert done.returncode == -signal.SIGKILL, (hour, done.stdout, done.stderr)
            # While its claim on the lease lasts, a run does nothing; half a minute is not waited for here.
            assert "Another forecast" in watched.run()["skipped"]
            watched.free()
            assert watched.run()["skipped"] is None
        found = story(watched, listener)
    # What was published just before is published again: nothing else, and in the same order.
    assert list(dict.fromkeys(found)) == list(dict.fromkeys(told))
    assert found[-1] == told[-1]
