"""One `fanwatch up` a state directory."""

import fcntl
import os
from typing import IO

from fanwatch.errors import FanwatchError
from fanwatch.files import writing
from local.layout import Layout


class AlreadyRunning(FanwatchError):
    """Another `fanwatch up` has this state directory."""


def acquire(layout: Layout) -> IO[str]:
    """Locks the state directory for this process. AlreadyRunning where another one has it."""
    with writing(layout.lock):
        file = layout.lock.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise AlreadyRunning(
            f"Fanwatch already runs here (process {holder(layout) or '?'}). See it with `fanwatch status`, "
            "stop it with `fanwatch down`, or run a second one with other ports and another FANWATCH_STATE_DIR."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def holder(layout: Layout) -> int | None:
    """The process id of the `fanwatch up` that runs; None where none does."""
    try:
        with layout.lock.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except (OSError, ValueError):
        pass
    return None
