"""A history file as batches of rows, hashed on the way, in memory that does not grow with the file."""

import csv
import hashlib
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fanwatch.errors import FanwatchError
from fanwatch.messages import misread
from fanwatch.problems import Problems

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ROWS_AT_ONCE: Final = 8192
_LONGEST_LINE: Final = 65_536
"""Characters; without a bound, a file that is one long line would be read whole."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
"""What a file in UTF-16 begins with, as Excel's "Unicode text" does."""
_FOREIGN: Final = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, as `surrogateescape` reads it."""
CHECK: Final = "fanwatch history check"
"""The command that lists all problems of a history."""

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are read."""


class HistoryError(FanwatchError):
    """The history file cannot be used; the message names lines and columns."""

    status = 400

    def __init__(self, message: str, problems: tuple[Problems, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems
        """What the message is about, line by line, where it is about lines."""


class _Unreadable(Exception):
    """Nothing behind this line of the file can be read."""


class Batch(NamedTuple):
    """Some rows that follow each other."""

    lines: list[int]
    """Number of each row's (last) line in the file, from 1 on."""
    rows: list[list[str]]


class Rows:
    """The rows of a CSV file below its header. Iterate once; whoever does adds to `problems` what is wrong in a row."""

    def __init__(self, path: Path, progress: Progress = lambda done, total: None) -> None:
        self.path = path
        self.problems = Problems(path, CHECK)
        """All that is wrong with the file; the iteration ends with a HistoryError where there is anything."""
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
        """Yield all rows in batches. HistoryError, once all were read, says whatever is wrong with the file."""
        try:
            with self.path.open("rb", buffering=0) as file:
                total = self.path.stat().st_size
                buffered = io.BufferedReader(_Hashing(file, self._digest), 1 << 20)
                self._check_kind(buffered.peek(misread.LOOKED_AT))
                text = io.TextIOWrapper(buffered, "utf-8-sig", "surrogateescape", newline="")
                for batch in self._batches(self._lines(text)):
                    self._progress(file.tell(), total)
                    yield batch
                self._progress(total, total)
        except OSError as error:
            raise HistoryError(
                f"{self.path} cannot be read: {error.strerror}. Check its name, and that you may read it."
            ) from error
        if self.problems:
            raise HistoryError(str(self.problems), (self.problems,))

    def _batches(self, text: Iterator[str]) -> Iterator[Batch]:
        line = 0
        try:
            first = next(text, "")
            separator = self._separator(first)
            reader = csv.reader(itertools.chain([first], text), strict=True, delimiter=separator)
            self.header = [name.strip() for name in next(reader, [])]
            self._check_header()
            line = reader.line_num
            lines: list[int] = []
            rows: list[list[str]] = []
            for row in reader:
                line = reader.line_num
                if not row:
                    self.blank += 1
                    continue
                lines.append(line)
                # Such a file is refused; what else is wrong with it shall be said, and not each decimal comma.
                rows.append(row if separator == "," else [cell.replace(",", ".") for cell in row])
                if len(rows) == ROWS_AT_ONCE:
                    yield Batch(lines, rows)
                    lines, rows = [], []
            if rows:
                yield Batch(lines, rows)
        except csv.Error as error:
            self.problems.add(
                line + 1,
                "",
                f"is not CSV ({error}): a quotation mark there is not closed, or stands within a cell. Remove it;"
                " what follows was not read.",
            )
        except _Unreadable:
            pass

    def _lines(self, file: io.TextIOWrapper) -> Iterator[str]:
        while line := file.readline(_LONGEST_LINE):
            self._begun += 1
            if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
                self.problems.add(
                    self._begun,
                    "",
                    f"has more than {_LONGEST_LINE:,} characters: it is no CSV file. Save it with a line for each row.",
                )
                raise _Unreadable
            if not line.isascii() and (foreign := _FOREIGN.search(line)):
                byte = f"0x{ord(foreign[0]) - 0xDC00:02x}"
                self.problems.add(
                    self._begun,
                    "",
                    f"has a byte that is not UTF-8 ({byte}): save the file as CSV UTF-8, or, if Windows or an older"
                    " Excel wrote it, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW.",
                )
            yield line

    def _check_kind(self, start: bytes) -> None:
        """HistoryError for a file that is something else than text in lines."""
        found = misread.look(start)
        if found is not None and found.unpack:
            raise HistoryError(f"{self.path} is {found.what}. Unpack it first: {found.unpack} > NEW.")
        if start[:2] in _UTF16 or b"\0" in start[:200]:
            raise HistoryError(
                f"{self.path} line 1: the file is in UTF-16, and UTF-8 is needed: save it as CSV UTF-8 (in Excel, not"
                " as Unicode text), or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW."
            )
        if start.lstrip()[:1] in (b"{", b"["):
            raise HistoryError(f"{self.path} is JSON, and a history is CSV: export it as CSV, with a header.")

    def _separator(self, first: str) -> str:
        mark = misread.separator(first)
        if mark != ",":
            by = misread.SEPARATORS[mark]
            self.problems.add(
                1, "", f"separates its columns by {by}: save it with commas (and 0.5, not 0,5)."
            )
        return mark

    def _check_header(self) -> None:
        for name in sorted({name for name in self.header if self.header.count(name) > 1 and name}):
            self.problems.add(1, "", f"names the column {name} twice: remove or rename one.")


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
