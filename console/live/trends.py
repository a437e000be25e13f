"""What came of every fan lately: means a minute of the last hour, and how many of the last results were faults."""

from typing import Final

import numpy as np

from console.live.table import Table
from fanwatch.fleet.faulty import FAULTS, FAULTY_S, faulty
from fanwatch.sensors import FEATURES, Values

MINUTES: Final = 60
CHANNELS: Final = len(FEATURES) + 1
"""The signals, then the score."""
_MINUTE_MS: Final = 60_000
_STEPS: Final = 12
_STEP_MS: Final = FAULTY_S * 1000 // _STEPS
"""Results are counted by steps of ten seconds; the newest of twelve is the one under way."""


class Trends:
    """Rings of MINUTES means, by a fan's row."""

    def __init__(self, table: Table) -> None:
        self._means = table.numbers(np.float32, shape=(CHANNELS, MINUTES))
        self._counts = table.numbers(np.uint16, shape=(2, MINUTES))
        """Of readings and of scores."""
        self._newest = table.numbers()
        """The newest minute that has a place, in minutes since the epoch; 0 for a fan without any."""

    def add(self, row: int, ms: int, values: Values) -> None:
        """Takes a reading of a fan; one of more than an hour before its newest is no part of it."""
        at, count = self._count(row, ms, 0)
        column = self._means[row, :-1, at]
        if count == 1:
            column[:] = values
        elif count:
            column += (np.asarray(values, np.float32) - column) / count

    def add_score(self, row: int, ms: int, probability: float) -> None:
        """Takes a score of a fan."""
        at, count = self._count(row, ms, 1)
        if count:
            mean = 0.0 if count == 1 else self._means[row, -1, at]
            self._means[row, -1, at] = mean + (probability - mean) / count

    def _count(self, row: int, ms: int, kind: int) -> tuple[int, int]:
        """The place of a minute, and how many came in it with this one; 0 where it is no part of the hour."""
        at = self._place(row, ms // _MINUTE_MS)
        count = min(int(self._counts[row, kind, at]) + 1, 60_000) if at >= 0 else 0
        if count:
            self._counts[row, kind, at] = count
        return at, count

    def fill(self, row: int, minute: int, channel: int, mean: float) -> None:
        """Sets what the store knows of a minute, where nothing came live."""
        at = self._place(row, minute)
        kind = 1 if channel == CHANNELS - 1 else 0
        if at >= 0 and np.isnan(self._means[row, channel, at]) and self._counts[row, kind, at] == 0:
            self._means[row, channel, at] = mean

    def lines(self, row: int, now_minute: int) -> np.ndarray:
        """CHANNELS x MINUTES means, the last column being minute `now_minute`; NaN where there is none."""
        newest = int(self._newest[row])
        lines = np.full((CHANNELS, MINUTES), np.nan, np.float32)
        if newest == 0:
            return lines
        wanted = np.arange(now_minute - MINUTES + 1, now_minute + 1)
        held = (wanted > newest - MINUTES) & (wanted <= newest)
        lines[:, held] = self._means[row][:, wanted[held] % MINUTES]
        return lines

    def _place(self, row: int, minute: int) -> int:
        newest = int(self._newest[row])
        if minute > newest:
            fresh = range(max(newest, minute - MINUTES) + 1, minute + 1)
            places = [each % MINUTES for each in fresh]
            self._means[row, :, places] = np.nan
            self._counts[row, :, places] = 0
            self._newest[row] = minute
        elif minute <= newest - MINUTES:
            return -1
        return minute % MINUTES


class FaultCounts:
    """How many of a fan's results were faults: of two minutes, or of its last few where it is read seldom."""

    def __init__(self, table: Table) -> None:
        self._step = table.numbers(shape=(_STEPS,))
        self._results = table.numbers(np.int32, shape=(_STEPS,))
        self._faults = table.numbers(np.int32, shape=(_STEPS,))
        self._newest = table.numbers()
        self._in_a_row = table.numbers(np.int32)
        """So many faults came one after the other, up to now."""

    def add(self, row: int, ms: int, faults: int, results: int = 1) -> None:
        """Counts results of a fan, measured at `ms` (since the epoch), and how many of them were faults."""
        step = ms // _STEP_MS
        column = step % _STEPS
        if self._step[row, column] > step:
            return
        if self._step[row, column] < step:
            self._step[row, column] = step
            self._results[row, column] = self._faults[row, column] = 0
        self._results[row, column] += results
        self._faults[row, column] += faults
        self._newest[row] = max(int(self._newest[row]), step)
        self._in_a_row[row] = min(int(self._in_a_row[row]) + faults, 1_000_000) if faults == results else 0

    def faulty(self, count: int) -> np.ndarray:
        """For the first `count` rows: whether the readings are faulty, as of the fan's own newest result."""
        lately = self._step[:count] > (self._newest[:count] - _STEPS)[:, None]
        results = (self._results[:count] * lately).sum(axis=1)
        faults = (self._faults[:count] * lately).sum(axis=1)
        # Of a sensor that is read each ten minutes, two minutes hold one result: its last ones count instead.
        seldom = (results < FAULTS) & (self._in_a_row[:count] >= FAULTS)
        found: np.ndarray = faulty(faults, results) | seldom
        return found
