"""What a fleet remembers of its fans: one row of 32-bit numbers a fan, of constant length.

32 bits also while computing, so that a state that was stored and read again goes on to the last bit as if it had
stayed in memory. Times are numbers of bins since the epoch, which 32-bit floats hold exactly until the year 2288.
"""

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanwatch.errors import FanwatchError
from fanwatch.forecast.bins import SENSORS, Floats

STATE_VERSION: Final = 3
"""Of the packed form; raised whenever LAYOUT or the meaning of a field changes."""
SHOWN_HOURS: Final = 6
"""Hours of which is remembered what the sensors really showed."""
_HEAD: Final = struct.Struct("<HI")

LAYOUT: Final[dict[str, tuple[int, ...]]] = {
    # The numbers of the newest bin that is known, and of the first; 0 for a fan that was never heard of.
    "last": (), "first": (),
    # Cleaning.
    "heard": (), "interval": (), "still": (), "restarted": (), "earlier": (SENSORS, 2),
    "since_value": (SENSORS,),
    # Instruments.
    "same": (SENSORS,), "zero_run": (SENSORS,), "outliers": (SENSORS,), "fault": (SENSORS,),
    "fault_since": (SENSORS,), "drifting": (SENSORS,), "drifts": (SENSORS,),
    # Windows.
    "windows": (SENSORS, 5, 6), "usual": (SENSORS, 5), "sums": (SENSORS + 2,),
    "square": (SENSORS,), "daily": (SENSORS, 2),
    "weight": (SENSORS,), "usual_weight": (SENSORS,),
    # Which way each sensor goes, since when, and from what value.
    "way": (SENSORS,), "turned": (SENSORS,), "turned_from": (SENSORS,),
    # What the sensors really showed, in their units: by hour the sum of values, how many, the lowest and the highest.
    "shown": (SENSORS, SHOWN_HOURS, 4), "shown_hour": (), "shown_usual": (SENSORS,),
    # The alarm's machine.
    "state": (), "since": (), "risk": (), "borne": (), "scored": (), "above": (), "urgent": (), "quiet": (),
    "cause": (), "sensor": (), "ended": (), "ended_since": (), "ended_cause": (), "muted": (),
    "sound": (), "hours": (3,), "blame": (SENSORS,), "mistaken": (),
}  # fmt: skip
"""Fields of a fan's row, in order, with their shapes."""
WIDTH: Final = sum(int(np.prod(shape)) for shape in LAYOUT.values())


def _places() -> dict[str, tuple[int, int, tuple[int, ...]]]:
    found, at = {}, 0
    for name, shape in LAYOUT.items():
        size = int(np.prod(shape))
        found[name] = (at, at + size, shape)
        at += size
    return found


_PLACES: Final = _places()


class StateError(FanwatchError):
    """A stored state is no state of this version; the fan is to be built anew from its readings."""


class Memory:
    """Rows of n fans. Each field of LAYOUT is an attribute, a view of shape (n, ...) that may be written to."""

    last: Floats
    first: Floats
    heard: Floats
    interval: Floats
    still: Floats
    restarted: Floats
    earlier: Floats
    since_value: Floats
    same: Floats
    zero_run: Floats
    outliers: Floats
    fault: Floats
    fault_since: Floats
    drifting: Floats
    drifts: Floats
    windows: Floats
    usual: Floats
    sums: Floats
    square: Floats
    daily: Floats
    weight: Floats
    usual_weight: Floats
    way: Floats
    turned: Floats
    turned_from: Floats
    shown: Floats
    shown_hour: Floats
    shown_usual: Floats
    state: Floats
    since: Floats
    risk: Floats
    borne: Floats
    scored: Floats
    above: Floats
    urgent: Floats
    quiet: Floats
    cause: Floats
    sensor: Floats
    ended: Floats
    ended_since: Floats
    ended_cause: Floats
    muted: Floats
    sound: Floats
    hours: Floats
    blame: Floats
    mistaken: Floats

    def __init__(self, rows: Floats) -> None:
        """`rows` has shape (n, WIDTH) and is kept, not copied."""
        self.rows = rows

    # What a field that was not asked for yet costs is nothing; a fan's verdict needs only some of them.
    def __getattr__(self, name: str) -> Floats:
        if name not in _PLACES:
            raise AttributeError(name)
        start, stop, shape = _PLACES[name]
        view = self.rows[:, start:stop].reshape(len(self.rows), *shape)
        self.__dict__[name] = view
        return view


def empty(fans: int) -> Floats:
    """Rows of fans that nothing is known of, shape (fans, WIDTH)."""
    return np.zeros((fans, WIDTH), np.float32)


def pack(row: Floats) -> bytes:
    """One fan's row with its version, below 1.5 kB."""
    return _HEAD.pack(STATE_VERSION, WIDTH) + row.astype("<f4").tobytes()


def unpack(packed: bytes) -> Floats:
    """The row that was packed; StateError for another version, or what is no state."""
    if len(packed) != _HEAD.size + 4 * WIDTH or _HEAD.unpack_from(packed) != (STATE_VERSION, WIDTH):
        raise StateError(
            "A stored state is of another version of Fanwatch: build the fan anew from its readings."
        )
    row: NDArray[np.float32] = np.frombuffer(packed, "<f4", offset=_HEAD.size).astype(np.float32)
    if not np.isfinite(row).all():
        raise StateError("A stored state holds what is no number: build the fan anew from its readings.")
    return row
