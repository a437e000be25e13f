"""Readings to score, from options, JSON text, a file or standard input, as NDJSON lines."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.errors import FanwatchError
from fanwatch.messages import files, misread
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.messages.reading import Rules, faults
from fanwatch.messages.timestamps import format_ms, parse_written
from fanwatch.problems import Problems
from fanwatch.sensors import COLUMNS, FEATURES, SENSORS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FIELDS = {"DeviceID": DEVICE, "Time": TIME, **{each.column: each.name for each in SENSORS}}
"""Column in files → field on the wire."""
_NEEDED = (DEVICE, *FEATURES)
_encode = msgspec.json.Encoder().encode
_SENSORS = frozenset(FEATURES)
_ANY_TIME = Rules(ZoneInfo("UTC"), retention_ms=0)
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
    blank, start = b"", source.readline()
    while start and not start.strip():
        blank, start = blank + start, source.readline()
    found = misread.look(start)
    if found is not None and (found.unpack or found.convert):
        raise FanwatchError(f"{name} is {found.what}. {found.call}")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return _from_json(start, source)
    return _from_csv(blank + start, source, name)


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
    problems = Problems(name)
    whole = io.BufferedReader(_Joined(start, source), 1 << 16)
    rows = files.Rows(io.TextIOWrapper(whole, "utf-8-sig", "surrogateescape", newline=""), problems)
    fields: list[str | None] = []
    for batch in rows:
        fields = fields or _fields(rows, problems)
        for line, row in zip(batch.lines, batch.rows, strict=True):
            content = _encode(_content(fields, row))
            if not problems:
                yield Line(line, content)
                continue
            # Such a file is refused; what else is wrong with it need not be said later.
            for each in faults(content, _ANY_TIME) if content != b"{}" else ():
                if each.field in fields:
                    value = None if each.value is None else str(each.value)
                    problems.add(line, "", f"{each}.", value)
    if not fields:
        _fields(rows, problems)
    if problems:
        raise FanwatchError(str(problems))


def _fields(rows: files.Rows, problems: Problems) -> list[str | None]:
    """The field on the wire that each column is, if any."""
    fields = [_FIELDS.get(files.column(column)) for column in rows.header]
    missing = [field for field in _NEEDED if field not in fields]
    if missing:
        problems.add(
            1,
            "",
            f"has no column {', '.join(missing)}. A CSV file begins with its column names, such as"
            f" {','.join(COLUMNS)}; an NDJSON file has one JSON reading a line.",
        )
    return fields or [None]


def _content(fields: list[str | None], row: list[str]) -> dict[str, Any]:
    """As it goes over the wire; score-fan says what is wrong with it."""
    return {
        field: _number(text) if field in _SENSORS else _time(text) if field == TIME else _text(text)
        for field, cell in zip(fields, row, strict=False)
        if field and (text := cell.strip())
    }


def _number(text: str) -> float | str:
    try:
        return files.number(text)
    except ValueError:
        return _text(text)


@lru_cache(maxsize=4096)
def _time(text: str) -> str:
    # A fleet's rows share their times.
    try:
        return format_ms(parse_written(text)[0])
    except ValueError:
        return _text(text)


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Joined(io.RawIOBase):
    """A file of which the beginning was read already."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        if not self._start:
            found = self._rest.read(len(view))
        else:
            found, self._start = self._start[: len(view)], self._start[len(view) :]
        view[: len(found)] = found
        return len(found)
