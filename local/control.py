"""`fanwatch up --detach`, and `fanwatch down`, which ends what either form of `up` has started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fanwatch.errors import FanwatchError
from fanwatch.settings import LocalSettings, load
from local import lock
from local.layout import Layout, command, of
from local.status_report import up_state

_DOWN_S = 15.0
_LAST_WORDS_S = 2.0


def detach() -> int:
    """Starts `fanwatch up` in the background, and returns once it scores."""
    environment = lock.prepare(os.environ)
    place = of(load(LocalSettings, environment))
    place.create()
    log = place.log("up")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while process.poll() is None:
        said = up_state(place)
        if said.pid == process.pid and said.state == "up":
            name = command()
            print(f"Running (process {process.pid}). See `{name} status`, stop it with `{name} down`.")
            return 0
        time.sleep(0.1)
    if lock.holder(place) is None:
        place.leave()
    print(last_line_of_failure(place), file=sys.stderr)
    return process.returncode or 1


def last_line_of_failure(place: Layout) -> str:
    """What a background `up` said before it ended."""
    lines = place.log("up").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((text for text in reversed(lines) if text.startswith("fanwatch: ")), "\n".join(lines[-3:]))


def down() -> str:
    """Stops the `fanwatch up` of this state directory; says what happened. FanwatchError where it does not end."""
    place = lock.running(of(load(LocalSettings)))
    pid = lock.holder(place)
    if pid is None:
        return "Nothing runs here."
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    while lock.holder(place) == pid:
        if time.monotonic() - began > _DOWN_S:
            raise FanwatchError(
                f"Process {pid} has not stopped within {_DOWN_S:g} s. `kill -9 {pid}` ends it, and then its parts."
            )
        time.sleep(0.05)
    # It has let go of everything, and is saying so.
    last = time.monotonic() + _LAST_WORDS_S
    while time.monotonic() < last and Path(f"/proc/{pid}").exists():
        time.sleep(0.02)
    return f"Stopped in {time.monotonic() - began:.1f} s. Data is kept in {place.state}."
