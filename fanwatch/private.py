"""Files that nobody else may read, replaced in one step."""

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from fanwatch.errors import FanwatchError
from fanwatch.files import unwritable


def read(path: Path) -> bytes:
    """The content; FanwatchError that names the file where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FanwatchError(
            f"{path} cannot be read: {error.strerror}. Is it there, and are you its owner?"
        ) from error


def write(contents: Mapping[Path, bytes]) -> None:
    """Writes all of them beside the old ones and only then puts them in their places. FanwatchError where it cannot.

    They get mode 0600 and the owner of their folder, so that what root writes stays readable for the container whose
    folder it is.
    """
    waiting: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            _make(path.parent)
            waiting[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            handle = os.open(waiting[path], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                folder = path.parent.stat()
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
        for path, new in waiting.items():
            new.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        for new in waiting.values():
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    """Each folder that is missing, for `parents=True` would leave those above it open to all."""
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        _make(folder.parent)
        folder.mkdir(mode=0o700)
