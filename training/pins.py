"""Where stack.yml names a model bundle and its hash; both are changed in place, and not a character else."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from fanwatch.errors import FanwatchError

_BUNDLE: Final = re.compile(
    r"(?P<indent>\s+)(?P<variable>\w*BUNDLE)\s*:[^#]*?(?P<path>models/(?P<name>[\w-]+)/\d+)\b"
)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


class PinError(FanwatchError):
    """stack.yml does not name the bundle in a way that can be changed; the message says what it needs."""


class Pin(NamedTuple):
    """One place of stack.yml that names a bundle, directly or as a variable's default."""

    path: str
    """Such as models/fan-anomaly/1, relative to stack.yml."""
    sha256: str
    variable: str
    """Such as FANWATCH_BUNDLE."""
    lines: tuple[int, int]
    """Where the path stands and where the hash, from 0 on."""


def find(text: str, name: str) -> list[Pin]:
    """All places that name a bundle called `name`. PinError where one has no hash beside it."""
    lines = text.splitlines(keepends=True)
    pins = []
    for number, line in enumerate(lines):
        match = _BUNDLE.match(line)
        if match is None or match["name"] != name:
            continue
        beside = re.compile(rf"{match['indent']}{match['variable']}_SHA256\s*:")
        found = next((i for i in _block(lines, number, len(match["indent"])) if beside.match(lines[i])), None)
        digest = None if found is None else _SHA256.search(lines[found])
        if found is None or digest is None:
            raise PinError(
                f"stack.yml, line {number + 1}: {match['variable']} has no {match['variable']}_SHA256 with 64"
                " hexadecimal digits beside it; add it, for the bundle is pinned there."
            )
        pins.append(Pin(match["path"], digest[0].lower(), match["variable"], (number, found)))
    return pins


def changed(text: str, name: str, path: str, sha256: str) -> str:
    """The text with another bundle in all places that name one called `name`; PinError where there are none."""
    pins = find(text, name)
    if not pins:
        raise PinError(
            f"stack.yml names no bundle models/{name}/…: give the function that uses it FANWATCH_BUNDLE: {path} and"
            f' FANWATCH_BUNDLE_SHA256: "{sha256}".'
        )
    lines = text.splitlines(keepends=True)
    for pin in pins:
        named, pinned = pin.lines
        lines[named] = lines[named].replace(pin.path, path)
        lines[pinned] = _SHA256.sub(sha256, lines[pinned], count=1)
    return "".join(lines)


def read(file: Path) -> str:
    """The text of stack.yml, its line ends as they are."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PinError(f"{file} cannot be read: {error}.") from error


def write(file: Path, text: str) -> None:
    """Replace stack.yml whole; who reads it meanwhile sees the old or the new one."""
    target = file.resolve()
    handle, part = tempfile.mkstemp(prefix=".stack.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(text.encode("utf-8"))
        shutil.copymode(target, part)
        os.replace(part, target)
    except OSError as error:
        Path(part).unlink(missing_ok=True)
        raise PinError(f"{file} cannot be written: {error.strerror}.") from error


def _block(lines: list[str], number: int, indent: int) -> list[int]:
    """Line numbers of the mapping that line `number` is in, nested and empty lines included."""

    def inside(line: str) -> bool:
        return not line.strip() or len(line) - len(line.lstrip()) >= indent

    begin = end = number
    while begin and inside(lines[begin - 1]):
        begin -= 1
    while end + 1 < len(lines) and inside(lines[end + 1]):
        end += 1
    return list(range(begin, end + 1))
