"""Files that a person names: whether they can be written, in one sentence where not, and whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO, cast

from fanwatch.errors import FanwatchError

_ROOM_BYTES: Final = 1_000_000
"""Free space without which nothing is begun."""
_FULL: Final = "the disk there is full. Make room, or name a place on another disk."
_READ_ONLY: Final = "the file system there is read-only. Name a place that can be written to."
_REASONS: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: "you are not allowed to. Name a place of your own, or ask its owner.",
    errno.EPERM: "you are not allowed to. Name a place of your own, or ask its owner.",
    errno.EISDIR: "it is a directory. Name a file.",
    errno.ENOTDIR: "a part of its path is a file and no directory. Name another place.",
    errno.EEXIST: "a file is there already. Name another place.",
    errno.ENAMETOOLONG: "its name is too long. Name a shorter one.",
    errno.ENOENT: "its directory is not there. Make it, or name another place.",
    errno.EIO: "the disk there fails. Name a place on another disk.",
}


def reason(error: OSError) -> str:
    """What the system's error means, and the way out: the end of a sentence."""
    return _REASONS.get(error.errno or 0, f"{error.strerror or error}. Name another place.")


def unwritable(path: Path | str, error: OSError, subject: str | None = None) -> FanwatchError:
    """The sentence for a path that could not be written, which `subject` names in another way."""
    return FanwatchError(f"{subject or path} cannot be written: {reason(error)}")


def check_file(path: Path, room: int = _ROOM_BYTES) -> None:
    """FanwatchError where a file cannot be written there, before work is begun whose result it gets."""
    if path.is_dir():
        raise FanwatchError(f"{path} cannot be written: {_REASONS[errno.EISDIR]}")
    if path.exists() and not path.is_file():
        # What takes its place at the end would replace a device or a pipe.
        raise FanwatchError(f"{path} cannot be written: it is no ordinary file. Name another one.")
    _check_place(path, path.parent, room)


def check_directory(path: Path, room: int = _ROOM_BYTES, subject: str | None = None) -> None:
    """The same of a directory that is to be made, or filled."""
    if path.exists() and not path.is_dir():
        raise FanwatchError(
            f"{subject or path} cannot be written: it is a file, and a directory is needed. Name another place."
        )
    _check_place(path, path, room, subject)


@contextlib.contextmanager
def writing(path: Path, subject: str | None = None) -> Iterator[None]:
    """Whatever the system refuses meanwhile is said of `path`. Directories that were made for it go then."""
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        yield
    except BaseException as error:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise unwritable(path, error, subject) from error
        raise


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to: what is there takes its place at the end, and only where nothing failed.

    FanwatchError where it cannot be written; then nothing of it is left.
    """
    check_file(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def opened(path: Path, mode: str = "w") -> TextIO:
    """A file that grows line by line while something runs. FanwatchError where it cannot be written."""
    if path.is_dir():
        raise FanwatchError(f"{path} cannot be written: {_REASONS[errno.EISDIR]}")
    _check_place(path, path.parent, _ROOM_BYTES)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return cast(TextIO, path.open(mode, encoding="ascii", buffering=1))


def _check_place(path: Path, folder: Path, room: int, subject: str | None = None) -> None:
    """Of the nearest folder that is there: those between are made."""
    try:
        there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, "Read-only file system")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
        found = os.statvfs(there)
        free = found.f_bavail * found.f_frsize
        if free < room:
            raise FanwatchError(
                f"{subject or path} cannot be written: {free / 1e6:.1f} MB are free there, and {room / 1e6:g} MB are "
                "needed. Make room, or name a place on another disk."
            )
    except OSError as error:
        raise unwritable(path, error, subject) from error
