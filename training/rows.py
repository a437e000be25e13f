"""A history file as batches of rows, hashed on the way, in memory that does not grow with the file; and as arrays."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from fanwatch.errors import FanwatchError
from fanwatch.messages import files, misread
from fanwatch.problems import Problems
from fanwatch.sensors import FEATURES
from training.sample import RowSample

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
"""What a file in UTF-16 begins with, as Excel's "Unicode text" does."""
_LABELS: Final = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "False": 0, "True": 1}
_LABELS_OF_EXCEL: Final = {"FALSE": 0, "TRUE": 1}
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


class Rows:
    """The rows of a CSV file below its header. Iterate once; whoever does adds to `problems` what is wrong in a row."""

    def __init__(self, path: Path, progress: Progress = lambda done, total: None) -> None:
        self.path = path
        self.problems = Problems(path, CHECK)
        """All that is wrong with the file; the iteration ends with a HistoryError where there is anything."""
        self._progress = progress
        self._digest = hashlib.sha256()
        self._rows = files.Rows(io.StringIO(), self.problems)

    @property
    def header(self) -> list[str]:
        """Column names, stripped; known once iteration began."""
        return self._rows.header

    @property
    def blank(self) -> int:
        """Rows without content, which are passed over."""
        return self._rows.blank

    @property
    def sha256(self) -> str:
        """Of the file's bytes, once all were read."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[files.Batch]:
        """Yield all rows in batches. HistoryError, once all were read, says whatever is wrong with the file."""
        try:
            with self.path.open("rb", buffering=0) as file:
                total = self.path.stat().st_size
                buffered = io.BufferedReader(_Hashing(file, self._digest), 1 << 20)
                self._check_kind(buffered.peek(misread.LOOKED_AT))
                text = io.TextIOWrapper(buffered, "utf-8-sig", "surrogateescape", newline="")
                self._rows = files.Rows(text, self.problems)
                for batch in self._rows:
                    self._progress(file.tell(), total)
                    yield batch
                self._progress(total, total)
        except OSError as error:
            raise HistoryError(
                f"{self.path} cannot be read: {error.strerror}. Check its name, and that you may read it."
            ) from error
        if self.problems:
            raise HistoryError(str(self.problems), (self.problems,))

    def batches(self, names: Sequence[str]) -> Iterator[tuple[files.Batch, list[int]]]:
        """The same, each with where in its rows the columns `names` stand, -1 for one that is missing.

        HistoryError, too, where there is no row.
        """
        order: list[int] = []
        for batch in self:
            order = order or self._order(names)
            yield batch, order
        if not order:
            self._order(names)
            if self.problems:
                raise HistoryError(str(self.problems), (self.problems,))

    def _order(self, names: Sequence[str]) -> list[int]:
        order = files.places(self.header, names)
        missing = [name for name, place in zip(names, order, strict=True) if place < 0]
        if missing:
            found = f" It names {','.join(self.header)[:200]}." if any(self.header) else ""
            self.problems.add(
                1, "", f"has no column {', '.join(missing)}: its header must name {','.join(names)}.{found}"
            )
        return order

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


class Cells:
    """What the cells of a file hold; `names` are its columns: COLUMNS, and `Faulty` where labels are read."""

    def __init__(self, names: Sequence[str], problems: Problems) -> None:
        self._names, self._problems = names, problems
        self.devices, self.times = files.Codes(), files.Times()

    def take(self, batch: files.Batch, order: list[int]) -> RowSample | None:
        """The rows of a batch; None where something is wrong in any of them, all of which is added to the problems."""
        try:
            if min(order) < 0:
                raise IndexError
            columns = [[row[index] for row in batch.rows] for index in order]
            values = np.array([list(map(float, column)) for column in columns[2 : 2 + len(FEATURES)]])
            if not np.isfinite(values).all():
                raise ValueError
            count = len(batch.rows)
            labelled = len(order) > 2 + len(FEATURES)
            return RowSample(
                np.ascontiguousarray(values.T),
                np.fromiter(map(_label, columns[-1]), np.bool_, count)
                if labelled
                else np.zeros(count, np.bool_),
                np.fromiter(map(self.devices.code, columns[0]), np.int32, count),
                np.fromiter(map(self.times.ms, columns[1], batch.lines), np.int64, count),
                np.array(batch.lines, dtype=np.int64),
            )
        except (ValueError, IndexError):
            for line, row in zip(batch.lines, batch.rows, strict=True):
                self._check(line, row, order)
            return None

    def _check(self, line: int, row: list[str], order: list[int]) -> None:
        """Add whatever is wrong in a row."""
        named = [pair for pair in zip(self._names, order, strict=True) if pair[1] >= 0]
        short = [name for name, index in named if index >= len(row)]
        if short:
            what = f"has {len(row)} values, none of them for {', '.join(short)}: add it, or remove the line."
            self._problems.add(line, "", what)
            return
        cells = {name: row[index].strip() for name, index in named}
        if wrong := files.foreign(cells.values()):
            self._problems.add(line, "", wrong)
            return
        for name, cell in cells.items():
            try:
                if name == "DeviceID":
                    self.devices.code(cell)
                elif name == "Time":
                    self.times.ms(cell, line)
                elif name == "Faulty":
                    _label(cell)
                else:
                    files.number(cell)
            except ValueError as error:
                self._problems.add(line, name, str(error), cell if cell or name != "DeviceID" else None)


def _label(cell: str) -> int:
    found = _LABELS.get(cell)
    if found is None:
        found = (_LABELS | _LABELS_OF_EXCEL).get(cell.strip())
    if found is None:
        raise ValueError("must be 0 or 1, for healthy or faulty: write one, or remove the line.")
    return found


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
