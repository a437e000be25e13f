"""All that is wrong with a file, said at once: each kind with what to do, how many lines have it, and the first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SHOWN: Final = 3
"""Lines of a kind that are named; the others are counted."""
MOST_LISTED: Final = 100_000
"""Lines of a kind that are remembered for whoever wants to see all."""
_LONGEST_CELL: Final = 60


class Where(NamedTuple):
    """One line that has a problem."""

    line: int
    """From 1 on."""
    cell: str | None
    """What stands there, where that tells something."""


class Problems:
    """Of one file. Memory is bounded, whatever is wrong with how many lines."""

    def __init__(self, file: Path | str, check: str = "") -> None:
        """`check` is the command that lists all problems of the file."""
        self.file = str(file)
        self._check = check
        self._kinds: dict[tuple[str, str], list[Where]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def add(self, line: int, subject: str, what: str, cell: str | None = None) -> None:
        """Line `line` has a problem: `subject` ("Sound", or nothing) and `what` ("is no number: …") make a sentence."""
        kind = (subject, what)
        found = self._kinds.setdefault(kind, [])
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if len(found) < MOST_LISTED:
            found.append(Where(line, None if cell is None else cell[:_LONGEST_CELL]))

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each line that is remembered and what is wrong there, kind by kind."""
        for (subject, what), found in self._kinds.items():
            for where in found:
                yield where.line, _sentence(subject, where.cell, what)

    def __str__(self) -> str:
        """One sentence for a single problem; else a line for each kind."""
        total = sum(self._counts.values())
        if total == 1:
            [((subject, what), [where])] = self._kinds.items()
            mark = ":" if subject else ""
            return f"{self.file} line {where.line}{mark} {_sentence(subject, where.cell, what)}"
        said = [f"{self.file} has {total:,} problems:"]
        for (subject, what), found in self._kinds.items():
            said.append(
                f"- {_sentence(subject, None, what)} {self._where(found, self._counts[subject, what])}"
            )
        if self._check and any(count > SHOWN for count in self._counts.values()):
            said.append(f"`{self._check} {self.file}` lists all of them.")
        return "\n".join(said)

    @staticmethod
    def _where(found: list[Where], count: int) -> str:
        shown = ", ".join(
            f"{where.line:,}" + ("" if where.cell is None else f" ({where.cell!r})")
            for where in found[:SHOWN]
        )
        if count == 1:
            return f"In line {shown}."
        return f"In {count:,} lines: {shown}{f' and {count - SHOWN:,} more' if count > SHOWN else ''}."


def _sentence(subject: str, cell: str | None, what: str) -> str:
    return " ".join([*([subject] if subject else []), *([repr(cell)] if cell is not None else []), what])
