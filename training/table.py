"""Read a history file, and refuse what nothing can be learned from, before any time is spent on training."""

import csv
import hashlib
import itertools
import math
from array import array
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.errors import FanwatchError
from training.sensors import SENSORS

COLUMNS: Final = ("DeviceID", "Time", *(sensor.column for sensor in SENSORS), "Faulty")
_MOST_IMPLAUSIBLE: Final = 0.2
_GAP_FACTOR: Final = 3
_FEWEST_OF_A_KIND: Final = 50
_LABELS: Final = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "False": 0, "True": 1}


class HistoryError(FanwatchError):
    """The history file cannot be used; the message names the line and column."""

    status = 400


class Table(NamedTuple):
    """The usable rows of a history file, without device and time: both can give the label away."""

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


class _Device:
    """Enough of one device's rows to find duplicates, gaps and labels that never change."""

    def __init__(self) -> None:
        self.rows: dict[datetime, int] = {}
        """Time → hash of the row's values."""
        self.labels: set[str] = set()


def read(path: Path) -> Table:
    """Read and check a history file. HistoryError names the first line that is wrong, and how."""
    values, labels, devices = array("d"), array("b"), defaultdict[str, _Device](_Device)
    duplicates = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            order = _order(path, next(rows, []))
            for row in rows:
                where = f"{path} line {rows.line_num}"
                cells = _cells(row, order, where)
                if _duplicate(cells, devices, where):
                    duplicates += 1
                    continue
                values.extend(
                    _number(cell, sensor.column, where)
                    for cell, sensor in zip(cells[2:-1], SENSORS, strict=True)
                )
                labels.append(_label(cells[-1], where))
        sha256 = _sha256(path)
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(f"{path} is no CSV file in UTF-8: {error}.") from error
    if not labels:
        raise HistoryError(f"{path} has a header but no rows.")
    features = np.frombuffer(values, dtype=np.float64).reshape(-1, len(SENSORS))
    faulty = np.frombuffer(labels, dtype=np.int8).astype(np.bool_)
    plausible = np.logical_and.reduce(
        [(column >= sensor.plausible[0]) & (column <= sensor.plausible[1])
         for column, sensor in zip(features.T, SENSORS, strict=True)]
    )  # fmt: skip
    notes = _notes(devices, duplicates, int((~plausible).sum()))
    return Table(features[plausible], faulty[plausible], int((~plausible).sum()), sha256, notes)


def check_learnable(table: Table, path: Path) -> None:
    """Raise HistoryError unless the table has enough rows of each kind and few implausible ones."""
    for kind, rows in (("faulty", int(table.faulty.sum())), ("healthy", int((~table.faulty).sum()))):
        if rows < _FEWEST_OF_A_KIND:
            raise HistoryError(f"{path} has {rows} {kind} rows; training needs at least {_FEWEST_OF_A_KIND}.")
    share = table.implausible / (len(table.faulty) + table.implausible)
    if share > _MOST_IMPLAUSIBLE:
        ranges = ", ".join(f"{s.column} {s.plausible[0]:g} to {s.plausible[1]:g}" for s in SENSORS)
        raise HistoryError(f"{path}: {share:.0%} of the rows are beyond what sensors can give ({ranges}).")


def _order(path: Path, header: list[str]) -> list[int]:
    names = [name.strip() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise HistoryError(
            f"{path} has no column {', '.join(missing)}: its header must name {','.join(COLUMNS)}."
        )
    return [names.index(name) for name in COLUMNS]


def _cells(row: list[str], order: list[int], where: str) -> tuple[str, ...]:
    if len(row) <= max(order):
        raise HistoryError(f"{where} has {len(row)} values; the header names more.")
    return tuple(row[index].strip() for index in order)


def _duplicate(cells: tuple[str, ...], devices: dict[str, _Device], where: str) -> bool:
    name, text = cells[:2]
    if not name:
        raise HistoryError(f"{where}: DeviceID is empty.")
    try:
        # Times with and without a zone cannot be compared; within one file the zone does not matter.
        time = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise HistoryError(f"{where}: Time {text!r} is not a time such as 2026-01-31 12:00:00.") from None
    device, content = devices[name], hash(cells[2:])
    known = len(device.rows)
    if device.rows.setdefault(time, content) != content:
        raise HistoryError(f"{where}: {name} has another row at {text} with other values.")
    device.labels.add(cells[-1])
    return len(device.rows) == known


def _number(cell: str, column: str, where: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise HistoryError(f"{where}: {column} {cell!r} is not a finite number.")
    return number


def _label(cell: str, where: str) -> int:
    if cell not in _LABELS:
        raise HistoryError(f"{where}: Faulty {cell!r} must be 0 or 1.")
    return _LABELS[cell]


def _notes(devices: dict[str, _Device], duplicates: int, implausible: int) -> list[str]:
    notes = []
    if duplicates:
        notes.append(f"Repeated rows, read once each: {duplicates:,}.")
    if implausible:
        notes.append(f"Rows left out, for they hold values that no working sensor gives: {implausible:,}.")
    gaps = sum(_gaps(sorted(device.rows)) for device in devices.values())
    if gaps:
        notes.append(f"Gaps, where a device was silent for more than {_GAP_FACTOR} intervals: {gaps:,}.")
    if len(devices) > 1 and all(len(device.labels) == 1 for device in devices.values()):
        notes.append(
            "No device ever changes its label, so DeviceID gives it away; it is not used as a feature."
        )
    return notes


def _gaps(times: list[datetime]) -> int:
    if len(times) < 3:
        return 0
    steps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    usual = steps[len(steps) // 2]
    return sum(step > _GAP_FACTOR * usual for step in steps)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
