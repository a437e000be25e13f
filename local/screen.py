"""The live table laid out for the terminal that it is drawn on: nothing that matters is cut, at 80 columns either.

What is least needed gives way first: long headings, then sensors one after the other, then the end of fans' names.
Sentences are broken into lines and never cut.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from fanwatch.output import plain

_GAP: Final = 1
_SHORTEST_NAME: Final = 8
_LONG_NAME: Final = 20
_FEWEST_ROWS: Final = 3
_ROWS_BEFORE_NEWS: Final = 6
"""Fans that are shown before older news is."""


class Column(NamedTuple):
    """One column: its heading, a short one for narrow terminals, and whether numbers stand in it."""

    heading: str
    short: str
    right: bool = False
    drop: int = 0
    """Columns with a number give way where there is no room, the lowest first; 0 stays."""


class Screen:
    """Rows of cells below headings, then news and a footer; the first column is a name, which may be cut."""

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Text]],
        more: int,
        news: Sequence[Text],
        footer: Sequence[Text],
        height: int,
    ) -> None:
        """`more` are those that are not among `rows`; `news` begins with the oldest; `height` in lines."""
        self._columns, self._rows, self._more = columns, rows, more
        self._news, self._footer, self._height = news, footer, height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draws it at the width, and in the letters, that the terminal has."""
        width = options.max_width
        footer = [line for text in self._footer for line in _wrapped(console, text, options)]
        rows = [[_plain(cell, options) for cell in row] for row in self._rows]
        chosen, headings = _fitted(self._columns, rows, width, options.encoding)
        head = max(heading.count("\n") for heading in headings) + 1
        # A line for the cursor, and one between the table and what is below.
        room = self._height - head - len(footer) - 2
        news = self._recent(console, options, room - min(len(rows), _ROWS_BEFORE_NEWS))
        room = max(_FEWEST_ROWS, room - len(news))
        if self._more or len(rows) > room:
            # The line that says how many there are.
            room = max(_FEWEST_ROWS, room - 1)
        yield self._table(chosen, headings, rows[:room], width)
        left = self._more + len(rows[room:])
        if left:
            yield Text(f"and {left} more", style="dim")
        if not rows:
            yield Text("waiting for readings ...", style="dim")
        yield Text()
        yield from news
        yield from footer

    def _recent(self, console: Console, options: ConsoleOptions, room: int) -> list[Text]:
        """The newest news that have room, whole; the last one always."""
        shown: list[Text] = []
        for text in reversed(self._news):
            lines = _wrapped(console, text, options)
            if shown and len(shown) + len(lines) > room:
                break
            shown = [*lines, *shown]
        return shown

    def _table(
        self, chosen: Sequence[int], headings: Sequence[str], rows: Sequence[Sequence[Text]], width: int
    ) -> Table:
        grid = Table(expand=True, box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        widths = _widths(chosen, headings, rows)
        others = sum(widths[1:]) + _GAP * (len(chosen) - 1)
        names = max(_SHORTEST_NAME, min(widths[0], width - others))
        for place, heading, least in zip(chosen, headings, [names, *widths[1:]], strict=True):
            right = self._columns[place].right
            grid.add_column(heading, justify="right" if right else "left", no_wrap=True, min_width=least)
        for row in rows:
            name, *cells = (row[place] for place in chosen)
            grid.add_row(_cut(name, names), *cells)
        return grid


def _fitted(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int, encoding: str
) -> tuple[list[int], list[str]]:
    """The columns that have room, by their places, and their headings."""
    chosen = list(range(len(columns)))
    wide = [plain(columns[place].heading, encoding) for place in chosen]
    if _needed(chosen, wide, rows) <= width:
        return chosen, wide
    for given_up in (0, *sorted(column.drop for column in columns if column.drop)):
        chosen = [place for place in chosen if not 0 < columns[place].drop <= given_up]
        short = [plain(columns[place].short, encoding) for place in chosen]
        if _needed(chosen, short, rows) <= width:
            break
    return chosen, short


def _needed(chosen: Sequence[int], headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> int:
    """Columns of the terminal; no sensor gives way for the end of a very long name."""
    names, *others = _widths(chosen, headings, rows)
    return min(names, _LONG_NAME) + sum(others) + _GAP * len(others)


def _widths(chosen: Sequence[int], headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[int]:
    """What each column needs."""
    return [
        max(
            *(cell_len(line) for line in heading.split("\n")),
            *(row[place].cell_len for row in rows),
            0,
        )
        for place, heading in zip(chosen, headings, strict=True)
    ]


def _cut(name: Text, width: int) -> Text:
    if name.cell_len <= width:
        return name
    return Text(set_cell_size(name.plain, width - 1) + "~", style=name.style)


def _wrapped(console: Console, text: Text, options: ConsoleOptions) -> list[Text]:
    return list(_plain(text, options).wrap(console, options.max_width, overflow="fold", no_wrap=False))


def _plain(text: Text, options: ConsoleOptions) -> Text:
    """The text in letters that the terminal has, before it is measured."""
    if plain(text.plain, options.encoding) == text.plain:
        return text
    made = Text(style=text.style)
    borders = sorted({at for span in text.spans for at in (span.start, span.end) if 0 < at < len(text)})
    for piece in text.divide(borders):
        style = piece.spans[-1].style if piece.spans else ""
        made.append(plain(piece.plain, options.encoding), style)
    return made
