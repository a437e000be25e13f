"""A fleet's history: `readings.csv`, what its sensors showed, and `events.csv`, what was true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import PLAUSIBLE, Bins, gather
from fanwatch.forecast.bins import Floats, Ints
from fanwatch.messages.files import Batch
from fanwatch.sensors import COLUMNS
from training.forecast import events
from training.forecast.events import FOREVER_MS, Broken, Fault
from training.forecast.preparation import fitting_rows, notes_on
from training.repeats import last_of_each
from training.rows import Cells, HistoryError, Progress, Rows

__all__ = ["EVENTS", "FOREVER_MS", "READINGS", "Broken", "Fault", "History", "HistoryError", "read"]

READINGS: Final = "readings.csv"
EVENTS: Final = "events.csv"
_OUTSIDE: Final = (0.001, 0.999)
_FEWEST_A_FAN: Final = 100
_SHORTEST_MS: Final = 86_400_000
"""With fewer readings a fan, or in less time, nothing that is said of a forecast is more than chance."""
_CLEARLY: Final = 1.2
"""Rows may become longer than the first ones are."""

Parts = list[tuple[Ints, Ints, NDArray[np.float64], Ints]]


class History(NamedTuple):
    """All of it, rows in order of time."""

    devices: list[str]
    time_ms: Ints
    fan: Ints
    values: NDArray[np.float64]
    """Shape (n, sensors)."""
    faults: list[Fault]
    broken: list[Broken]
    sha256: str
    """Of both files."""
    notes: tuple[str, ...] = ()
    """What a person should know about the files, a sentence each."""
    replaced: tuple[str, ...] = ()
    """In words, the readings whose fan and time come again further down with other values, which count."""

    @property
    def months(self) -> float:
        """Fan-months of 30 days."""
        return len(self.devices) * self.days / 30

    @property
    def days(self) -> float:
        """From the first reading to the last."""
        return float(self.time_ms[-1] - self.time_ms[0]) / 86_400_000

    @property
    def failures(self) -> int:
        """Faults that stopped their fan, and that somebody could have been told of before."""
        return sum(fault.failure_ms is not None and not fault.unseen for fault in self.faults)

    def bins(self) -> Iterator[Bins]:
        """Yield the ten-minute bins, oldest first."""
        return gather(self.time_ms, self.fan, self.values, len(self.devices))

    def only(self, fans: Ints) -> "History":
        """The history of some fans, numbered anew in the order given."""
        number = np.full(len(self.devices), -1, np.int64)
        number[fans] = np.arange(len(fans))
        kept = number[self.fan] >= 0
        faults = [each._replace(fan=int(number[each.fan])) for each in self.faults if number[each.fan] >= 0]
        broken = [each._replace(fan=int(number[each.fan])) for each in self.broken if number[each.fan] >= 0]
        devices = [self.devices[fan] for fan in fans]
        return History(
            devices,
            self.time_ms[kept],
            number[self.fan[kept]],
            self.values[kept],
            faults,
            broken,
            self.sha256,
            self.notes,
            self.replaced,
        )

    def check_tellable(self, directory: Path) -> None:
        """Raise HistoryError unless there is enough to follow fans through, and to say how well that went."""
        readings, fans = len(self.time_ms), len(self.devices)
        if readings < _FEWEST_A_FAN * fans or self.time_ms[-1] - self.time_ms[0] < _SHORTEST_MS:
            raise HistoryError(
                f"{directory / READINGS} has {readings:,} readings of {fans:,} fans in {self.days:.1f} days: nothing"
                f" can be said of a forecast with less than a day, or fewer than {_FEWEST_A_FAN} readings a fan."
            )

    def edges(self) -> Floats:
        """The healthy range of each sensor: what healthy, running fans with sound sensors showed,
        shape (sensors, 2)."""
        low, high = np.array(PLAUSIBLE).T
        good = ((self.values >= low) & (self.values <= high)).all(axis=1)
        known: list[Fault | Broken] = [*self.faults, *self.broken]
        for each in known:
            rows = slice(*np.searchsorted(self.time_ms, (each.start_ms, each.over_ms)))
            good[rows] &= self.fan[rows] != each.fan
        if good.sum() < 1000:
            outside = self._outside()
            raise HistoryError(
                f"{READINGS} has only {good.sum():,} readings of healthy fans: at least 1,000 are needed."
                + (f" Values that no working sensor gives: {outside}." if outside else "")
            )
        found: Floats = np.quantile(self.values[good], _OUTSIDE, axis=0).T.round(2).astype(np.float32)
        return found

    def _outside(self) -> str:
        """Of each column with values that no working sensor gives: in how many rows, and what is possible."""
        told = []
        for index, (low, high) in enumerate(PLAUSIBLE):
            count = int(((self.values[:, index] < low) | (self.values[:, index] > high)).sum())
            if count:
                told.append(
                    f"{COLUMNS[2 + index]} in {count:,} of {len(self.values):,} rows, where {low:g} to {high:g} can be"
                )
        return "; ".join(told)


def read(
    directory: Path, progress: Progress = lambda done, total: None, *, most: int | None = None
) -> History:
    """Read both files of a directory; of two readings of one fan and time the last one counts, as in InfluxDB.

    HistoryError names the line and column that is wrong, or says that there are more than `most` rows, by default
    as many as memory holds in a training.
    """
    try:
        readings = _readings(directory / READINGS, progress, fitting_rows() if most is None else most)
    except HistoryError as error:
        # What is wrong with the other file shall not come only once this one was mended.
        wrong, problems = str(error), error.problems
        try:
            events.read(directory / EVENTS, None, [])
        except HistoryError as other:
            wrong, problems = f"{wrong}\n{other}", (*problems, *other.problems)
        raise HistoryError(wrong, problems) from error
    devices, time_ms, fan, values, notes, replaced, sha256 = readings
    first_ms = np.full(len(devices), FOREVER_MS)
    np.minimum.at(first_ms, fan, time_ms)
    found = events.read(directory / EVENTS, devices, first_ms.tolist())
    return History(
        devices,
        time_ms,
        fan,
        values,
        found.faults,
        found.broken,
        f"{sha256} {found.sha256}",
        (*notes, *found.notes),
        replaced,
    )


class _Readings(NamedTuple):
    devices: list[str]
    time_ms: Ints
    fan: Ints
    values: NDArray[np.float64]
    notes: list[str]
    replaced: tuple[str, ...]
    sha256: str


def _readings(path: Path, progress: Progress, most: int) -> _Readings:
    """The first of the two files."""
    rows = Rows(path, progress)
    cells = Cells(COLUMNS, rows.problems)
    devices, times = cells.devices, cells.times
    parts: Parts = []
    count = 0
    for batch, order in rows.batches(COLUMNS):
        taken = cells.take(batch, order)
        if taken is not None and not rows.problems:
            parts.append((taken.time_ms, taken.device.astype(np.int64), taken.features, taken.line))
        count += len(batch.lines)
        # A huge file is refused by its first rows' length, and not minutes later.
        expected = count if count > len(batch.lines) else max(count, int(_expected(path, batch) / _CLEARLY))
        if expected > most:
            raise HistoryError(
                f"{path} has more than {most:,} rows, which is what the memory that is free holds in a training:"
                " `fanwatch history export --every 1m` writes a row a minute and fan, which is enough; or take fewer"
                " fans or days."
            )
    if not parts:
        raise HistoryError(f"{path} has a header but no rows.")
    time_ms, fan, values, lines = (_whole(parts, column) for column in range(4))
    parts.clear()
    notes = notes_on(path.name, times.forms, rows.blank, time_ms, fan, values)
    repeats = last_of_each(
        devices.names, fan, time_ms, lines, lambda some, others: (values[some] != values[others]).any(axis=1)
    )
    if repeats.repeated:
        other = f": {repeats.first}" if repeats.replaced else ""
        notes.append(
            f"{path.name}: {repeats.repeated:,} readings have the time of another reading of their fan,"
            f" {repeats.replaced:,} of them with other values; the last one in the file counts{other}."
        )
        time_ms, fan, values = time_ms[repeats.kept], fan[repeats.kept], values[repeats.kept]
    if (np.diff(time_ms) < 0).any():
        in_time = np.argsort(time_ms, kind="stable")
        time_ms, fan, values = time_ms[in_time], fan[in_time], values[in_time]
    return _Readings(devices.names, time_ms, fan, values, notes, tuple(repeats.listed), rows.sha256)


def _expected(path: Path, batch: Batch) -> float:
    """How many rows there are, if all are as long as those of the first batch."""
    characters = sum(sum(map(len, row)) + len(row) for row in batch.rows)
    return len(batch.rows) * path.stat().st_size / characters


def _whole(parts: Parts, column: int) -> NDArray[Any]:
    """One column of all parts, which are let go of on the way: at no time is there more than one copy of it besides."""
    whole = np.concatenate([part[column] for part in parts])
    nothing = np.empty(0)
    for index, part in enumerate(parts):
        parts[index] = (*part[:column], nothing, *part[column + 1 :])  # type: ignore[assignment]
    return whole
