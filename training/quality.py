"""What a history file holds, and what is wrong with it or was put right, in numbers and in sentences."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import SENSORS
from training.repeats import Repeats
from training.sample import RowSample

GAP_FACTOR: Final = 3
"""A device is silent from so many of its usual intervals on."""
_LONGEST_GAPS: Final = 5


class Gap(NamedTuple):
    """A silence of one device, in milliseconds since the epoch."""

    device: str
    begin_ms: int
    end_ms: int


class Column(NamedTuple):
    """One sensor, over the rows that are kept, the implausible ones included."""

    name: str
    unit: str
    lowest: float
    median: float
    highest: float
    implausible: int
    """Rows beyond `plausible`."""
    implausible_line: int | None
    """The first of them, in the file."""
    zeros: int
    plausible: tuple[float, float]
    different: int
    """Different values."""


class Quality(NamedTuple):
    """Of a file."""

    rows: int
    """In the file."""
    kept: int
    """Of these, after repeats were taken out; fewer where the file was sampled."""
    sampled: bool
    repeated: int
    """Rows whose device and time come again further down; of a sampled file, among the rows that were drawn."""
    replaced: int
    """Of these, those that have other values."""
    replaced_first: str
    """The first ones of them, in words."""
    blank: int
    backwards: int
    """Rows that are older than the row above them of the same device."""
    implausible: int
    time_forms: dict[str, tuple[str, int]]
    """Form of time → an example and its line."""
    first_ms: int
    last_ms: int
    interval_ms: int | None
    """The usual one between two rows of one device."""
    gaps: int | None
    """None where the file was sampled: then they cannot be told."""
    longest_gaps: list[Gap]
    devices: list[str]
    device_rows: list[int]
    device_faulty: list[int]
    columns: list[Column]

    @property
    def one_sided(self) -> list[tuple[str, bool]]:
        """Devices that never change their label, and whether it is faulty."""
        counts = zip(self.devices, self.device_rows, self.device_faulty, strict=True)
        return [(name, faulty > 0) for name, rows, faulty in counts if rows and faulty in (0, rows)]


def survey(
    rows: RowSample,
    devices: list[str],
    forms: dict[str, tuple[str, int]],
    blank: int,
    seen: int,
    repeats: Repeats,
) -> Quality:
    """Look at the rows of a file, in its order and without repeats; `seen` rows were in the file."""
    sampled = seen > len(rows.line) + repeats.repeated
    fit = rows.plausible()
    order = np.argsort(rows.device, kind="stable")
    backwards = (np.diff(rows.time_ms[order]) < 0) & (np.diff(rows.device[order]) == 0)
    usual, gaps = _gaps(rows, devices)
    count = len(devices)
    return Quality(
        rows=seen,
        kept=len(rows.line),
        sampled=sampled,
        repeated=repeats.repeated,
        replaced=repeats.replaced,
        replaced_first=repeats.first,
        blank=blank,
        backwards=int(backwards.sum()),
        implausible=int((~fit).sum()),
        time_forms=forms,
        first_ms=int(rows.time_ms.min()),
        last_ms=int(rows.time_ms.max()),
        interval_ms=None if sampled else usual,
        gaps=None if sampled else len(gaps),
        longest_gaps=[]
        if sampled
        else sorted(gaps, key=lambda gap: gap.begin_ms - gap.end_ms)[:_LONGEST_GAPS],
        devices=devices,
        device_rows=np.bincount(rows.device, minlength=count).tolist(),
        device_faulty=np.bincount(rows.device, rows.faulty, minlength=count).astype(int).tolist(),
        columns=[_column(rows.features[:, i], rows.line, i) for i in range(len(SENSORS))],
    )


def notes_on(quality: Quality) -> list[str]:
    """What a person should know, a sentence each."""
    notes = []
    if quality.sampled:
        notes.append(
            f"The file is large: of {quality.rows:,} rows, {quality.kept:,} were drawn evenly, by device and time, so"
            " that memory stays bounded."
        )
    if len(quality.time_forms) > 1:
        forms = "; ".join(
            f"{form} (line {line}: {text})" for form, (text, line) in quality.time_forms.items()
        )
        notes.append(
            f"Times come in {len(quality.time_forms)} forms, and those without a zone were read as UTC: {forms}."
        )
    if quality.repeated > quality.replaced:
        notes.append(f"Repeated rows, read once each: {quality.repeated - quality.replaced:,}.")
    if quality.replaced:
        notes.append(
            f"Rows whose device and time come again with other values, of which the last one counts, as in InfluxDB:"
            f" {quality.replaced:,}: {quality.replaced_first}."
        )
    if quality.backwards:
        notes.append(
            f"Rows that are older than the one above them of the same device, put in order: {quality.backwards:,}."
        )
    if quality.blank:
        notes.append(f"Empty lines, passed over: {quality.blank:,}.")
    if quality.implausible:
        notes.append(
            f"Rows left out, for they hold values that no working sensor gives: {quality.implausible:,}."
        )
    if quality.gaps:
        notes.append(
            f"Gaps, where a device was silent for more than {GAP_FACTOR} intervals: {quality.gaps:,}."
        )
    notes += [f"{column.name} never changes." for column in quality.columns if column.different == 1]
    if len(quality.devices) > 1 and len(quality.one_sided) == len(quality.devices):
        notes.append(
            "No device ever changes its label, so DeviceID gives it away; it is not used as a feature."
        )
    return notes


def utc(ms: int) -> str:
    """A time for people, to the minute."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _gaps(rows: RowSample, devices: list[str]) -> tuple[int | None, list[Gap]]:
    order = np.lexsort((rows.time_ms, rows.device))
    time, device = rows.time_ms[order], rows.device[order]
    steps: NDArray[np.int64] = np.diff(time)
    starts = np.flatnonzero(np.diff(device)) + 1
    gaps, usuals = [], []
    for begin, end in zip([0, *starts.tolist()], [*starts.tolist(), len(time)], strict=True):
        if end - begin < 3:
            continue
        own = steps[begin : end - 1]
        usual = int(np.sort(own)[len(own) // 2])
        usuals.append(usual)
        for index in (begin + np.flatnonzero(own > GAP_FACTOR * usual)).tolist():
            gaps.append(Gap(devices[device[index]], int(time[index]), int(time[index + 1])))
    return (int(np.median(usuals)) if usuals else None), gaps


def _column(values: NDArray[np.float64], lines: NDArray[np.int64], index: int) -> Column:
    sensor = SENSORS[index]
    low, high = sensor.plausible
    wrong = (values < low) | (values > high)
    return Column(
        sensor.column, sensor.described_unit, float(values.min()), float(np.median(values)), float(values.max()),
        int(wrong.sum()), int(lines[wrong].min()) if wrong.any() else None, int((values == 0).sum()), sensor.plausible,
        len(np.unique(values)),
    )  # fmt: skip
