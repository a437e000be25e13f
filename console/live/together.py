"""Most of the fleet that is silent, or stands still: one entry, not one a fan. See fanwatch/fleet/outage.py."""

from typing import Final

import msgspec
import numpy as np

from console import words
from console.live.fleet import Fleet
from console.live.states import STATES
from fanwatch.fleet import outage
from fanwatch.fleet.unusable import was_silent
from fanwatch.messages.alarm import OUT_OF_SERVICE

_TITLES: Final = {
    outage.SILENT: "most-silent",
    outage.STOPPED: "most-stopped",
    outage.BOTH: "most-both",
}
_SILENT, _STOPPED, _OUT = (STATES.index(name) for name in ("silent", "stopped", OUT_OF_SERVICE))


class Together(msgspec.Struct, frozen=True):
    """Fans that are one entry."""

    title: str
    text: str
    """A sentence for the page."""
    fans: frozenset[str]


def together(fleet: Fleet, codes: np.ndarray, now_ms: int) -> Together | None:
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
    again = sum(now_ms - int(fleet.heard_ms[place]) <= fleet.silent_ms for place in unheard)
    since = sorted(_since_ms(fleet, place) for place in (*unheard, *still))
    middle = since[gone // 2]
    at_once = outage.is_one(sum(abs(ms - middle) < outage.TOGETHER_MS for ms in since), known)
    said = middle if at_once else 0
    names = frozenset(fleet.names[place] for place in (*unheard, *still))
    return Together(
        words.phrase(_TITLES[kind]), words.read(outage.told(kind, gone, known, said, again)), names
    )


def _since_ms(fleet: Fleet, place: int) -> int:
    """When it was heard last, or stopped; 0 where that is not known."""
    alarm, heard_ms = fleet.alarms[place], int(fleet.heard_ms[place])
    if alarm is not None and (was_silent(alarm) or alarm.state == "stopped"):
        return min(alarm.since_ms, heard_ms or alarm.since_ms)
    return heard_ms
