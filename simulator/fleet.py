"""A fleet that runs now: fans that take turns, and chosen ones that fail within a minute."""

import time
from collections.abc import Mapping
from typing import Final

import numpy as np

from simulator.boxes import Floats
from simulator.incidents import Forced
from simulator.machines import Machines
from simulator.physics import Physics

FAILS_AFTER_S: Final = 5.0
FAILS_WITHIN_S: Final = 40.0
"""A failing fan is healthy at first, and at full severity FAILS_AFTER_S + FAILS_WITHIN_S after the start.

It then runs on, as a fan does that nobody looks after.
"""


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
        seed: int | None = None,
        start_s: float | None = None,
        machines: Machines | None = None,
    ) -> None:
        """`rate` is readings a second and fan; `failing` maps fans' numbers, from 1 on, to how they fail.

        `machines` have run until `start_s`, in seconds since the epoch and now by default; new ones are made otherwise.
        """
        self.fans = fans
        self.per_second = fans * rate
        self._start_s = time.time() if start_s is None else start_s
        self.machines = machines or Machines(fans, self._start_s, physics=Physics(), seed=seed)
        for number, mode in (failing or {}).items():
            order = Forced(mode, FAILS_WITHIN_S, None)
            self.machines.incidents.force(number - 1, self._start_s + FAILS_AFTER_S, order)

    def seconds(self, reading: int) -> float:
        """When reading number `reading` is due, in seconds since the start."""
        return reading / self.per_second

    def take(self, first: int, last: int) -> Floats:
        """Readings number `first` to `last` - 1, of which no fan has two, shape (last - first, 4)."""
        turns = np.arange(first, last, dtype=np.int64)
        return self.machines.advance(turns % self.fans, self._start_s + turns / self.per_second).values
