"""A fleet's `events.csv`: which fans wore out, and which instruments failed."""

import difflib
from pathlib import Path
from typing import Final, NamedTuple

from fanwatch.messages.alarm import INSTRUMENT_CAUSES
from fanwatch.messages.command import FAULT_MODES
from fanwatch.messages.timestamps import parse_written
from fanwatch.problems import Problems
from fanwatch.sensors import FEATURES
from training.rows import HistoryError, Rows

COLUMNS: Final = ("DeviceID", "Start", "Failure", "Repaired", "Kind", "Mode")
FOREVER_MS: Final = 2**62
_NAMED: Final = 3
"""Of names that are not known, so many are said."""


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
    unseen: bool = False
    """It had stopped before the first reading: no failure that anybody could have been told of."""


class Broken(NamedTuple):
    """A sensor that failed, or with sensor -1 the fan's connection."""

    fan: int
    start_ms: int
    over_ms: int
    sensor: int
    cause: str
    """One of INSTRUMENT_CAUSES."""


class Events(NamedTuple):
    """All of a file that tell something of the readings."""

    faults: list[Fault]
    broken: list[Broken]
    notes: list[str]
    """What a person should know about the file, a sentence each."""
    sha256: str


class _Count:
    """What is not taken as it stands."""

    def __init__(self) -> None:
        self.rows = self.of_strangers = self.repeated = self.before = self.unseen = 0
        self.strangers: dict[str, int] = {}
        """Names that the readings do not hold → their first line."""
        self.modes: dict[str, int] = {}
        """Modes that are none → their first line."""
        self.of_no_mode = 0


def read(path: Path, fans: list[str] | None, first_ms: list[int]) -> Events:
    """Read the events of `fans`, of which there are readings from `first_ms` on, each from its own.

    HistoryError names all lines and columns that are wrong, and says so where no event is of any of the fans. Where
    these are not known (None), the file is only looked through for what is wrong.
    """
    rows, count = Rows(path), _Count()
    names = fans or []
    number = {name: fan for fan, name in enumerate(names)}
    found: dict[Fault | Broken, None] = {}
    for batch, order in rows.batches(COLUMNS):
        for line, row in zip(batch.lines, batch.rows, strict=True):
            cells = _cells(rows.problems, line, row, order)
            if cells is None:
                continue
            fan = number.get(cells[0], -1)
            event = _event(rows.problems, line, fan, cells)
            if event is None:
                continue
            count.rows += 1
            if fan < 0:
                count.of_strangers += 1
                count.strangers.setdefault(cells[0], line)
            elif event in found:
                count.repeated += 1
            elif event.over_ms <= first_ms[fan]:
                count.before += 1
            else:
                found[event] = None
                if isinstance(event, Fault) and event.mode and event.mode not in FAULT_MODES:
                    count.of_no_mode += 1
                    count.modes.setdefault(event.mode, line)
    if fans is not None and count.rows and count.of_strangers == count.rows:
        raise HistoryError(
            f"{path}: none of its {count.rows:,} events is of a fan that the readings name:"
            f" {_strangers(count, names)}. Write DeviceID in both files in the same way."
        )
    faults = [
        each._replace(unseen=each.failure_ms is not None and each.failure_ms <= first_ms[each.fan])
        for each in found
        if isinstance(each, Fault)
    ]
    count.unseen = sum(each.unseen for each in faults)
    broken = [each for each in found if isinstance(each, Broken)]
    return Events(faults, broken, _notes(path.name, count, names), rows.sha256)


def _cells(problems: Problems, line: int, row: list[str], order: list[int]) -> list[str] | None:
    """The row's cells in that order, stripped; None, and a problem, where it ends before or a column is missing."""
    if len(row) <= max(order):
        problems.add(line, "", f"has {len(row)} values; the header names more.")
        return None
    return [row[index].strip() for index in order] if min(order) >= 0 else None


def _notes(name: str, count: _Count, fans: list[str]) -> list[str]:
    notes = []
    if count.of_strangers:
        notes.append(
            f"{name}: {count.of_strangers:,} of {count.rows:,} events are left out, for the readings do not name their"
            f" fan: {_strangers(count, fans)}. Where only the spelling differs, what is rightly told of such a fan"
            " counts as false."
        )
    if count.repeated:
        notes.append(f"{name}: repeated events, read once each: {count.repeated:,}.")
    if count.before:
        # They would count as failures that nobody was told of.
        notes.append(
            f"{name}: events that were over before the first reading of their fan, left out: {count.before:,}."
        )
    if count.unseen:
        # Nor are these failures, but until its repair the fan is none to call healthy.
        notes.append(
            f"{name}: faults that had stopped their fan before its first reading, which nobody could have told, are no"
            f" failures here; until the repair the fan is left out: {count.unseen:,}."
        )
    if count.of_no_mode:
        notes.append(
            f"{name}: {count.of_no_mode:,} faults have a Mode that is none of {', '.join(FAULT_MODES)}, so they teach"
            f" nothing about causes: {_some({repr(mode[:40]): line for mode, line in count.modes.items()})}."
        )
    return notes


def _strangers(count: _Count, fans: list[str]) -> str:
    folded = {name.casefold(): name for name in fans}
    said = {}
    for name, line in list(count.strangers.items())[: _NAMED + 1]:
        near = difflib.get_close_matches(name.casefold(), list(folded)[:10_000], n=1, cutoff=0.8)
        said[repr(name[:40]) + (f", like {folded[near[0]]!r}" if near else "")] = line
    more = len(count.strangers) - len(said)
    return _some(said, more)


def _some(lines: dict[str, int], more: int = 0) -> str:
    first = list(lines.items())[:_NAMED]
    rest = len(lines) - len(first) + more
    return "; ".join(f"{text} (line {line})" for text, line in first) + (f"; {rest:,} more" if rest else "")


def _event(problems: Problems, line: int, fan: int, cells: list[str]) -> Fault | Broken | None:
    """The event of a line; None where something is wrong in it, all of which is a problem."""
    wrong = False
    if not cells[0]:
        problems.add(line, "DeviceID", "is empty.")
        wrong = True
    times: list[int | None] = []
    for column, cell in zip(COLUMNS[1:4], cells[1:4], strict=True):
        try:
            times.append(parse_written(cell)[0] if cell else None)
        except ValueError as error:
            problems.add(line, column, str(error), cell[:40])
            wrong = True
    if not cells[1]:
        problems.add(line, "Start", "is empty.")
        wrong = True
    kind, mode = cells[4:6]
    sensor, _, cause = mode.rpartition(":")
    known = cause in INSTRUMENT_CAUSES and (cause != "silent") == (sensor in FEATURES)
    if kind != "fault" and (kind != "instrument" or not known):
        what = "must be fault, or instrument with a Mode such as vibration:stuck or silent."
        problems.add(line, "Kind", what, f"{kind[:30]} with {mode[:30]}")
        wrong = True
    start, failure, repaired = times if len(times) == 3 else (None, None, None)
    if wrong or start is None:
        return None
    if not start <= (failure or start) <= (repaired or FOREVER_MS):
        problems.add(line, "Start,", "Failure and Repaired do not follow each other.")
        return None
    if kind == "fault":
        return Fault(fan, start, failure, repaired or FOREVER_MS, mode)
    return Broken(fan, start, repaired or FOREVER_MS, FEATURES.index(sensor) if sensor else -1, cause)
