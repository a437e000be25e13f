"""Readings to score, from options, JSON text, a file or standard input, as NDJSON lines."""

import contextlib
import csv
import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from fanwatch.errors import FanwatchError
from fanwatch.messages import misread
from fanwatch.messages.reading import Rules, faults
from fanwatch.problems import Problems
from fanwatch.sensors import FEATURES

# By lower-case column name: history files' names and those on the wire differ in case only, but for the time.
_COLUMNS = {
    "deviceid": "deviceID",
    "time": "timeStamp",
    "timestamp": "timeStamp",
    **{name: name for name in FEATURES},
}
_NEEDED = ("deviceID", *FEATURES)
_CHUNK_LINES = 5000
_CHUNK_BYTES = 1_000_000


class Line(NamedTuple):
    """One reading to score and where it stands in its file, counted from 1."""

    number: int
    content: bytes


def as_line(content: dict[str, Any]) -> bytes:
    """A reading as JSON without line breaks."""
    return json.dumps(content).encode()


def lines(source: BinaryIO, name: str) -> Iterator[Line]:
    """The readings of a CSV or NDJSON file; FanwatchError says what `name` lacks. Empty lines are left out."""
    start = source.readline()
    while start and not start.strip():
        start = source.readline()
    found = misread.look(start)
    if found is not None and (found.unpack or found.convert):
        raise FanwatchError(f"{name} is {found.what}. {found.call}")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return _from_json(start, source)
    return _from_csv(start, source, name)


def chunks(readings: Iterable[Line]) -> Iterator[list[Line]]:
    """The same in groups that make requests of a bounded size."""
    chunk: list[Line] = []
    size = 0
    for reading in readings:
        chunk.append(reading)
        size += len(reading.content) + 1
        if len(chunk) >= _CHUNK_LINES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _from_json(start: bytes, source: BinaryIO) -> Iterator[Line]:
    start = start.removeprefix(b"\xef\xbb\xbf")
    if not _complete(start):
        # One object, or a list of some, written over several lines.
        whole = start + source.read()
        try:
            content = json.loads(whole)
        except (ValueError, RecursionError):
            source = io.BytesIO(whole)
            start = source.readline()
        else:
            listed = content if isinstance(content, list) else [content]
            yield from (Line(number, as_line(one)) for number, one in enumerate(listed, 1))
            return
    for number, line in enumerate(itertools.chain([start], source), 1):
        if line.strip():
            yield Line(number, _single(line))


def _complete(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _single(line: bytes) -> bytes:
    # score-fan takes a lone carriage return for the end of a line; in JSON it is a space.
    return line.strip().replace(b"\r", b" ")


def _from_csv(start: bytes, source: BinaryIO, name: str) -> Iterator[Line]:
    # A lone carriage return would end the csv module's line.
    first = start.decode("utf-8-sig", errors="replace").replace("\r", " ")
    separator = misread.separator(first)
    header = next(csv.reader([first], delimiter=separator), [])
    fields = [_COLUMNS.get(column.strip().lower()) for column in header]
    missing = [field for field in _NEEDED if field not in fields]
    wrong = []
    if separator != ",":
        by = misread.SEPARATORS[separator]
        wrong.append(f"separates its columns by {by}: save it with commas (and 0.5, not 0,5).")
    if missing:
        wrong.append(
            f"has no column {', '.join(missing)}. A CSV file begins with its column names, such as "
            "DeviceID,Time,Rotation,Temperature,Vibration,Sound; an NDJSON file has one JSON reading a line."
        )
    if wrong:
        problems = Problems(name)
        for each in wrong:
            problems.add(1, "", each)
        _look_through(source, separator, fields, problems)
        raise FanwatchError(str(problems))
    rows = csv.reader(io.TextIOWrapper(source, encoding="utf-8", errors="replace", newline=""))
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                pairs = zip(fields, row, strict=False)
                content = {field: _cell(field, cell) for field, cell in pairs if field and cell.strip()}
                yield Line(rows.line_num + 1, as_line(content))
    except csv.Error as error:
        raise FanwatchError(f"{name}, line {rows.line_num + 1}: {error}. Is it a CSV file?") from error


def _look_through(source: BinaryIO, separator: str, fields: list[str | None], problems: Problems) -> None:
    """Add what else is wrong with a file that is refused for its header, so that it need not be said later."""
    rules = Rules(ZoneInfo("UTC"), retention_ms=0)
    rows = csv.reader(
        io.TextIOWrapper(source, encoding="utf-8", errors="replace", newline=""), delimiter=separator
    )
    with contextlib.suppress(csv.Error):
        for row in rows:
            # Its commas are decimal ones, which are told with the separator.
            plain = row if separator == "," else [cell.replace(",", ".") for cell in row]
            content = {
                f: _cell(f, cell) for f, cell in zip(fields, plain, strict=False) if f and cell.strip()
            }
            for each in faults(as_line(content), rules) if content else ():
                if each.field in fields:
                    value = None if each.value is None else str(each.value)
                    problems.add(rows.line_num + 1, "", f"{each}.", value)


def _cell(field: str, cell: str) -> float | str:
    if field not in FEATURES:
        return cell.strip()
    try:
        value = float(cell)
    except ValueError:
        return cell.strip()  # score-fan says what is wrong with it
    return value if math.isfinite(value) else cell.strip()
