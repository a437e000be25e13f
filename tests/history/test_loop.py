"""When the rollup's process works."""

import time
from collections.abc import Callable

import pytest

from fanwatch.logs import Log
from history import loop
from history.rollup import Summary

EVERY_S = 600.0
NOON = 1_800_000_000.0 // 86_400 * 86_400 + 43_200


class Clock:
    """Stands for the module time, and goes on by waiting alone."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self.sleep: Callable[[float], None] = time.sleep

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s - NOON


class Rollup:
    """Notes when it ran, in seconds after noon; ends after an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ran: list[float] = []

    def run(self, *, patience_s: float) -> Summary:
        if self._clock.now_s > NOON + 3600:
            raise SystemExit
        self.ran.append(self._clock.now_s - NOON)
        return Summary()


def test_it_works_each_minute_at_first_and_then_after_each_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(NOON + 130)
    rollup = Rollup(clock)
    monkeypatch.setattr(loop, "time", clock)

    def wait(seconds: float) -> None:
        clock.now_s += seconds

    with pytest.raises(SystemExit):
        loop.loop(rollup, EVERY_S, Log("rollup"), wait)  # type: ignore[arg-type]
    minutes = [130.0 + 60 * number for number in range(9)]
    # Readings get 15 s to arrive after a window's end.
    assert rollup.ran == [*minutes, 615, 675, 735, 1215, 1815, 2415, 3015]
