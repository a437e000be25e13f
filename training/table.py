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

from fanwatch import sensors
from fanwatch.problems import Problems
from fanwatch.sensors import SENSORS
from training.quality import Quality, notes_on, survey
from training.repeats import last_of_each
from training.rows import Batch, HistoryError, Progress, Rows
from training.sample import Codes, RowSample, Sample, Times

__all__ = ["COLUMNS", "LIMIT", "HistoryError", "Table", "check_learnable", "read"]

COLUMNS: Final = (*sensors.COLUMNS, "Faulty")
LIMIT: Final = 1_000_000
"""Rows that are kept at most; about 200 MB while reading."""
_MOST_IMPLAUSIBLE: Final = 0.2
_FEWEST_OF_A_KIND: Final = 50
_LABELS: Final = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "False": 0, "True": 1}
_LABELS_OF_EXCEL: Final = {"FALSE": 0, "TRUE": 1}


class Table(NamedTuple):
    """The usable rows of a history file. Only `features` are learned from."""

    features: NDArray[np.float64]
    """In the order and units of SENSORS, shape (n, sensors)."""
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
    replaced: list[str]
    """In words, the rows whose device and time come again further down with other values, which count."""


def read(path: Path, progress: Progress = lambda done, total: None, *, limit: int = LIMIT) -> Table:
    """Read and check a history file; of two rows of one device and time the last one counts, as in InfluxDB.

    HistoryError says all that is wrong, by kind: how many lines have it, and which are the first.
    """
    rows = Rows(path, progress)
    devices, times = Codes(), Times()
    sample, order = Sample(limit), None
    for batch in rows:
        order = _order(rows) if order is None else order
        extra = [i for i, name in enumerate(rows.header) if name and i not in order]
        parsed = _parsed(rows.problems, batch, order, devices, times)
        if parsed is not None and not rows.problems:
            sample.add(parsed, batch.rows, extra)
    if order is None:
        raise HistoryError(_nothing(path, rows))
    all_kept = sample.kept()
    repeats = last_of_each(devices.names, all_kept.device, all_kept.time_ms, all_kept.line, all_kept.differ)
    kept = all_kept.at(repeats.kept) if repeats.repeated else all_kept
    quality = survey(kept, devices.names, times.forms, rows.blank, sample.seen, repeats)
    fit = kept.plausible()
    names = [rows.header[i] for i in extra]
    others = dict(zip(names, map(list, zip(*sample.others, strict=True)), strict=True)) if names else {}
    return Table(
        kept.features[fit], kept.faulty[fit], int((~fit).sum()), rows.sha256, notes_on(quality), quality,
        kept.device[fit], kept.time_ms[fit], kept.line[fit], others, np.array(sample.others_faulty, dtype=np.bool_),
        repeats.listed,
    )  # fmt: skip


def check_learnable(table: Table, path: Path) -> None:
    """Raise HistoryError unless the table has enough rows of each kind and few implausible ones."""
    quality, left_out = table.quality, table.implausible
    wrong = []
    if left_out > _MOST_IMPLAUSIBLE * quality.kept:
        wrong.append(
            f"{path}: {left_out / quality.kept:.0%} of the rows hold values that no working sensor gives, and at most"
            f" {_MOST_IMPLAUSIBLE:.0%} may: {implausible(quality)}. See that each column has its own sensor's"
            " values, in the right unit, and leave out the rows in which a sensor was broken."
        )
    faulty = sum(quality.device_faulty)
    for kind, rows, usable in (
        ("faulty", faulty, int(table.faulty.sum())),
        ("healthy", quality.kept - faulty, int((~table.faulty).sum())),
    ):
        # What was left out for its values is told by them, and not once more as missing labels.
        if (rows if wrong else usable) < _FEWEST_OF_A_KIND:
            lost = f" ({rows - usable:,} more were left out: {implausible(quality)})" if rows > usable else ""
            wrong.append(
                f"{path} has {usable:,} {kind} rows (column Faulty) of {len(table.faulty):,}{lost}; training needs at"
                f" least {_FEWEST_OF_A_KIND} of each kind: take a longer history, or label more of it."
            )
    if wrong:
        raise HistoryError("\n".join(wrong))


