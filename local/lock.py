"""Who has a state directory: one `fanwatch up`, and a demonstration one below it."""

import fcntl
import os
import shutil
from collections.abc import Mapping
from typing import IO

from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.files import writing
from fanwatch.settings import LocalSettings, load
from local.layout import Layout, of

_DEMONSTRATION = "demo"


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


def prepare(environment: Mapping[str, str]) -> Mapping[str, str]:
    """`make run DEMO=fan-03:bearing` has a state directory of its own, made anew each time.

    Its past is played in: what is stored already would be newer, and those days would tell nothing then.
    Returns the environment with that directory, emptied; as it is where DEMO asks for none.
    """
    if not environment.get("DEMO"):
        return environment
    local = load(LocalSettings, environment)
    if local.no_store or local.no_fleet:
        raise SettingsError("DEMO needs the simulated fans, and InfluxDB, out of which forecasts are made.")
    place = of(local)
    if place.state.name == _DEMONSTRATION:
        return environment
    place = _below(place)
    if holder(place) is None:
        shutil.rmtree(place.state, ignore_errors=True)
    return {**environment, "FANWATCH_STATE_DIR": str(place.state)}


def running(place: Layout) -> Layout:
    """Where the runtime of this state directory keeps its files: below it while a demonstration runs."""
    below = _below(place)
    return below if holder(place) is None and holder(below) is not None else place


def _below(place: Layout) -> Layout:
    return Layout(state=place.state / _DEMONSTRATION, root=place.root, stack=place.stack)
