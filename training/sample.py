"""What is kept of a history file while it is read: all rows of a usual one, an even sample of a huge one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import SENSORS

_MOST_DEVICES: Final = 100_000
_REMEMBERED_TIMES: Final = 100_000
_MOST_OTHERS: Final = 20_000
"""Rows of which the unused columns are kept, to see whether one gives the label away."""
_LONGEST_CELL: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORM: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:([ Tt])\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)


class RowSample(NamedTuple):
    """Rows as arrays, first axis n."""

    features: NDArray[np.float64]
    faulty: NDArray[np.bool_]
    device: NDArray[np.int32]
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


class Codes:
    """Numbers for device names, in the order of their first appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, cell: str) -> int:
        """Of a name. ValueError, a sentence, where it is empty or the names do not end."""
        found = self._codes.get(cell)
        if found is not None:
            return found
        name = cell.strip()
        if name != cell:
            return self.code(name)
        if not name:
            raise ValueError("DeviceID is empty.")
        if len(self.names) == _MOST_DEVICES:
            raise ValueError(
                f"DeviceID has more than {_MOST_DEVICES:,} values: it must name a fan, not a row."
            )
        self.names.append(name)
        return self._codes.setdefault(name, len(self.names) - 1)


class Times:
    """Milliseconds of times in the forms that a history file may use; those without a zone are UTC."""

    def __init__(self) -> None:
        self.forms: dict[str, tuple[str, int]] = {}
        """Form → its first time and that one's line."""
        self._known: dict[str, int] = {}

    def ms(self, cell: str, line: int) -> int:
        """Of a time. ValueError, the end of a sentence, where it is none."""
        found = self._known.get(cell)
        if found is not None:
            return found
        text = cell.strip()
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(
                "is not a time such as 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z: write it so."
            )
        try:
            time = datetime.fromisoformat(text)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("is no time of any calendar: correct it, or remove the line.") from None
        self.forms.setdefault(_form(match), (text, line))
        if len(self._known) == _REMEMBERED_TIMES:
            self._known.clear()
        return self._known.setdefault(cell, (time - _EPOCH) // timedelta(milliseconds=1))


def _form(match: re.Match[str]) -> str:
    separator, _, _, zone = match.groups()
    if separator is None:
        return "dates without a time of day"
    shape = "with T" if separator in "Tt" else "with a space"
    return f"{shape}, {'no zone' if zone is None else 'UTC (Z)' if zone in 'Zz' else 'an offset'}"


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
