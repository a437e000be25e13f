"""What a fan's state is called, and which state needs a person first."""

from typing import Final

import msgspec
import numpy as np

from console.live.fleet import Fleet
from console.words import SIGNS
from fanwatch.fleet.unusable import Heard
from fanwatch.messages.alarm import OUT_OF_SERVICE, Alarm
from fanwatch.messages.reasons import Reasons
from fanwatch.sensors import Values

STATES: Final = tuple(SIGNS)
"""The first one needs a person most. `suspect` (its readings are called faulty, but no alarm has come) and `silent`
are the page's own; the others are those of an alarm. `ok` has only who has a risk, of a forecast-fan that goes on
judging: everybody else is `unknown`, which people read as *Not judged*."""
LAST_NEED: Final = STATES.index("silent")
"""Up to this one somebody has to do something."""
_CODES: Final = {name: code for code, name in enumerate(STATES)}
_SUSPECT, _SENSOR, _SILENT, _OK, _UNKNOWN = (
    _CODES[name] for name in ("suspect", "instrument", "silent", "ok", "unknown")
)


def states(fleet: Fleet, now_ms: int) -> np.ndarray:
    """By fan, its code: an index into STATES. Hold the fleet's lock."""
    count = len(fleet.names)
    codes = np.fromiter(
        (_UNKNOWN if alarm is None else _CODES[alarm.state] for alarm in fleet.alarms), np.int8, count
    )
    said_nothing = codes == _UNKNOWN
    current = fleet.verdicts.current(now_ms)
    codes[(codes == _OK) & ~(np.isfinite(fleet.risk[:count]) & current)] = _UNKNOWN
    # It was well while it turned; how it is now nobody has said.
    codes[(codes == _OK) & fleet.standing()] = _UNKNOWN
    out = codes == _CODES[OUT_OF_SERVICE]
    for device in fleet.verdicts.behind:
        place = fleet.find(device)
        if place is not None and codes[place] == _OK:
            codes[place] = _UNKNOWN
    quiet = codes >= _SILENT
    codes[quiet & fleet.faulty()] = _SUSPECT
    heard = np.maximum(fleet.heard_ms[:count], fleet.listening_ms)
    late = now_ms - heard > fleet.silent_ms
    # Of a fan of which the forecast knows nothing yet, nobody can say that it only rests.
    codes[said_nothing & quiet & ~late & fleet.standing()] = _SUSPECT
    codes[late & (codes >= _SILENT)] = _SILENT
    # Whoever is heard and cannot be used is not silent, and nobody knows how its fan is.
    codes[(codes >= _SILENT) & fleet.unusable(now_ms)] = _SENSOR
    # Whatever its readings are scored as, or though none come: somebody knows of it.
    codes[out] = _CODES[OUT_OF_SERVICE]
    return codes


class Now(msgspec.Struct, frozen=True):
    """One fan as it is now. Times in ms since the epoch, 0 where there was none; numbers are NaN where unknown."""

    device: str
    read_ms: int
    values: Values
    scored_ms: int
    probability: float
    fault: int | None
    cause: str | None
    """The sensor that the last faulty result named."""
    alarm: Alarm | None
    state: str
    """One of STATES."""
    standing: bool = False
    """Whether it stands still."""
    heard: Heard | None = None
    """Why it cannot be used though it is heard."""
    unjudged: Reasons = ()
    """Why its verdict, or any fan's, does not count; empty where forecast-fan goes on judging it."""
    clock_ms: int = 0
    """The time that it is for it where its past is being played in, else 0."""


def now(fleet: Fleet, device: str, now_ms: int) -> Now | None:
    """One fan as it is at `now_ms`; None where it was never heard of."""
    with fleet.lock:
        index = fleet.find(device)
        if index is None:
            return None
        fault = int(fleet.fault[index])
        return Now(
            device=device,
            read_ms=int(fleet.read_ms[index]),
            values=tuple(fleet.values[index].tolist()),
            scored_ms=int(fleet.scored_ms[index]),
            probability=float(fleet.probability[index]),
            fault=None if fault < 0 else fault,
            cause=fleet.causes[index],
            alarm=fleet.alarms[index],
            state=STATES[int(states(fleet, now_ms)[index])],
            standing=bool(fleet.standing()[index]),
            heard=fleet.heard(index, now_ms),
            unjudged=fleet.verdicts.why(now_ms, device),
            clock_ms=fleet.clock(index, now_ms),
        )
