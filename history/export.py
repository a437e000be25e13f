"""Raw readings as the file `readings.csv` that trainings read, in memory that does not grow with their number.

InfluxDB is asked for one page after the other; a row has the time and the values of a reading as it was stored.
"""

import contextlib
import csv
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from fanwatch.errors import FanwatchError
from fanwatch.files import check_directory, check_file, unwritable
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.sensors import FEATURES
from fanwatch.store import readings
from fanwatch.store.influx import Store

READINGS: Final = "readings.csv"
HEADER: Final = ("DeviceID", "Time", *(name.capitalize() for name in FEATURES))
_MS: Final = 1_000_000
_ROWS: Final = 20_000
"""In one answer."""
_SLICE_MS: Final = 6 * 3_600_000
"""One query looks at no more than this: InfluxDB opens what lies in it for each fan."""
_LONGEST_LINE: Final = 4096

Row = tuple[int, str, list[float | None]]
"""Time in ms since the epoch, fan, values of FEATURES."""
Pages = Iterator[tuple[int, list[Row]]]
"""Up to which time, in ms, all is there, and what comes until then."""
Say = Callable[[int, int], None]
"""Told how much of the time, in ms, is done."""


class Exported(NamedTuple):
    """What was written; times in ms since the epoch."""

    path: Path
    rows: int
    fans: int
    first_ms: int
    last_ms: int


def export(
    store: Store,
    directory: Path,
    since_ms: int,
    until_ms: int,
    *,
    every_ms: int | None = None,
    append: bool = False,
    say: Say = lambda done, total: None,
) -> Exported:
    """Writes the readings from one time to before another, the oldest first.

    With `every_ms`, the first one of each fan in each so long a time alone. The file appears, or replaces the one
    before, once it is whole. With `append`, what is newer than the last row of the one before is added to it.

    Raises FanwatchError where there is nothing to write, or no room; Unavailable where InfluxDB does not answer.
    """
    target = directory / READINGS
    check_directory(directory)
    check_file(target)
    part = directory / f".{READINGS}.{os.getpid()}.part"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        more = append and target.exists()
        if more:
            since_ms = max(since_ms, _last_ms(target) + 1)
            shutil.copyfile(target, part)
        pages = _thinned(store, since_ms, until_ms, every_ms) if every_ms else _all(store, since_ms, until_ms)
        with part.open("a", encoding="utf-8", newline="") as file:
            if not more:
                csv.writer(file, lineterminator="\n").writerow(HEADER)
            written = _write(file, pages, lambda at_ms: say(at_ms - since_ms, until_ms - since_ms))
            if not written.rows:
                raise FanwatchError(
                    f"InfluxDB holds no reading since {format_ms(since_ms)}: nothing was written."
                )
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return written._replace(path=target)


def _write(file: TextIO, pages: Pages, done: Callable[[int], None]) -> Exported:
    writer = csv.writer(file, lineterminator="\n")
    count, first_ms, last_ms = 0, 0, 0
    fans: set[str] = set()
    for until_ms, rows in pages:
        # One without a value is none that a training could read; Telegraf stores none.
        whole = [row for row in rows if None not in row[2]]
        for at_ms, fan, values in whole:
            # JSON has a float that happens to be whole as an int.
            writer.writerow((fan, format_ms(at_ms), *(float(value) for value in values if value is not None)))
        if whole:
            first_ms, last_ms = first_ms or whole[0][0], whole[-1][0]
        fans.update(fan for _, fan, _ in whole)
        count += len(whole)
        done(until_ms)
    return Exported(Path(), count, len(fans), first_ms, last_ms)


def _all(store: Store, start_ms: int, end_ms: int) -> Pages:
    """Every reading, in order of time."""
    at_ns, skip = start_ms * _MS, 0
    while at_ns < end_ms * _MS:
        until_ns = min(at_ns + _SLICE_MS * _MS, end_ms * _MS)
        values = readings.page(store, at_ns, until_ns, _ROWS, skip)
        if len(values) < _ROWS:
            at_ns, skip = until_ns, 0
        else:
            # The page may end between readings of one time: the next one begins with it, without those had already.
            last_ns = values[-1][0]
            same = sum(each[0] == last_ns for each in values)
            at_ns, skip = last_ns, same + (skip if last_ns == at_ns else 0)
        yield at_ns // _MS, [(each[0] // _MS, each[-1], each[1:-1]) for each in values]


def _thinned(store: Store, start_ms: int, end_ms: int, every_ms: int) -> Pages:
    """The first reading of each fan in each `every_ms`, at that time's beginning."""
    fans = readings.fans(store)
    step_ms = max(1, min(_SLICE_MS // every_ms, _ROWS // max(1, fans))) * every_ms
    # What is read begins with a whole one, so that a second file goes on where the first one ended.
    for at_ms in range(-(-start_ms // every_ms) * every_ms, end_ms, step_ms):
        until_ms = min(at_ms + step_ms, end_ms)
        found = readings.first_of_each(store, at_ms, until_ms, every_ms)
        rows = [(each[0] // _MS, fan, each[1:]) for fan, values in found for each in values]
        yield until_ms, sorted(rows, key=lambda row: row[:2])


def _last_ms(path: Path) -> int:
    """The time of the file's last row; FanwatchError for a file that `export` has not written."""
    with path.open("rb") as file:
        header = file.readline(_LONGEST_LINE).decode("utf-8", "replace").strip()
        file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
        last = file.read().decode("utf-8", "replace").splitlines()[-1:]
    try:
        if header != ",".join(HEADER):
            raise ValueError
        return parse_ms(last[0].split(",")[1], zone("UTC"))
    except (ValueError, IndexError):
        raise FanwatchError(
            f"{path} was not written by `fanwatch history export`, so nothing is added to it: name another directory."
        ) from None
