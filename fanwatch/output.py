"""What is printed for people reaches every terminal: what its encoding lacks is written in plain letters."""

import codecs
import os
import shutil
import sys
import textwrap
import unicodedata
from typing import Final, TextIO

_PLAIN: Final = {
    "–": "-", "—": "-", "−": "-", "‑": "-", "→": "->", "←": "<-", "°": "deg", "µ": "u", "μ": "u", "×": "x",
    "·": "|", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "≤": "<=", "≥": ">=", "±": "+-", "\u00a0": " ",
    "ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe",
    "Ü": "Ue",
}  # fmt: skip
_NARROWEST: Final = 40
"""Columns that a sentence needs to be readable."""
_NAME: Final = "fanwatch.plain"


def degrade() -> None:
    """From now on nothing that this process prints can fail for its encoding."""
    codecs.register_error(_NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        # Where a test or a service has put something else in its place, that knows what it takes.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_NAME)


def drop() -> None:
    """Whatever is still to be printed on standard output goes nowhere: nobody takes it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def plain(text: str, encoding: str | None) -> str:
    """`text` as such an encoding takes it: before it is laid out, since some of it becomes longer."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "".join(_letters(each, encoding or "ascii") for each in text)
    return text


def spinner(encoding: str) -> str:
    """The name of rich's spinner that such a terminal can show."""
    return "dots" if _is_unicode(encoding) else "line"


def width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none, and lines may have any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def hanging(start: str, text: str, columns: int | None) -> str:
    """`start` and `text` in one line, or where that is longer than `columns`, in several, broken between words.

    The others begin below `text`, or where too little room would be left there, four columns from the left.
    """
    # As it will be printed: some of it may become longer.
    start, text = (plain(each, sys.stdout.encoding) for each in (start, text))
    if columns is None or len(start) + len(text) <= columns:
        return start + text
    indent = len(start)
    if columns - indent < _NARROWEST:
        if len(start.rstrip()) > columns:
            return textwrap.fill(start.rstrip() + " " + text, columns, subsequent_indent=" " * 4)
        start, indent = start.rstrip() + "\n" + " " * 4, 4
    lines = textwrap.wrap(text, columns - indent, break_on_hyphens=False)
    return start + ("\n" + " " * indent).join(lines)


def as_json(text: str, stream: TextIO | None = None) -> str:
    """JSON for `stream` (standard output): the same content, in escapes where its encoding is not Unicode's."""
    if _is_unicode(getattr(stream or sys.stdout, "encoding", None) or "ascii"):
        return text
    return "".join(each if each.isascii() else _escaped(each) for each in text)


def _is_unicode(encoding: str) -> bool:
    return encoding.lower().startswith("utf")


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_letters(each, error.encoding) for each in found), error.end


def _letters(character: str, encoding: str) -> str:
    """The character where the encoding has it, otherwise what comes nearest to it."""
    for text in (character, _PLAIN.get(character), _undecorated(character)):
        if text:
            try:
                text.encode(encoding)
            except (UnicodeEncodeError, LookupError):
                continue
            return text
    return "?"


def _undecorated(character: str) -> str:
    """The letter without its accent."""
    return "".join(
        each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each)
    )
