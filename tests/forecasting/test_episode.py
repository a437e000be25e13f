"""One fan wears, stops and is repaired: one episode, however the runs fall."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.forecasting.conftest import Watch
from tests.support.wait import until
from tests.support.watched import Watched, failing

END = 50
STORY = ["unknown", "ok", "warning", "alarm", "stopped", "ok"]
_SHAPE = failing(20, 36, 42)


def hourly(watched: Watched, each: int = 1) -> None:
    for hour in range(0, END, each):
        watched.write("bad", hour, min(hour + each, END), _SHAPE)
        watched.write("good", hour, min(hour + each, END))
        watched.tick(min(hour + each, END))
        yield hour + each


def story(watched: Watched, listener) -> list[tuple[str, str]]:
    until(lambda: listener.states("bad")[-1:] == ["ok"], 20, "the end of the episode")
    assert listener.states("bad") == STORY
    assert listener.states("good") == ["unknown", "ok"]
    found = [
        (state, episode.replace(watched.prefix, "").partition("/")[2])
        for state, episode in listener.told("bad")
    ]
    episodes = {episode for state, episode in found if state in ("warning", "alarm", "stopped")}
    assert len(episodes) == 1, found
    return found


def test_it_is_told_once(watch: Watch) -> None:
    watched = watch()
    with watched.listener() as listener:
        for _ in hourly(watched):
            summary = watched.run()
            assert not summary["failed"]
        story(watched, listener)
        import sys
        for a in listener.of("bad"): print(a, file=sys.stderr)
        print(len(listener.of("good")), summary, file=sys.stderr)
