"""Read a history file, and refuse what nothing can be learned from, before any time is spent on training.

Memory is bounded: of a file with more rows than `LIMIT`, an even sample is kept, drawn by device and time, so that
the copies of a row are kept or left out together, whatever their order.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch import sensors
from fanwatch.sensors import SENSORS
from training.quality import Quality, notes_on, survey
from training.repeats import last_of_each
from training.rows import Cells, HistoryError, Progress, Rows
from training.sample import Sample

__all__ = ["COLUMNS", "LIMIT", "HistoryError", "Table", "check_learnable", "read"]

COLUMNS: Final = (*sensors.COLUMNS, "Faulty")
LIMIT: Final = 1_000_000
"""Rows that are kept at most; about 200 MB while reading."""
_MOST_IMPLAUSIBLE: Final = 0.2
_FEWEST_OF_A_KIND: Final = 50


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
    cells, sample = Cells(COLUMNS, rows.problems), Sample(limit)
    extra: list[int] = []
    for batch, order in rows.batches(COLUMNS):
        extra = [i for i, name in enumerate(rows.header) if name and i not in order]
        taken = cells.take(batch, order)
        if taken is not None and not rows.problems:
            sample.add(taken, batch.rows, extra)
    if not sample.seen:
        raise HistoryError(
            f"{path} has a header but no rows below it: export it once more, with its readings."
        )
    devices, times = cells.devices, cells.times
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
