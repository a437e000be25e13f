"""What is printed for people reaches every terminal: what its encoding lacks is written in plain letters."""

import codecs
import os
import sys
import unicodedata
from typing import Final, TextIO

_PLAIN: Final = {
    "–": "-", "—": "-", "−": "-", "‑": "-", "→": "->", "←": "<-", "°": "deg", "µ": "u", "μ": "u", "×": "x",
    "·": "|", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "≤": "<=", "≥": ">=", "±": "+-", "\u00a0": " ",
    "ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe",
    "Ü": "Ue",
}  # fmt: skip
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


def as_json(text: str, stream: TextIO | None = None) -> str:
    """JSON for `stream` (standard output): the same content, in escapes where its encoding is not Unicode's."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    if encoding.lower().replace("_", "-").startswith("utf"):
        return text
    return "".join(each if each.isascii() else _escaped(each) for each in text)


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
