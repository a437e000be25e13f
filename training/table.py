"""Read a history file, and refuse what nothing can be learned from, before any time is spent on training.

Memory is bounded: of a file with more rows than `LIMIT`, an even sample is kept, drawn by device and time, so that
the copies of a row are kept or left out together, whatever their order.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.quality import Quality, notes_on, survey
from training.rows import Batch, HistoryError, Progress, Rows
from training.sample import Codes, Kept, Sample, Times
from training.sensors import SENSORS

__all__ = ["COLUMNS", "LIMIT", "HistoryError", "Table", "check_learnable", "read"]

COLUMNS: Final = ("DeviceID", "Time", *(sensor.column for sensor in SENSORS), "Faulty")
LIMIT: Final = 1_000_000
"""Rows that are kept at most; about 200 MB while reading."""
_MOST_IMPLAUSIBLE: Final = 0.2
_FEWEST_OF_A_KIND: Final = 50
_LABELS: Final = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "False": 0, "True": 1}
_LABELS_OF_EXCEL: Final = {"FALSE": 0, "TRUE": 1}


class Table(NamedTuple):
    """The usable rows of a history file. Only `features` are learned from."""

    features: NDArray[np.float64]
    """Rotation rpm, temperature °C, vibration, sound dB, shape (n, 4)."""
    faulty: NDArray[np.bool_]
    """Shape (n,)."""
    implausible: int
    """Rows left out because a value lies beyond what a working sensor gives."""
    sha256: str
    """Of the file's bytes."""
    notes: list[str]
    """What a person should know about the file, a sentence each."""
    quality: Quality
    """The same in numbers, and more."""
    device: NDArray[np.int32]
    """Index into `quality.devices`, shape (n,): can give the label away, so it is only looked at."""
    time_ms: NDArray[np.int64]
    """Since the epoch, UTC, shape (n,): likewise."""
    line: NDArray[np.int64]
    """In the file, shape (n,): likewise."""
    others: dict[str, list[str]]
    """Cells of the columns that are not used, of some rows."""
    others_faulty: NDArray[np.bool_]
    """Labels of these rows."""


def read(path: Path, progress: Progress = lambda done, total: None, *, limit: int = LIMIT) -> Table:
    """Read and check a history file. HistoryError names the first line that is wrong, and how."""
    rows = Rows(path, progress)
    devices, times = Codes(), Times()
    sample: Sample | None = None
    for batch in rows:
        if sample is None:
            order = _order(path, rows.header)
            extra = [i for i, name in enumerate(rows.header) if name and i not in order]
            sample = Sample(limit)
        sample.add(_parsed(path, batch, order, devices, times), batch.rows, extra)
    if sample is None:
        _order(path, rows.header)
        raise HistoryError(
            f"{path} has a header but no rows below it: export it once more, with its readings."
        )
    kept, repeated = _without_repeats(path, sample.kept(), devices, times)
    quality = survey(kept, devices.names, times.forms, rows.blank, sample.seen, repeated)
    fit = kept.plausible()
    names = [rows.header[i] for i in extra]
    others = dict(zip(names, map(list, zip(*sample.others, strict=True)), strict=True)) if names else {}
    return Table(
        kept.features[fit], kept.faulty[fit], int((~fit).sum()), rows.sha256, notes_on(quality), quality,
        kept.device[fit], kept.time_ms[fit], kept.line[fit], others, np.array(sample.others_faulty, dtype=np.bool_),
    )  # fmt: skip


def check_learnable(table: Table, path: Path) -> None:
    """Raise HistoryError unless the table has enough rows of each kind and few implausible ones."""
    for kind, rows in (("faulty", int(table.faulty.sum())), ("healthy", int((~table.faulty).sum()))):
        if rows < _FEWEST_OF_A_KIND:
            raise HistoryError(
                f"{path} has {rows} {kind} rows (column Faulty) of {len(table.faulty):,}; training needs at least"
                f" {_FEWEST_OF_A_KIND} of each kind: take a longer history, or label more of it."
            )
    share = table.implausible / (len(table.faulty) + table.implausible)
    if share > _MOST_IMPLAUSIBLE:
        raise HistoryError(
            f"{path}: {share:.0%} of the rows hold values that no working sensor gives, and at most"
            f" {_MOST_IMPLAUSIBLE:.0%} may: {_implausible(table.quality)}. See that each column has its own sensor's"
            " values, in the right unit, and leave out the rows in which a sensor was broken."
        )


