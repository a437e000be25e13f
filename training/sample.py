"""What is kept of a history file while it is read: all rows of a usual one, an even sample of a huge one."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import SENSORS

_MOST_OTHERS: Final = 20_000
"""Rows of which the unused columns are kept, to see whether one gives the label away."""
_LONGEST_CELL: Final = 64


class RowSample(NamedTuple):
    """Rows as arrays, first axis n."""

    features: NDArray[np.float64]
    """In the order of FEATURES, shape (n, sensors)."""
    faulty: NDArray[np.bool_]
    """False where the file has no labels."""
    device: NDArray[np.int32]
    """Numbers of the devices in the order of their first appearance."""
    time_ms: NDArray[np.int64]
    line: NDArray[np.int64]

    def at(self, rows: NDArray[np.bool_]) -> "RowSample":
        """The rows chosen."""
        return RowSample(
            self.features[rows], self.faulty[rows], self.device[rows], self.time_ms[rows], self.line[rows]
        )

    def differ(self, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each two rows, given by their indices, differ in values or label."""
        values: NDArray[np.bool_] = (self.features[some] != self.features[others]).any(axis=1)
        labels: NDArray[np.bool_] = self.faulty[some] != self.faulty[others]
        return np.logical_or(values, labels)

    def plausible(self) -> NDArray[np.bool_]:
        """Shape (n,): whether working sensors could have given the values."""
        low, high = np.array([sensor.plausible for sensor in SENSORS]).T
        fit: NDArray[np.bool_] = ((self.features >= low) & (self.features <= high)).all(axis=1)
        return fit


class Sample:
    """Takes rows and keeps them, or an even sample of at most `limit` devices' times once there are twice as many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cut = self._others_cut = np.uint64(2**64 - 1)
        self._parts: list[tuple[NDArray[np.uint64], RowSample]] = []
        self._held = 0
        self._hashes: list[int] = []
        self.seen = 0
        """Rows that came."""
        self.others: list[tuple[str, ...]] = []
        self.others_faulty: list[bool] = []

    def add(self, rows: RowSample, cells: list[list[str]], extra: list[int]) -> None:
        """Rows, and the same as cells, of which the columns `extra` are kept for a few."""
        hashes = _mixed(_mixed(rows.device.astype(np.uint64)) ^ rows.time_ms.astype(np.uint64))
        self.seen += len(hashes)
        if extra:
            self._add_others(hashes, rows, cells, extra)
        chosen = hashes <= self._cut
        self._parts.append((hashes, rows) if chosen.all() else (hashes[chosen], rows.at(chosen)))
        self._held += int(chosen.sum())
        if self._held > 2 * self._limit:
            self._thin()

    def kept(self) -> RowSample:
        """All that is kept, in the file's order."""
        if self.seen > self._limit:
            self._thin()
        return RowSample(
            *(np.concatenate(columns) for columns in zip(*(rows for _, rows in self._parts), strict=True))
        )

    def _thin(self) -> None:
        hashes = np.concatenate([part for part, _ in self._parts])
        if len(hashes) <= self._limit:
            return
        self._cut = np.partition(hashes, self._limit - 1)[self._limit - 1]
        self._parts = [(part[part <= self._cut], rows.at(part <= self._cut)) for part, rows in self._parts]
        self._held = sum(len(part) for part, _ in self._parts)

    def _add_others(
        self, hashes: NDArray[np.uint64], rows: RowSample, cells: list[list[str]], extra: list[int]
    ) -> None:
        for index in np.flatnonzero(hashes <= self._others_cut).tolist():
            row = cells[index]
            self._hashes.append(int(hashes[index]))
            self.others.append(tuple(row[i].strip()[:_LONGEST_CELL] if i < len(row) else "" for i in extra))
            self.others_faulty.append(bool(rows.faulty[index]))
        if len(self._hashes) > _MOST_OTHERS:
            self._others_cut = np.uint64(sorted(self._hashes)[_MOST_OTHERS // 2])
            few = [i for i, value in enumerate(self._hashes) if value <= self._others_cut]
            self._hashes = [self._hashes[i] for i in few]
            self.others = [self.others[i] for i in few]
            self.others_faulty = [self.others_faulty[i] for i in few]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finish: numbers that lie close together come out far apart."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
