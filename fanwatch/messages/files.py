"""Files of readings: their rows, their columns by name, and what a cell may hold.

`fanwatch score`, the page and every training read CSV by this, so that one takes what another takes.
"""

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TextIO

from fanwatch.messages import misread
from fanwatch.messages.timestamps import parse_written
from fanwatch.messages.topics import DEVICE_ID, DEVICE_RULE
from fanwatch.problems import Problems
from fanwatch.sensors import COLUMNS

ROWS_AT_ONCE: Final = 8192
_LONGEST_LINE: Final = 65_536
"""Characters; without a bound, a file that is one long line would be read whole."""
_FOREIGN: Final = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, as `surrogateescape` reads it."""
_MOST_DEVICES: Final = 100_000
_REMEMBERED_TIMES: Final = 100_000
_CANONICAL: Final = {name.lower(): name for name in COLUMNS} | {"timestamp": "Time"}


class Batch(NamedTuple):
    """Some rows that follow each other."""

    lines: list[int]
    """Number of each row's (last) line in the file, from 1 on."""
    rows: list[list[str]]


class _Unreadable(Exception):
    """Nothing behind this line of the file can be read."""


def column(name: str) -> str:
    """The name of COLUMNS that a header means by `name`, in any case or as on the wire; others as they stand."""
    return _CANONICAL.get(name.lower(), name)


def places(header: Sequence[str], names: Iterable[str]) -> list[int]:
    """Where each column stands in a row, in whatever case it is written; -1 for one that is missing."""
    found = [column(name).lower() for name in header]
    return [found.index(name.lower()) if name.lower() in found else -1 for name in names]


class Rows:
    """The rows of a CSV file below its header. Iterate once; all that is wrong is added to `problems`."""

    def __init__(self, text: TextIO, problems: Problems) -> None:
        """`text` is opened with `newline=""` and `errors="surrogateescape"`."""
        self._text = text
        self._problems = problems
        self.header: list[str] = []
        """Column names, stripped; known once iteration began."""
        self.blank = 0
        """Rows without content, which are passed over."""
        self._begun = 0
        """Lines that were read."""

    def __iter__(self) -> Iterator[Batch]:
        line = skipped = 0
        try:
            lines = self._lines()
            first = next(lines, "")
            while first and not first.strip():
                first, skipped = next(lines, ""), skipped + 1
            mark = misread.separator(first)
            if mark != ",":
                by = misread.SEPARATORS[mark]
                said = f"separates its columns by {by}: save it with commas (and 0.5, not 0,5)."
                self._problems.add(skipped + 1, "", said)
            reader = csv.reader(itertools.chain([first], lines), strict=True, delimiter=mark)
            self.header = [_shown(name.strip()) for name in next(reader, [])]
            named = [column(name) for name in self.header]
            for name in sorted({name for name in named if name and named.count(name) > 1}):
                self._problems.add(skipped + 1, "", f"names the column {name} twice: remove or rename one.")
            batch = Batch([], [])
            line = reader.line_num
            for row in reader:
                line = reader.line_num
                if not "".join(row).strip():
                    self.blank += 1
                    continue
                batch.lines.append(skipped + line)
                # Such a file is refused; what else is wrong with it shall be said, and not each decimal comma.
                batch.rows.append(row if mark == "," else [cell.replace(",", ".") for cell in row])
                if len(batch.rows) == ROWS_AT_ONCE:
                    yield batch
                    batch = Batch([], [])
            if batch.rows:
                yield batch
        except csv.Error as error:
            self._problems.add(
                skipped + line + 1,
                "",
                f"is not CSV ({error}): a quotation mark there is not closed, or stands within a cell. Remove it;"
                " what follows was not read.",
            )
        except _Unreadable:
            pass

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST_LINE):
            self._begun += 1
            if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
                self._problems.add(
                    self._begun,
                    "",
                    f"has more than {_LONGEST_LINE:,} characters: it is no CSV file. Save it with a line for each row.",
                )
                raise _Unreadable
            yield line


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def foreign(cells: Iterable[str]) -> str | None:
    """What is wrong with cells of which one is not UTF-8, the end of a sentence."""
    found = _FOREIGN.search("".join(cells))
    return found and (
        f"has a byte that is not UTF-8 (0x{ord(found[0]) - 0xDC00:02x}): save the file as CSV UTF-8, or, if Windows or"
        " an older Excel wrote it, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW."
    )


def number(cell: str) -> float:
    """A sensor's value. ValueError, the end of a sentence."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(
            "is not a finite number: write one such as 47.9, with a point and without a unit, or remove the line."
        )
    return value


class Codes:
    """Numbers for device names, in the order of their first appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, cell: str) -> int:
        """Of a name. ValueError, the end of a sentence, where it is none or the names do not end."""
        found = self._codes.get(cell)
        if found is not None:
            return found
        name = cell.strip()
        if name != cell:
            return self.code(name)
        if not name:
            raise ValueError("is empty. Put the fan's name there, or remove the line.")
        if DEVICE_ID.fullmatch(name) is None:
            raise ValueError(f"{DEVICE_RULE}: name the fan so, here and where it publishes.")
        if len(self.names) == _MOST_DEVICES:
            raise ValueError(f"has more than {_MOST_DEVICES:,} values: it must name a fan, not a row.")
        self.names.append(name)
        return self._codes.setdefault(name, len(self.names) - 1)


class Times:
    """Milliseconds of times in the forms that a file may use; those without a zone are UTC."""

    def __init__(self) -> None:
        self.forms: dict[str, tuple[str, int]] = {}
        """Form → its first time and that one's line."""
        self._known: dict[str, int] = {}

    def ms(self, cell: str, line: int) -> int:
        """Of a time. ValueError, the end of a sentence, where it is none."""
        found = self._known.get(cell)
        if found is not None:
            return found
        text = cell.strip()
        ms, form = parse_written(text)
        self.forms.setdefault(form, (text, line))
        if len(self._known) == _REMEMBERED_TIMES:
            self._known.clear()
        return self._known.setdefault(cell, ms)
