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
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
"""What a file in UTF-16 begins with, as Excel's "Unicode text" does."""

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
        self._begun = 0
        """Lines that were read."""

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
                line = reader.line_num
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
            raise HistoryError(
                f"{self.path} cannot be read: {error.strerror}. Check its name, and that you may read it."
            ) from error
        except UnicodeDecodeError as error:
            raise HistoryError(self._not_utf8(error)) from error
        except csv.Error as error:
            raise HistoryError(
                f"{self.path} line {line + 1} is not CSV ({error}): a quotation mark there is not closed, or stands"
                " within a cell. Remove it."
            ) from error

    def _lines(self, file: io.TextIOWrapper) -> Iterator[str]:
        while line := file.readline(_LONGEST_LINE):
            self._begun += 1
            if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
                raise HistoryError(
                    f"{self.path} line {self._begun} has more than {_LONGEST_LINE:,} characters: it is no CSV file."
                    " Save it with a line for each row."
                )
            yield line

    def _not_utf8(self, error: UnicodeDecodeError) -> str:
        if self._begun == 0 and error.object[:2] in _UTF16:
            return _in_utf16(self.path)
        before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        line = self._begun + 1 + before.count(b"\n")
        return (
            f"{self.path} line {line} has a byte that is not UTF-8"
            f" (0x{error.object[error.start]:02x}): save the file as CSV UTF-8, or, if Windows or an older Excel wrote"
            " it, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW."
        )


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


def _in_utf16(path: Path) -> str:
    return (
        f"{path} line 1: the file is in UTF-16, and UTF-8 is needed: save it as CSV UTF-8 (in Excel, not as Unicode"
        " text), or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW."
    )


def _check_header(path: Path, header: list[str]) -> None:
    if any("\0" in name for name in header):
        raise HistoryError(_in_utf16(path))  # without the mark at its beginning
    for mark, name in _SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            raise HistoryError(
                f"{path} line 1 separates its columns by {name}: save it with commas (and 0.5, not 0,5)."
            )
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        raise HistoryError(f"{path} line 1 names the column {twice[0]} twice: remove or rename one.")
