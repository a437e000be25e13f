"""The rollup as a process: a run right away and each minute at first, then one after each full ten minutes, until
SIGTERM."""

import time
from collections.abc import Callable
from typing import NoReturn

import msgspec

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.logs import Log
from fanwatch.store.lease import LeaseHeld
from history.rollup import Rollup

_AFTER_S = 15.0
"""Seconds that the last readings of a window get to arrive."""
_AGAIN_S = 10.0
"""Seconds until the next try where the store is away, or another rollup works."""
_PATIENCE_S = 5.0
_NEW_S, _NEW_EVERY_S = 600.0, 60.0
"""For so long after its start it works this often: whoever has just started all looks at dashboards that read means,
and history is often played in then."""


def loop(rollup: Rollup, every_s: float, log: Log, wait: Callable[[float], object] = time.sleep) -> NoReturn:
    """Runs every `every_s` seconds, at multiples of that in UTC, more often at first; `wait` is how it waits."""
    away = False
    new_until = time.monotonic() + _NEW_S
    while True:
        try:
            done = rollup.run(patience_s=_PATIENCE_S)
            if away:
                log.info("the store is back")
            away = False
            log.info("rolled up", **msgspec.structs.asdict(done))
        except Unavailable as error:
            if not away:
                log.warning("the store is away", error=str(error))
            away = True
            wait(min(_AGAIN_S, every_s))
            continue
        except LeaseHeld as error:
            log.info("another rollup works", error=str(error))
            wait(min(_AGAIN_S, every_s))
            continue
        except FanwatchError as error:
            # As a query that took too long: what was not done is due at the next run.
            log.error("rollup failed", error)
        pause_s = seconds_to_next(every_s, time.time())
        wait(min(pause_s, _NEW_EVERY_S) if time.monotonic() < new_until else pause_s)


def seconds_to_next(every_s: float, now_s: float) -> float:
    """Until a little after the next multiple of `every_s`, so that the window before it is complete."""
    after = min(_AFTER_S, every_s / 10)
    return every_s - (now_s - after) % every_s