def _implausible(quality: Quality) -> str:
    """Of each column that has such values: how many, where the first is, and what is possible."""
    ranges = {sensor.column: (*sensor.plausible, sensor.unit) for sensor in SENSORS}
    found = sorted((each for each in quality.columns if each.implausible), key=lambda each: -each.implausible)
    told = []
    for each in found:
        low, high, unit = ranges[each.name]
        told.append(
            f"{each.name} in {each.implausible:,} rows (the first in line {each.implausible_line}), where"
            f" {low:g} to {high:g}{'' if ' ' in unit else f' {unit}'} can be"
        )
    return "; ".join(told)


def _order(path: Path, header: list[str]) -> list[int]:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found = f" It names {','.join(header)[:200]}." if any(header) else ""
        raise HistoryError(
            f"{path} line 1 has no column {', '.join(missing)}: it must name {','.join(COLUMNS)}.{found}"
        )
    return [header.index(name) for name in COLUMNS]


def _parsed(path: Path, batch: Batch, order: list[int], devices: Codes, times: Times) -> Kept:
    try:
        columns = [[row[index] for row in batch.rows] for index in order]
        values = np.array([list(map(float, column)) for column in columns[2:-1]])
        if not np.isfinite(values).all():
            raise ValueError
        return Kept(
            np.ascontiguousarray(values.T),
            np.fromiter(map(_label, columns[-1]), np.bool_, len(batch.rows)),
            np.fromiter(map(devices.code, columns[0]), np.int32, len(batch.rows)),
            np.fromiter(map(times.ms, columns[1], batch.lines), np.int64, len(batch.rows)),
            np.array(batch.lines, dtype=np.int64),
        )
    except (ValueError, KeyError, IndexError):
        # Something in this batch is wrong: find the first cell that is, and say so.
        for line, row in zip(batch.lines, batch.rows, strict=True):
            _check(f"{path} line {line}", line, row, order, devices, times)
        raise


def _check(where: str, line: int, row: list[str], order: list[int], devices: Codes, times: Times) -> None:
    if len(row) <= max(order):
        missing = ", ".join(name for name, index in zip(COLUMNS, order, strict=True) if index >= len(row))
        raise HistoryError(
            f"{where} has {len(row)} values, none of them for {missing}: add it, or remove the line."
        )
    cells = [row[index].strip() for index in order]
    try:
        devices.code(cells[0])
    except ValueError as error:
        raise HistoryError(f"{where}: {error} Put the fan's name there, or remove the line.") from None
    try:
        times.ms(cells[1], line)
    except ValueError as error:
        raise HistoryError(f"{where}: Time {cells[1][:60]!r} {error}") from None
    for cell, sensor in zip(cells[2:-1], SENSORS, strict=True):
        if not _holds(lambda cell=cell: math.isfinite(float(cell))):  # type: ignore[misc]
            raise HistoryError(
                f"{where}: {sensor.column} {cell[:60]!r} is not a finite number: write one such as 47.9,"
                " with a point and without a unit, or remove the line."
            )
    if not _holds(lambda: _label(cells[-1]) >= 0):
        raise HistoryError(
            f"{where}: Faulty {cells[-1][:60]!r} must be 0 or 1, for healthy or faulty: write one, or remove the line."
        )


def _holds(claim: Callable[[], bool]) -> bool:
    try:
        return claim()
    except (ValueError, KeyError):
        return False


def _label(cell: str) -> int:
    found = _LABELS.get(cell)
    return (_LABELS | _LABELS_OF_EXCEL)[cell.strip()] if found is None else found


def _without_repeats(path: Path, rows: Kept, devices: Codes, times: Times) -> tuple[Kept, int]:
    """The rows in the file's order, each once, and how many were repeats.

    Raises HistoryError where two rows of one device and time differ.
    """
    order = np.lexsort((rows.line, rows.time_ms, rows.device))
    later, earlier = order[1:], order[:-1]
    again = (rows.device[later] == rows.device[earlier]) & (rows.time_ms[later] == rows.time_ms[earlier])
    later, earlier = later[again], earlier[again]
    other = (rows.features[later] != rows.features[earlier]).any(axis=1) | (
        rows.faulty[later] != rows.faulty[earlier]
    )
    if other.any():
        first = later[other][np.argmin(rows.line[later[other]])]
        mixed = (
            " Times without a zone are read as UTC here, and not all have one."
            if len(times.forms) > 1
            else ""
        )
        before = earlier[other][np.argmin(rows.line[later[other]])]
        raise HistoryError(
            f"{path} line {rows.line[first]}: {devices.names[rows.device[first]]} has another row at"
            f" {np.datetime64(int(rows.time_ms[first]), 'ms').item():%Y-%m-%d %H:%M:%S} with other values"
            f" (line {rows.line[before]}): remove one of them.{mixed}"
        )
    once = np.ones(len(rows.line), dtype=np.bool_)
    once[later] = False
    return (rows if once.all() else rows.at(once)), len(later)
