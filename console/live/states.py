"""What a fan's state is called, and which state needs a person first."""

from typing import Final

import msgspec
import numpy as np

from console.live.fleet import ENOUGH, Fleet
from fanwatch.alarm import OUT_OF_SERVICE, Alarm

STATES: Final = (
    "stopped", "alarm", "suspect", "warning", "instrument", "silent", "unknown", OUT_OF_SERVICE, "ok",
)  # fmt: skip
"""The first one needs a person most. `suspect` (its readings are called faulty, but no alarm has come) and `silent`
are the page's own; the others are those of an alarm."""
LAST_NEED: Final = STATES.index("silent")
"""Up to this one somebody has to do something."""
_CODES: Final = {name: code for code, name in enumerate(STATES)}
_SUSPECT, _SILENT, _OK, _UNKNOWN = (_CODES[name] for name in ("suspect", "silent", "ok", "unknown"))


def states(fleet: Fleet, now_ms: int) -> np.ndarray:
    """By fan, its code: an index into STATES. Hold the fleet's lock."""
    count = len(fleet.names)
    codes = np.fromiter(
        (_UNKNOWN if alarm is None else _CODES[alarm.state] for alarm in fleet.alarms), np.int8, count
    )
    out = codes == _CODES[OUT_OF_SERVICE]
    told = np.fromiter((alarm is not None for alarm in fleet.alarms), np.bool_, count)
    # Without a forecast, a fan whose readings are scored and not called faulty is as well as anybody knows.
    codes[~told & (fleet.scored_ms[:count] > 0)] = _OK
    quiet = codes >= _SILENT
    codes[quiet & fleet.suspects()] = _SUSPECT
    heard = np.maximum(fleet.heard_ms[:count], fleet.listening_ms)
    late = now_ms - heard > fleet.silent_ms
    # Where the forecast knows nothing yet, a fan that does not turn is all but healthy.
    unjudged = ~told | (codes == _UNKNOWN)
    codes[unjudged & quiet & ~late & fleet.standing()] = _SUSPECT
    codes[late & (codes >= _SILENT)] = _SILENT
    # Whatever its readings are scored as, or though none come: somebody knows of it.
    codes[out] = _CODES[OUT_OF_SERVICE]
    return codes


class Now(msgspec.Struct, frozen=True):
    """One fan as it is now. Times in ms since the epoch, 0 where there was none; numbers are NaN where unknown."""

    device: str
    read_ms: int
    values: tuple[float, float, float, float]
    """Rotation in rpm, temperature in °C, vibration in the model's unit, sound in dB: the order of FEATURES."""
    scored_ms: int
    probability: float
    fault: int | None
    cause: str | None
    """The sensor that the last faulty result named."""
    share: float
    """Share of faulty ones among the last results, 0 to 1; NaN before there are enough."""
    alarm: Alarm | None
    state: str
    """One of STATES."""
    standing: bool = False
    """Whether it stands still."""
    doubtful: bool = False
    """Whether most of its last readings were scored as faulty."""
    clock_ms: int = 0
    """The time that it is for it where its past is being played in, else 0."""


def now(fleet: Fleet, device: str, now_ms: int) -> Now | None:
    """One fan as it is at `now_ms`; None where it was never heard of."""
    with fleet.lock:
        index = fleet.find(device)
        if index is None:
            return None
        fault = int(fleet.fault[index])
        rotation, temperature, vibration, sound = (float(value) for value in fleet.values[index])
        return Now(
            device=device,
            read_ms=int(fleet.read_ms[index]),
            values=(rotation, temperature, vibration, sound),
            scored_ms=int(fleet.scored_ms[index]),
            probability=float(fleet.probability[index]),
            fault=None if fault < 0 else fault,
            cause=fleet.causes[index],
            share=float(fleet.share[index]) if fleet.scores[index] >= ENOUGH else float("nan"),
            alarm=fleet.alarms[index],
            state=STATES[int(states(fleet, now_ms)[index])],
            standing=bool(fleet.standing()[index]),
            doubtful=fleet.doubtful(index),
            clock_ms=fleet.clock(index, now_ms),
        )
