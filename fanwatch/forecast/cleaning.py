"""From bins to values that may be trusted: standing fans told from running ones, zeros and spikes taken out."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.fleet.standstill import stood
from fanwatch.forecast.bins import Bins, Floats
from fanwatch.forecast.memory import Memory

Flags = NDArray[np.bool_]

_INTERVAL_KEPT: Final = np.float32(0.9)
ONCE_BINS: Final = 12
"""A fan that was heard of once may be read as seldom as each two hours; its second reading tells."""
_JUMP: Final = np.float32(0.75)
"""A value that lies farther than this from the median of three, in healthy ranges, is taken for the median."""
_SPIKE: Final = np.float32(1.0)
"""And farther than this it is a spike: no working sensor jumps over its whole healthy range and back."""
_LOWEST, _HIGHEST = np.float32(-1.0), np.float32(2.5)
"""What a value counts for at most, in healthy ranges: so far off it says no more than just beyond them."""


class Cleaned(NamedTuple):
    """What one bin says of n fans. Values are shares of the sensor's healthy range: 0 its low edge, 1 its high one."""

    value: Floats
    """NaN where the sensor gave nothing to go by, shape (n, sensors)."""
    spike: Flags
    """Whether the value stands for one that was a spike, shape (n, sensors)."""
    heard: Flags
    """Whether anything came, shape (n,)."""
    running: Flags
    """Whether the fan was heard of and turns, shape (n,)."""
    restarted: Flags
    """Whether it turns again for the first time, or was heard of for the first time, shape (n,)."""


def clean(memory: Memory, bins: Bins, edges: Floats, number: int) -> Cleaned:
    """Take in bin `number` of the memory's fans; `edges` are the healthy ranges, shape (sensors, 2)."""
    heard: Flags = np.any((bins.values + bins.zeros) > 0, axis=1)
    still = heard & stood(bins.mean, bins.zeros + bins.values)
    running = heard & ~still
    new = memory.first == 0
    gap = np.maximum(number - memory.heard, 1)
    once = memory.heard == memory.first
    usual = _INTERVAL_KEPT * memory.interval + (1 - _INTERVAL_KEPT) * np.minimum(gap, 2 * memory.interval + 1)
    usual = np.where(once, np.minimum(gap, ONCE_BINS), usual)
    memory.interval[:] = np.where(heard & ~new, usual, np.where(new, 1, memory.interval))
    memory.heard[:] = np.where(heard, number, memory.heard)
    memory.first[:] = np.where(new & heard, number, memory.first)
    restarted = running & ((memory.still > 0) | (memory.restarted == 0))
    memory.still[:] = np.where(still, memory.still + 1, np.where(running, 0, memory.still))
    memory.restarted[:] = np.where(restarted, number, memory.restarted)
    raw = np.where(running[:, None], bins.last, np.float32(np.nan))
    value, median = (
        (each - edges[:, 0]) / (edges[:, 1] - edges[:, 0]) for each in (raw, _median(memory, raw, restarted))
    )
    jump = np.abs(value - median)
    value = np.clip(np.where(jump > _JUMP, median, value), _LOWEST, _HIGHEST)
    return Cleaned(value, jump > _SPIKE, heard, running, restarted)


def _median(memory: Memory, raw: Floats, restarted: Flags) -> Floats:
    """Of the newest three values; takes the newest into `earlier`."""
    earlier = memory.earlier
    there = ~np.isnan(raw)
    # A sensor's first value after a start has no two before it, and stands for them.
    anew = restarted[:, None] | (earlier[:, :, 0] == 0)
    first, second = (np.where(anew, raw, earlier[:, :, k]) for k in (0, 1))
    least, most = np.minimum(raw, first), np.maximum(raw, first)
    median: Floats = np.maximum(least, np.minimum(most, second))
    earlier[:, :, 1] = np.where(there, first, np.where(restarted[:, None], 0, earlier[:, :, 1]))
    earlier[:, :, 0] = np.where(there, raw, np.where(restarted[:, None], 0, earlier[:, :, 0]))
    return median
