"""The folder in which bundles are kept that came over the network, each under its pin.

On machines that last, each new model would stay there for ever: of those that were not used lately only a few are kept,
to go back to without the store.
"""

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from fanwatch.bundles.verified import METADATA, Listing, sha256
from fanwatch.errors import SettingsError

KEPT: Final = 4
"""Bundles that stay, the one just fetched among them."""
LATELY_S: Final = 3600.0
"""What was used so lately stays in any case: another process may be reading it, or still writing."""
_PIN: Final = re.compile(r"[0-9a-f]{64}")
_UNFINISHED: Final = "fanwatch-new-"


def folder(setting: str | None) -> Path:
    """The folder of fetched bundles, made where it is missing. Nobody else may write there: what is read later was
    checked before."""
    cache = Path(setting) if setting else Path(tempfile.gettempdir()) / f"fanwatch-bundles-{os.getuid()}"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = cache.lstat()
    except OSError as error:
        raise SettingsError(
            f"Bundles cannot be kept in {cache}: {error.strerror}. Set FANWATCH_BUNDLE_CACHE to a folder."
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise SettingsError(
            f"{cache} belongs to somebody else, or others may write there: set FANWATCH_BUNDLE_CACHE to a folder of"
            " this user alone."
        )
    return cache


def whole(kept: Path, pin: str) -> bool:
    """Whether a bundle lies there that is, to the byte, what its pin says."""
    try:
        raw = (kept / METADATA).read_bytes()
        if sha256(raw) != pin:
            return False
        files = msgspec.json.decode(raw, type=Listing).files
        return all(sha256((kept / name).read_bytes()) == expected for name, expected in files.items())
    except OSError:
        return False


def unfinished(cache: Path) -> Path:
    """A new folder for a bundle that is being fetched; it is renamed once it is whole."""
    return Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cache))


def used(kept: Path) -> None:
    """Notes that a bundle was taken into use now, which is what its age is counted from."""
    with contextlib.suppress(OSError):
        os.utime(kept)


def tidy(cache: Path) -> None:
    """Removes the bundles that were not used for longest, and what was never finished. What cannot be, stays.

    So does what is neither, for the folder may be one that holds other things.
    """
    bundles = {path: _unused_s(path) for path in cache.iterdir() if _PIN.fullmatch(path.name)}
    beyond = sorted(bundles, key=bundles.__getitem__)[KEPT:]
    for path in (*beyond, *cache.glob(f"{_UNFINISHED}*")):
        if _unused_s(path) > LATELY_S:
            shutil.rmtree(path, ignore_errors=True)


def _unused_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        # Another process has just renamed or removed it.
        return 0.0
