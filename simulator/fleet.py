"""A fleet that runs now: fans that take turns, and chosen ones that fail within a minute."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from simulator.boxes import Floats
from simulator.incidents import Forced
from simulator.machines import Machines, Readings
from simulator.outbox import Entry
from simulator.wire import entries

FAILS_AFTER_S: Final = 5.0
FAILS_WITHIN_S: Final = 40.0
"""A failing fan is healthy at first, and at full severity FAILS_AFTER_S + FAILS_WITHIN_S after the start.

It then runs on, as a fan does that nobody looks after.
"""
FAILING_LOAD: Final = 1.8
"""A failing fan has to work hard, in standard deviations, so that single readings show what it suffers from."""


class Fleet:
    """Fans 0 to n - 1 that take turns: reading number k is fan k mod n's, at k / (n · rate) seconds.

    Turns instead of all fans at once, so that neither broker nor functions get their load in bursts.
    """

    def __init__(
        self,
        fans: int,
        rate: float,
        *,
        failing: Mapping[int, str] | None = None,
        life_s: float = FAILS_WITHIN_S,
        seed: int | None = None,
        start_s: float | None = None,
        machines: Machines | None = None,
    ) -> None:
        """`rate` is readings a second and fan; `failing` maps fans' numbers, from 1 on, to how they fail.

        `machines` have run until `start_s`, in seconds since the epoch and now by default; new ones are made otherwise.
        """
        self.fans = fans
        self.per_second = fans * rate
        self.start_s = time.time() if start_s is None else start_s
        self.machines = machines or Machines(fans, self.start_s, seed=seed)
        for number, mode in (failing or {}).items():
            order = Forced(mode, life_s, None)
            self.machines.incidents.force(number - 1, self.start_s + FAILS_AFTER_S, order)
            self.machines.burden(number - 1, self.start_s, FAILING_LOAD)

    def seconds(self, reading: int) -> float:
        """When reading number `reading` is due, in seconds since the start."""
        return reading / self.per_second

    def take(self, first: int, last: int) -> Floats:
        """Readings number `first` to `last` - 1, of which no fan has two, shape (last - first, sensors)."""
        return self._advance(first, last).values

    def entries(self, first: int, last: int) -> list[Entry]:
        """Readings number `first` to `last` - 1 as payloads, those of silent fans left out.

        A fan's readings lie 1 / rate apart, so their times differ for any rate up to 1,000 a second.
        """
        made = []
        start_ms = int(self.start_s * 1000)
        for begin in range(first, last, self.fans):
            end = min(begin + self.fans, last)
            fans = [turn % self.fans for turn in range(begin, end)]
            times = [start_ms + int(self.seconds(turn) * 1000) for turn in range(begin, end)]
            made += entries(fans, times, self._advance(begin, end))
        return made

    def _advance(self, first: int, last: int) -> Readings:
        turns = np.arange(first, last, dtype=np.int64)
        return self.machines.advance(turns % self.fans, self.start_s + turns / self.per_second)


def steps(
    machines: Machines, first_s: float, until_s: Callable[[], float], interval_s: float
) -> Iterator[tuple[float, Readings]]:
    """All fans at once at `first_s` and each interval after it, as long as that is not after `until_s`."""
    everyone = np.arange(machines.fans)
    for step in itertools.count():
        now_s = first_s + step * interval_s
        if now_s > until_s():
            return
        yield now_s, machines.advance(everyone, np.full(machines.fans, now_s))
