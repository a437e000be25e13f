"""The last hour of every fan: means a minute of its signals and its score."""

import numpy as np

from fanwatch.sensors import FEATURES, Values

MINUTES = 60
CHANNELS = len(FEATURES) + 1
"""The signals, then the score."""
_MINUTE_MS = 60_000


class Trends:
    """Rings of MINUTES places. The pages of memory of fans that are not there are never touched."""

    def __init__(self, most: int) -> None:
        self._means = np.empty((most, CHANNELS, MINUTES), np.float32)
        self._counts = np.empty((most, 2, MINUTES), np.uint16)
        """Of readings and of scores."""
        self._newest = np.zeros(most, np.int64)
        """The newest minute that has a place, in minutes since the epoch; 0 for a fan without any."""

    def add(self, index: int, ms: int, values: Values) -> None:
        """Takes a reading of a fan; one of more than an hour before its newest is no part of it."""
        at = self._place(index, ms // _MINUTE_MS)
        if at < 0:
            return
        count = min(int(self._counts[index, 0, at]) + 1, 60_000)
        self._counts[index, 0, at] = count
        column = self._means[index, :-1, at]
        if count == 1:
            column[:] = values
        else:
            column += (np.asarray(values, np.float32) - column) / count

    def add_score(self, index: int, ms: int, probability: float) -> None:
        """Takes a score of a fan."""
        at = self._place(index, ms // _MINUTE_MS)
        if at < 0:
            return
        count = min(int(self._counts[index, 1, at]) + 1, 60_000)
        self._counts[index, 1, at] = count
        mean = 0.0 if count == 1 else self._means[index, -1, at]
        self._means[index, -1, at] = mean + (probability - mean) / count

    def fill(self, index: int, minute: int, channel: int, mean: float) -> None:
        """Sets what the store knows of a minute, where nothing came live."""
        at = self._place(index, minute)
        kind = 1 if channel == CHANNELS - 1 else 0
        if at >= 0 and np.isnan(self._means[index, channel, at]) and self._counts[index, kind, at] == 0:
            self._means[index, channel, at] = mean

    def lines(self, index: int, now_minute: int) -> np.ndarray:
        """CHANNELS x MINUTES means, the last column being minute `now_minute`; NaN where there is none."""
        newest = int(self._newest[index])
        lines = np.full((CHANNELS, MINUTES), np.nan, np.float32)
        if newest == 0:
            return lines
        wanted = np.arange(now_minute - MINUTES + 1, now_minute + 1)
        held = (wanted > newest - MINUTES) & (wanted <= newest)
        lines[:, held] = self._means[index][:, wanted[held] % MINUTES]
        return lines

    def move(self, index: int, to: int) -> None:
        """Gives the trends of one place to another, and leaves none behind."""
        if index != to:
            self._means[to], self._counts[to] = self._means[index], self._counts[index]
            self._newest[to] = self._newest[index]
        self._newest[index] = 0

    def _place(self, index: int, minute: int) -> int:
        newest = int(self._newest[index])
        if minute > newest:
            fresh = (
                slice(None)
                if minute - newest >= MINUTES
                else [place % MINUTES for place in range(newest + 1, minute + 1)]
            )
            self._means[index, :, fresh] = np.nan
            self._counts[index, :, fresh] = 0
            self._newest[index] = minute
        elif minute <= newest - MINUTES:
            return -1
        return minute % MINUTES
