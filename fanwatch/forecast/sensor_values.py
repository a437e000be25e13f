"""What sensors really showed, for sentences: plain means, lowest and highest values that the store has, too.

The windows hold cleaned values in shares of a healthy range, cut off where more would say no more; none of these is a
number for people.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast.bins import SENSORS, Bins, Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import SHOWN_HOURS, Memory
from fanwatch.forecast.windows import USUAL_TAU

_BINS_AN_HOUR: Final = 6
_SUM, _COUNT, _LOW, _HIGH = range(4)


class Shown(NamedTuple):
    """Of one fan, while it ran; in the sensors' units, NaN where a sensor gave nothing but zeros. Shape (4,) each."""

    since: int
    """Number of the bin from which on; the values go up to the newest one, and are of six hours at most."""
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def take_in(memory: Memory, bins: Bins, cleaned: Cleaned, number: int) -> None:
    """Remember the bin of the fans that run; call it before the windows take the bin in."""
    memory.shown[cleaned.restarted] = 0
    ran = cleaned.running
    passed = np.where(ran, np.minimum(number // _BINS_AN_HOUR - memory.shown_hour, SHOWN_HOURS), 0).astype(
        np.int64
    )
    # The newest hour comes last.
    places = np.arange(SHOWN_HOURS) + passed[:, None]
    moved = np.take_along_axis(
        memory.shown, np.minimum(places, SHOWN_HOURS - 1)[:, None, :, None].repeat(SENSORS, axis=1), axis=2
    )
    memory.shown[:] = np.where((places < SHOWN_HOURS)[:, None, :, None], moved, 0)
    memory.shown_hour[:] = np.where(ran, number // _BINS_AN_HOUR, memory.shown_hour)
    there = ran[:, None] & (bins.values > 0)
    hour = memory.shown[:, :, -1]
    first = hour[:, :, _COUNT] == 0
    newest = (
        hour[:, :, _SUM] + bins.mean * bins.values,
        hour[:, :, _COUNT] + bins.values,
        np.where(first, bins.low, np.minimum(hour[:, :, _LOW], bins.low)),
        np.where(first, bins.high, np.maximum(hour[:, :, _HIGH], bins.high)),
    )
    for part, values in enumerate(newest):
        hour[:, :, part] = np.where(there, values, hour[:, :, part])


def usual(memory: Memory, bins: Bins, believed: Flags, number: int) -> None:
    """Follow the bins' means as the windows follow what is usual for the fan; before these take the bin in."""
    elapsed = np.maximum(number - memory.since_value, 1)
    step = np.maximum(-np.expm1(-elapsed / USUAL_TAU), 1 / (memory.usual_weight + 1)).astype(np.float32)
    there = believed & (bins.values > 0)
    memory.shown_usual[:] = np.where(
        there, memory.shown_usual + step * (bins.mean - memory.shown_usual), memory.shown_usual
    )


def lately(memory: Memory) -> Shown:
    """Of the one fan of `memory`, the last hours."""
    hours = memory.shown[0].astype(np.float64)
    counts = hours[:, :, _COUNT]
    seen = counts > 0
    total = counts.sum(axis=1)
    mean = np.divide(hours[:, :, _SUM].sum(axis=1), total, out=np.full(SENSORS, np.nan), where=total > 0)
    low = np.where(seen, hours[:, :, _LOW], np.inf).min(axis=1)
    high = np.where(seen, hours[:, :, _HIGH], -np.inf).max(axis=1)
    oldest = int(seen.any(axis=0).argmax())
    hour = int(memory.shown_hour[0]) - SHOWN_HOURS + 1 + oldest
    since = max(hour * _BINS_AN_HOUR, int(memory.restarted[0]))
    nothing = total == 0
    return Shown(since, mean, np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))


def usually(memory: Memory) -> Floats:
    """Of the one fan of `memory`, what each sensor shows on average over weeks, NaN where that is not known; (4,)."""
    found: Floats = np.where(memory.usual_weight[0] > 0, memory.shown_usual[0], np.float32(np.nan))
    return found