def implausible(quality: Quality) -> str:
    """Of each column that has such values: in how many rows, where the first is, and what is possible."""
    ranges = {sensor.column: (*sensor.plausible, sensor.suffix) for sensor in SENSORS}
    found = sorted((each for each in quality.columns if each.implausible), key=lambda each: -each.implausible)
    told = []
    for each in found:
        low, high, unit = ranges[each.name]
        told.append(
            f"{each.name} in {each.implausible:,} of {quality.kept:,} rows (the first in line {each.implausible_line}),"
            f" where {low:g} to {high:g}{unit} can be"
        )
    return "; ".join(told)


def _nothing(path: Path, rows: Rows) -> str:
    """Of a file without a row."""
    _order(rows)
    if rows.problems:
        return str(rows.problems)
    return f"{path} has a header but no rows below it: export it once more, with its readings."


def _order(rows: Rows) -> list[int]:
    """Where each of COLUMNS stands in a row; -1 for one that is missing, which is a problem."""
    missing = [name for name in COLUMNS if name not in rows.header]
    if missing:
        found = f" It names {','.join(rows.header)[:200]}." if any(rows.header) else ""
        rows.problems.add(
            1, "", f"has no column {', '.join(missing)}: it must name {','.join(COLUMNS)}.{found}"
        )
    return [rows.header.index(name) if name in rows.header else -1 for name in COLUMNS]


def _parsed(
    problems: Problems, batch: Batch, order: list[int], devices: Codes, times: Times
) -> RowSample | None:
    """The rows of a batch; None where something is wrong in any of them, all of which is added to `problems`."""
    try:
        if min(order) < 0:
            raise IndexError
        columns = [[row[index] for row in batch.rows] for index in order]
        values = np.array([list(map(float, column)) for column in columns[2:-1]])
        if not np.isfinite(values).all():
            raise ValueError
        return RowSample(
            np.ascontiguousarray(values.T),
            np.fromiter(map(_label, columns[-1]), np.bool_, len(batch.rows)),
            np.fromiter(map(devices.code, columns[0]), np.int32, len(batch.rows)),
            np.fromiter(map(times.ms, columns[1], batch.lines), np.int64, len(batch.rows)),
            np.array(batch.lines, dtype=np.int64),
        )
    except (ValueError, KeyError, IndexError):
        for line, row in zip(batch.lines, batch.rows, strict=True):
            _check(problems, line, row, order, devices, times)
        return None


def _check(
    problems: Problems, line: int, row: list[str], order: list[int], devices: Codes, times: Times
) -> None:
    """Add whatever is wrong in a row."""
    short = [name for name, index in zip(COLUMNS, order, strict=True) if index >= len(row)]
    if short:
        what = f"has {len(row)} values, none of them for {', '.join(short)}: add it, or remove the line."
        problems.add(line, "", what)
    cells = {
        name: row[index].strip() for name, index in zip(COLUMNS, order, strict=True) if 0 <= index < len(row)
    }
    for name, cell in cells.items():
        wrong = _wrong(name, cell, line, devices, times)
        if wrong:
            problems.add(line, name, wrong, cell if cell or name != "DeviceID" else None)


def _wrong(name: str, cell: str, line: int, devices: Codes, times: Times) -> str | None:
    """What is wrong with a cell, the end of a sentence."""
    try:
        if name == "DeviceID":
            devices.code(cell)
        elif name == "Time":
            times.ms(cell, line)
        elif name == "Faulty":
            if not _holds(lambda: _label(cell) >= 0):
                return "must be 0 or 1, for healthy or faulty: write one, or remove the line."
        elif not _holds(lambda: math.isfinite(float(cell))):
            number = "write one such as 47.9, with a point and without a unit, or remove the line."
            return f"is not a finite number: {number}"
    except ValueError as error:
        told = str(error).removeprefix("DeviceID ")
        return f"{told} Put the fan's name there, or remove the line." if name == "DeviceID" else told
    return None


def _holds(claim: Callable[[], bool]) -> bool:
    try:
        return claim()
    except (ValueError, KeyError):
        return False


def _label(cell: str) -> int:
    found = _LABELS.get(cell)
    return (_LABELS | _LABELS_OF_EXCEL)[cell.strip()] if found is None else found
