"""A history file as batches of rows, hashed on the way, in memory that does not grow with the file."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fanwatch.errors import FanwatchError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ROWS_AT_ONCE: Final = 8192
_LONGEST_LINE: Final = 65_536
"""Characters; without a bound, a file that is one long line would be read whole."""
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are read."""


class HistoryError(FanwatchError):
    """The history file cannot be used; the message names the line and column."""

    status = 400


class Batch(NamedTuple):
    """Some rows that follow each other."""

    lines: list[int]
    """Number of each row's (last) line in the file, from 1 on."""
    rows: list[list[str]]


class Rows:
    """The rows of a CSV file below its header. Iterate once."""

    def __init__(self, path: Path, progress: Progress = lambda done, total: None) -> None:
        self.path = path
        self._progress = progress
        self._digest = hashlib.sha256()
        self.header: list[str] = []
        """Column names, stripped; known once iteration began."""
        self.blank = 0
        """Empty lines, which are passed over."""

    @property
    def sha256(self) -> str:
        """Of the file's bytes, once all were read."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Batch]:
        """Yield all rows in batches. HistoryError where the file is not CSV in UTF-8."""
        line = 0
        try:
            with self.path.open("rb", buffering=0) as file:
                total = self.path.stat().st_size
                buffered = io.BufferedReader(_Hashing(file, self._digest), 1 << 20)
                reader = csv.reader(
                    self._lines(io.TextIOWrapper(buffered, "utf-8-sig", newline="")), strict=True
                )
                self.header = [name.strip() for name in next(reader, [])]
                _check_header(self.path, self.header)
                lines: list[int] = []
                rows: list[list[str]] = []
                for row in reader:
                    line = reader.line_num
                    if not row:
                        self.blank += 1
                        continue
                    lines.append(line)
                    rows.append(row)
                    if len(rows) == ROWS_AT_ONCE:
                        self._progress(file.tell(), total)
                        yield Batch(lines, rows)
                        lines, rows = [], []
                if rows:
                    yield Batch(lines, rows)
                self._progress(total, total)
        except OSError as error:
            raise HistoryError(f"{self.path} cannot be read: {error.strerror}.") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise HistoryError(f"{self.path} is no CSV file in UTF-8, after line {line}: {error}.") from error

    def _lines(self, file: io.TextIOWrapper) -> Iterator[str]:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
                raise HistoryError(
                    f"{self.path} line {number} has more than {_LONGEST_LINE:,} characters: it is no CSV file."
                )
            yield line


class _Hashing(io.RawIOBase):
    def __init__(self, file: io.FileIO, digest: "hashlib._Hash") -> None:
        super().__init__()
        self._file = file
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count = self._file.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        return count


def _check_header(path: Path, header: list[str]) -> None:
    for mark, name in _SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            raise HistoryError(
                f"{path} separates its columns by {name}: save it with commas (and 0.5, not 0,5)."
            )
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        raise HistoryError(f"{path} line 1 names the column {twice[0]} twice: remove or rename one.")
