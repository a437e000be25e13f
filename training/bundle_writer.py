"""Writing a bundle: whole or not at all, whatever ends the process meanwhile."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from fanwatch.bundles import verified
from fanwatch.errors import FanwatchError
from training import card

_LIBRARIES: Final = ("keras", "numpy", "tensorflow-cpu")


class TrainingError(FanwatchError):
    """Training cannot start or cannot keep its result; the message says what to do."""


def libraries() -> dict[str, str]:
    """Versions of what decides, besides data and settings, what a training gives."""
    return {name: version(name) for name in _LIBRARIES}


def check_target(out: Path) -> None:
    """Raise TrainingError where `out` is something else than a bundle, a new or an empty directory.

    Clears away what a killed process left beside it.
    """
    _recover(out)
    if not out.exists() or (out / verified.METADATA).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise TrainingError(f"{out} exists and is no model bundle: name another directory.")


@contextmanager
def directory(out: Path) -> Iterator[Path]:
    """A directory beside `out` that takes its place at the end; interrupted, it leaves what was there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.{os.getpid()}.", dir=out.parent))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        if out.exists():
            os.rename(out, work / "old")
        os.rename(fresh, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def seal(directory: Path, metadata: msgspec.Struct, text: str, indent: int = 2) -> str:
    """Write the card, hash every file, write model.json and return its SHA-256."""
    (directory / card.FILE).write_text(text, encoding="utf-8")
    return verified.seal(directory, metadata, indent)


def _recover(out: Path) -> None:
    """Remove the working directories of processes that are gone; the bundle that one had moved aside comes back."""
    for work in out.parent.glob(f".{out.name}.*.*"):
        owner = work.name.removeprefix(f".{out.name}.").split(".")[0]
        if not owner.isdecimal() or Path(f"/proc/{owner}").exists():
            continue
        if (work / "old").is_dir() and not out.exists():
            os.rename(work / "old", out)
        shutil.rmtree(work, ignore_errors=True)
