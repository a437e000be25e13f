"""How many of a fan's last results were faults: of the last two minutes, or its last few where it is read seldom."""

from typing import Final

import numpy as np

from fanwatch.fleet.faulty import FAULTS, FAULTY_S, faulty

_STEPS: Final = 12
_STEP_MS: Final = FAULTY_S * 1000 // _STEPS
"""Results are counted by steps of ten seconds; the newest of twelve is the one under way."""


class Recent:
    """Counts by a fan's place and step. Hold the fleet's lock."""

    def __init__(self, most: int) -> None:
        """There is room for `most` fans."""
        self._step = np.zeros((most, _STEPS), np.int64)
        self._results = np.zeros((most, _STEPS), np.int32)
        self._faults = np.zeros((most, _STEPS), np.int32)
        self._newest = np.zeros(most, np.int64)
        self._in_a_row = np.zeros(most, np.int32)
        """So many faults came one after the other, up to now."""

    def add(self, place: int, ms: int, faults: int, results: int = 1) -> None:
        """Counts results of a fan, measured at `ms` (since the epoch), and how many of them were faults."""
        step = ms // _STEP_MS
        column = step % _STEPS
        if self._step[place, column] > step:
            return
        if self._step[place, column] < step:
            self._step[place, column] = step
            self._results[place, column] = self._faults[place, column] = 0
        self._results[place, column] += results
        self._faults[place, column] += faults
        self._newest[place] = max(int(self._newest[place]), step)
        self._in_a_row[place] = (
            min(int(self._in_a_row[place]) + faults, 1_000_000) if faults == results else 0
        )

    def faulty(self, count: int) -> np.ndarray:
        """By place, for the first `count`: whether the readings are faulty, as of the fan's own newest result."""
        lately = self._step[:count] > (self._newest[:count] - _STEPS)[:, None]
        results = (self._results[:count] * lately).sum(axis=1)
        faults = (self._faults[:count] * lately).sum(axis=1)
        # Of a sensor that is read each ten minutes, two minutes hold one result: its last ones count instead.
        seldom = (results < FAULTS) & (self._in_a_row[:count] >= FAULTS)
        found: np.ndarray = faulty(faults, results) | seldom
        return found

    def move(self, place: int, to: int) -> None:
        """The fan at `place` is at `to` from now on, and nobody at `place`."""
        for array in (self._step, self._results, self._faults, self._newest, self._in_a_row):
            array[to] = array[place]
            array[place] = 0
