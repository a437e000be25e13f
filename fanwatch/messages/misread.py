"""What somebody sent in place of a reading: many readings at once, a table, a compressed file. Asked after a refusal.

Each sentence names what it is and the call that is right for it: one over HTTP or from a file, another over MQTT.
"""

import json
import re
from typing import Final, NamedTuple

from fanwatch.messages.fields import DEVICE
from fanwatch.sensors import EXAMPLE, FEATURES

LOOKED_AT: Final = 32_000
"""So many bytes from the beginning are enough to tell; more are never parsed."""

_PACKED: Final = (
    (b"\x1f\x8b", "compressed by gzip", "gunzip -c FILE"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc FILE"),
    (b"PK\x03\x04", "a zip archive, as Excel's .xlsx files are too", "unzip -p FILE"),
    (b"BZh", "compressed by bzip2", "bunzip2 -c FILE"),
    (b"\xfd7zXZ\x00", "compressed by xz", "xz -dc FILE"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE"),
    (b"\x78\x9c", "compressed (deflate)", ""),
    (b"\x78\xda", "compressed (deflate)", ""),
)
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_NDJSON_CALL: Final = "-H 'Content-Type: application/x-ndjson' --data-binary @FILE"
SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""What people separate columns by, in words."""
_HEADER: Final = re.compile(rf"device_?id|{'|'.join(FEATURES)}|\btime(?:stamp)?\b", re.IGNORECASE)
_PAIRS: Final = re.compile(r'"\s*:|\w=')
"""Names with values, as in damaged JSON or InfluxDB's lines: no table."""
_NUMBER: Final = re.compile(r"\s*-?\d+(?:[.,]\d+)?\s*")
_FEWEST_COLUMNS: Final = 4


class Sent(NamedTuple):
    """What was sent."""

    what: str
    """Goes on after "This is ": "compressed by gzip"."""
    call: str
    """The right call over HTTP or from a file, a sentence."""
    publish: str = "Publish each reading as a message of its own, a JSON object."
    """The right way over MQTT, a sentence."""
    unpack: str = ""
    """The command that unpacks the file `FILE`, of what is compressed."""
    convert: bool = False
    """Whether the file is text of another alphabet."""


def separator(line: str) -> str:
    """What separates the columns of a CSV file's first line: a comma, if there is any in it."""
    return "," if "," in line else next((mark for mark in SEPARATORS if mark in line), ",")


def sent(payload: bytes, *, over_mqtt: bool) -> str | None:
    """Two sentences, what `payload` is and what to do; None where nobody can tell."""
    found = look(payload)
    return found and f"This is {found.what}. {found.publish if over_mqtt else found.call}"


def look(payload: bytes) -> Sent | None:
    """What `payload`, or its beginning, is; None where that is no usual mistake. Never raises."""
    start = payload[:LOOKED_AT]
    for mark, what, unpack in _PACKED:
        if start.startswith(mark):
            call = f"Unpack it first: {unpack} | fanwatch score -" if unpack else "Send it as it was before."
            return Sent(what, call, "Publish readings as they are, uncompressed JSON.", unpack)
    if start.startswith(_UTF16) or start[:400].count(0) > len(start[:400]) // 3:
        return Sent(
            "text in UTF-16",
            "Convert it first: iconv -f UTF-16 -t UTF-8 FILE > NEW.",
            "Publish it in UTF-8.",
            convert=True,
        )
    text = start.removeprefix(_UTF8_MARK).decode("utf-8", errors="replace").lstrip()
    if text.startswith("["):
        return _list(text)
    if text.startswith("{"):
        several = _several(text)
        if several is None and start.startswith(_UTF8_MARK):
            return Sent("JSON behind a byte order mark (EF BB BF)", "Save it without.", "Publish it without.")
        return several
    return _table(text)


def _list(text: str) -> Sent | None:
    inside = text[1:].lstrip()
    if inside.startswith("{"):
        return Sent(
            "a JSON list of readings",
            "Score it with `fanwatch score --file FILE`, or send one reading a line (jq -c '.[]' FILE) by curl"
            " -H 'Content-Type: application/x-ndjson' --data-binary @-.",
        )
    return Sent(
        "a JSON list",
        f'A reading is one JSON object, such as {{"{DEVICE}":"fan-07",{EXAMPLE.split(",")[0]},…}}.',
    )


def _several(text: str) -> Sent | None:
    try:
        first, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    rest = text[end:]
    following = rest.lstrip(" \t\r\n,")
    if not isinstance(first, dict) or not following.startswith("{"):
        return None
    between = rest[: len(rest) - len(following)]
    if "," in between:
        return Sent("several readings with commas between them", f"Write one a line, and use {_NDJSON_CALL}.")
    if "\n" in between:
        return Sent("NDJSON, one reading a line", f"Say so, and keep its newlines: {_NDJSON_CALL}.")
    return Sent("NDJSON without its newlines, which curl -d takes out", f"Use {_NDJSON_CALL}.")


def _table(text: str) -> Sent | None:
    line = re.split(r"[\r\n]", text, maxsplit=1)[0][:1000]
    separator = max(SEPARATORS, key=line.count)
    cells = line.split(separator)
    if len(cells) < _FEWEST_COLUMNS or (not line.isprintable() and separator != "\t") or _PAIRS.search(line):
        return None
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    if len(_HEADER.findall(line)) < 2 and numbers < _FEWEST_COLUMNS - 1:
        return None
    other = "" if separator == "," else f", separated by {SEPARATORS[separator]}"
    return Sent(
        f"CSV{other}, not JSON",
        "Score it with `fanwatch score --file FILE`."
        if not other
        else "Save it with commas (and 0.5, not 0,5), and score it with `fanwatch score --file FILE`.",
        "Publish each row as a message of its own, a JSON object.",
    )
