"""What a fan's state is called, and which state needs a person first."""

from typing import Final

import numpy as np

from console.live.fleet import Fleet

STATES: Final = ("stopped", "alarm", "suspect", "warning", "instrument", "silent", "unknown", "ok")
"""The first one needs a person most. `suspect` (its readings are called faulty, but no alarm has come) and `silent`
are the page's own; the others are those of an alarm."""
NEEDS: Final = STATES.index("silent")
"""Before this one somebody has to do something."""
_CODES: Final = {name: code for code, name in enumerate(STATES)}
_SUSPECT, _SILENT, _OK, _UNKNOWN = (_CODES[name] for name in ("suspect", "silent", "ok", "unknown"))


def states(fleet: Fleet, now_ms: int) -> np.ndarray:
    """By fan, its code: an index into STATES. Hold the fleet's lock."""
    count = len(fleet.names)
    codes = np.fromiter(
        (_UNKNOWN if alarm is None else _CODES[alarm.state] for alarm in fleet.alarms), np.int8, count
    )
    told = np.fromiter((alarm is not None for alarm in fleet.alarms), np.bool_, count)
    # Without a forecast, a fan whose readings are scored and not called faulty is as well as anybody knows.
    codes[~told & (fleet.scored_ms[:count] > 0)] = _OK
    quiet = codes >= _SILENT
    codes[quiet & fleet.suspects()] = _SUSPECT
    late = now_ms - fleet.read_ms[:count] > fleet.silent_ms
    codes[late & (codes >= _SILENT)] = _SILENT
    return codes
