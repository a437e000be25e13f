"""What a fan's state is called, which state needs a person first, and whether most of the fleet has gone at once."""

from typing import Final

import msgspec
import numpy as np

from console import words
from console.live.fleet import Fleet
from fanwatch.fleet import outage
from fanwatch.fleet.unusable import Heard, was_silent
from fanwatch.messages.alarm import OUT_OF_SERVICE, Alarm
from fanwatch.messages.reasons import Reasons
from fanwatch.sensors import Values

STATES: Final = tuple(words.SIGNS)
"""The first one needs a person most. `suspect` (its readings are called faulty, but no alarm has come) and `silent`
are the page's own; the others are those of an alarm. `ok` has only who has a risk, of a forecast-fan that goes on
judging: everybody else is `unknown`, which people read as *Not judged*."""
LAST_NEED: Final = STATES.index("silent")
"""Up to this one somebody has to do something."""
_CODES: Final = {name: code for code, name in enumerate(STATES)}
_SUSPECT, _SENSOR, _SILENT, _OK, _UNKNOWN = (
    _CODES[name] for name in ("suspect", "instrument", "silent", "ok", "unknown")
)
_STOPPED, _OUT = _CODES["stopped"], _CODES[OUT_OF_SERVICE]
_OUTAGES: Final = {
    outage.SILENT: "most-silent",
    outage.STOPPED: "most-stopped",
    outage.BOTH: "most-both",
}


def states(fleet: Fleet, now_ms: int) -> np.ndarray:
    """By fan, its code: an index into STATES. Hold the fleet's lock."""
    count = len(fleet.names)
    codes = np.fromiter(
        (_UNKNOWN if alarm is None else _CODES[alarm.state] for alarm in fleet.alarms), np.int8, count
    )
    said_nothing = codes == _UNKNOWN
    current = fleet.forecast.current(now_ms)
    codes[(codes == _OK) & ~(np.isfinite(fleet.risk[:count]) & current)] = _UNKNOWN
    # It was well while it turned; how it is now nobody has said.
    codes[(codes == _OK) & fleet.standing()] = _UNKNOWN
    out = codes == _OUT
    for device in fleet.forecast.behind:
        place = fleet.find(device)
        if place is not None and codes[place] == _OK:
            codes[place] = _UNKNOWN
    quiet = codes >= _SILENT
    codes[quiet & fleet.faulty()] = _SUSPECT
    heard = np.maximum(fleet.heard_ms[:count], fleet.listening_ms)
    late = now_ms - heard > fleet.senders.silent_ms
    # Of a fan of which the forecast knows nothing yet, nobody can say that it only rests.
    codes[said_nothing & quiet & ~late & fleet.standing()] = _SUSPECT
    codes[late & (codes >= _SILENT)] = _SILENT
    # Whoever is heard and cannot be used is not silent, and nobody knows how its fan is.
    codes[(codes >= _SILENT) & fleet.senders.unusable(now_ms)] = _SENSOR
    # Whatever its readings are scored as, or though none come: somebody knows of it.
    codes[out] = _OUT
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
            heard=fleet.senders.trouble(index, now_ms),
            unjudged=fleet.forecast.why(now_ms, device),
            clock_ms=fleet.senders.clock(index, now_ms),
        )


class Outage(msgspec.Struct, frozen=True):
    """Fans that are one entry."""

    title: str
    text: str
    """A sentence for the page."""
    fans: frozenset[str]


def common_outage(fleet: Fleet, codes: np.ndarray, now_ms: int) -> Outage | None:
    """Those that have gone, where they are most of the fans; else None. `codes` as from `states`. Hold the lock."""
    alarms = fleet.alarms
    unheard = [place for place, code in enumerate(codes) if code == _SILENT or was_silent(alarms[place])]
    still = [
        place for place, code in enumerate(codes) if code == _STOPPED and outage.unannounced(alarms[place])
    ]
    gone, known = len(unheard) + len(still), int((codes != _OUT).sum())
    if not outage.is_one(gone, known):
        return None
    kind = outage.kind_of(len(unheard), len(still))
    again = sum(now_ms - int(fleet.heard_ms[place]) <= fleet.senders.silent_ms for place in unheard)
    since = sorted(_since_ms(fleet, place) for place in (*unheard, *still))
    middle = since[gone // 2]
    at_once = outage.is_one(sum(abs(ms - middle) < outage.TOGETHER_MS for ms in since), known)
    said = middle if at_once else 0
    names = frozenset(fleet.names[place] for place in (*unheard, *still))
    return Outage(
        words.phrase(_OUTAGES[kind]), words.read(outage.told(kind, gone, known, said, again)), names
    )


def _since_ms(fleet: Fleet, place: int) -> int:
    """When it was heard last, or stopped; 0 where that is not known."""
    alarm, heard_ms = fleet.alarms[place], int(fleet.heard_ms[place])
    if alarm is not None and (was_silent(alarm) or alarm.state == "stopped"):
        return min(alarm.since_ms, heard_ms or alarm.since_ms)
    return heard_ms
