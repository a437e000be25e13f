"""A fleet's history: `readings.csv`, what its sensors showed, and `events.csv`, what was true."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fanwatch.alarm import INSTRUMENT_CAUSES
from fanwatch.forecast import PLAUSIBLE, Bins, gather
from fanwatch.forecast.bins import Floats, Ints
from fanwatch.reading import FEATURES
from fanwatch.timestamps import parse_ms
from training.rows import Batch, HistoryError, Rows
from training.sample import Codes, Times
from training.table import COLUMNS

READINGS: Final = "readings.csv"
EVENTS: Final = "events.csv"
EVENT_COLUMNS: Final = ("DeviceID", "Start", "Failure", "Repaired", "Kind", "Mode")
_UTC: Final = ZoneInfo("UTC")
FOREVER_MS: Final = 2**62
_OUTSIDE: Final = (0.001, 0.999)

Flags = NDArray[np.bool_]


class Fault(NamedTuple):
    """A fan that wore out; times in ms since the epoch."""

    fan: int
    start_ms: int
    failure_ms: int | None
    """When it stopped; None where it was repaired before, or the history ends before."""
    over_ms: int
    """When it was repaired; FOREVER_MS where that is not known."""
    mode: str
    """Empty where nobody has said."""


class Broken(NamedTuple):
    """A sensor that failed, or with sensor -1 the fan's connection."""

    fan: int
    start_ms: int
    over_ms: int
    sensor: int
    cause: str
    """One of INSTRUMENT_CAUSES."""


class History(NamedTuple):
    """All of it, rows in order of time."""

    devices: list[str]
    time_ms: Ints
    fan: Ints
    values: NDArray[np.float64]
    """Shape (n, 4)."""
    faults: list[Fault]
    broken: list[Broken]
    sha256: str
    """Of both files."""

    @property
    def months(self) -> float:
        """Fan-months of 30 days."""
        return len(self.devices) * self.days / 30

    @property
    def days(self) -> float:
        """From the first reading to the last."""
        return float(self.time_ms[-1] - self.time_ms[0]) / 86_400_000

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
        )

    def edges(self) -> Floats:
        """The healthy range of each sensor: of what healthy, running fans with sound sensors showed, shape (4, 2)."""
        low, high = np.array(PLAUSIBLE).T
        good = ((self.values >= low) & (self.values <= high)).all(axis=1)
        events: list[Fault | Broken] = [*self.faults, *self.broken]
        for each in events:
            rows = slice(*np.searchsorted(self.time_ms, (each.start_ms, each.over_ms)))
            good[rows] &= self.fan[rows] != each.fan
        if good.sum() < 1000:
            raise HistoryError(
                f"{READINGS} has only {good.sum():,} readings of healthy fans: at least 1,000 are needed."
            )
        found: Floats = np.quantile(self.values[good], _OUTSIDE, axis=0).T.round(2).astype(np.float32)
        return found


def read(directory: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> History:
    """Read both files of a directory. HistoryError names the line and column that is wrong."""
    rows, devices, times = Rows(directory / READINGS, progress), Codes(), Times()
    parts: list[tuple[Ints, Ints, NDArray[np.float64]]] = []
    for batch in rows:
        missing = [name for name in COLUMNS[:-1] if name not in rows.header]
        if missing:
            raise HistoryError(f"{directory / READINGS} has no column {', '.join(missing)}.")
        order = [rows.header.index(name) for name in COLUMNS[:-1]]
        parts.append(_parsed(directory / READINGS, batch, order, devices, times))
    if not parts:
        raise HistoryError(f"{directory / READINGS} has no rows.")
    time_ms, fan, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    in_time = np.argsort(time_ms, kind="stable")
    known = {name: number for number, name in enumerate(devices.names)}
    faults, broken, sha256 = _events(directory / EVENTS, known)
    return History(
        devices.names,
        time_ms[in_time],
        fan[in_time],
        values[in_time],
        faults,
        broken,
        f"{rows.sha256} {sha256}",
    )


def _parsed(
    path: Path, batch: Batch, order: list[int], devices: Codes, times: Times
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    line, cell, column = 0, "", ""
    try:
        fan, time_ms, values = [], [], []
        for line, row in zip(batch.lines, batch.rows, strict=True):
            column, cell = COLUMNS[0], row[order[0]]
            fan.append(devices.code(cell))
            column, cell = COLUMNS[1], row[order[1]]
            time_ms.append(times.ms(cell, line))
            column, cell = "a value of", ",".join(row[index] for index in order[2:])
            values.append([float(row[index]) for index in order[2:]])
    except IndexError:
        raise HistoryError(f"{path} line {line} has fewer values than the header names.") from None
    except ValueError:
        raise HistoryError(f"{path} line {line}: {column} {cell[:80]!r} cannot be read.") from None
    return np.array(time_ms, np.int64), np.array(fan, np.int64), np.array(values)


def _events(path: Path, known: dict[str, int]) -> tuple[list[Fault], list[Broken], str]:
    rows = Rows(path)
    faults: list[Fault] = []
    broken: list[Broken] = []
    for batch in rows:
        missing = [name for name in EVENT_COLUMNS if name not in rows.header]
        if missing:
            raise HistoryError(
                f"{path} has no column {', '.join(missing)}: its header must name {EVENT_COLUMNS}."
            )
        order = [rows.header.index(name) for name in EVENT_COLUMNS]
        for line, row in zip(batch.lines, batch.rows, strict=True):
            where = f"{path} line {line}"
            if len(row) <= max(order):
                raise HistoryError(f"{where} has fewer values than the header names.")
            cells = [row[index].strip() for index in order]
            if cells[0] in known:
                _event(where, known[cells[0]], cells, faults, broken)
    return faults, broken, rows.sha256


def _event(where: str, fan: int, cells: list[str], faults: list[Fault], broken: list[Broken]) -> None:
    start, failure, repaired = (
        _time_ms(where, *pair) for pair in zip(EVENT_COLUMNS[1:4], cells[1:4], strict=True)
    )
    if start is None:
        raise HistoryError(f"{where}: Start is empty.")
    if not start <= (failure or start) <= (repaired or FOREVER_MS):
        raise HistoryError(f"{where}: Start, Failure and Repaired do not follow each other.")
    kind, mode = cells[4:6]
    if kind == "fault":
        faults.append(Fault(fan, start, failure, repaired or FOREVER_MS, mode))
        return
    sensor, _, cause = mode.rpartition(":")
    if kind != "instrument" or cause not in INSTRUMENT_CAUSES or (cause != "silent") != (sensor in FEATURES):
        raise HistoryError(
            f"{where}: Kind must be fault, or instrument with a Mode such as vibration:stuck or silent,"
            f" not {kind[:40]!r} with {mode[:40]!r}."
        )
    number = FEATURES.index(sensor) if sensor else -1
    broken.append(Broken(fan, start, repaired or FOREVER_MS, number, cause))


def _time_ms(where: str, column: str, cell: str) -> int | None:
    try:
        return parse_ms(cell, _UTC) if cell else None
    except ValueError as error:
        raise HistoryError(f"{where}: {column} {cell[:40]!r} is {error}.") from None
