"""Broken sensors, each kind told from the others and from a fan that stands still."""

from typing import Final

import numpy as np

from fanwatch.forecast import windows
from fanwatch.forecast.bins import SENSORS, Bins, Floats
from fanwatch.forecast.cleaning import ONCE_BINS, Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.verdict import DRIFT, SILENT, SPIKES, STUCK, ZERO

STUCK_BINS: Final = 3
"""So many values in a row that equal the one before, to the last digit, make a sensor stuck."""
SUSPECT_BINS: Final = 2
"""From so many on its value is not believed any more."""
ZERO_BINS: Final = 2
SELDOM_BINS: Final = 3
"""Of a fan that is read as seldom as that, or more seldom, one value less of each is enough: they span hours."""
SILENT_BINS: Final = 3
SILENT_INTERVALS: Final = 3
"""Nothing for half an hour, or for three of the fan's usual intervals where those are longer, is silence."""
SPIKES_IN_6_H: Final = 2.3
SPIKES_LEFT: Final = 0.8
"""So many spikes, those of hours ago counting less, make a sensor one that spikes; below the second it is sound."""
DRIFT_BINS: Final = 36
_BEARS_OUT: Final = np.float32(0.25)
"""A sensor that is so much worse than usual, as a share of its healthy range, and at least half as much as another one,
bears that one out: both show the fan's wear, and neither drifts."""
_SPIKES_KEPT: Final = np.float32(np.exp(-1 / 36))


def watch(memory: Memory, bins: Bins, cleaned: Cleaned, number: int) -> Flags:
    """Update which sensors are broken; returns which of the values to believe, shape (n, sensors)."""
    running = cleaned.running[:, None]
    there = ~np.isnan(cleaned.value)
    # `earlier` holds the newest value already, and the one before it.
    same = (
        there & (bins.low == bins.high) & (bins.last == memory.earlier[:, :, 1]) & ~cleaned.restarted[:, None]
    )
    memory.same[:] = np.where(there, np.where(same, memory.same + 1, 0), memory.same)
    zero = running & (bins.zeros > 0) & (bins.values == 0)
    memory.zero_run[:] = np.where(zero, memory.zero_run + 1, np.where(there | ~running, 0, memory.zero_run))
    # What a fan showed before it stood may have been its own fault, which has been repaired since.
    for kept in (memory.outliers, memory.drifting, memory.drifts):
        kept[cleaned.restarted] = 0
    memory.outliers[:] = memory.outliers * _SPIKES_KEPT + cleaned.spike
    spiked = memory.fault == SPIKES + 1
    spikes = np.where(spiked, memory.outliers >= SPIKES_LEFT, memory.outliers >= SPIKES_IN_6_H)
    found = np.where(memory.drifts > 0, np.float32(DRIFT), np.float32(-1))
    found[spikes] = SPIKES
    fewer = (memory.interval >= SELDOM_BINS)[:, None].astype(np.float32)
    found[memory.same >= STUCK_BINS - fewer] = STUCK
    found[memory.zero_run >= ZERO_BINS - fewer] = ZERO
    silence = np.maximum(SILENT_BINS, (SILENT_INTERVALS - fewer[:, 0]) * memory.interval)
    # Of a fan that was heard of once nobody knows how often it is read.
    silence = np.where(memory.heard == memory.first, np.maximum(silence, ONCE_BINS + 1), silence)
    found[(memory.first > 0) & (number - memory.heard >= silence)] = SILENT
    # A sensor that was put right shows something else than it did: its short windows begin anew.
    memory.weight[spiked & ~spikes] = 0
    changed = (found + 1) != memory.fault
    memory.fault[:] = found + 1
    memory.fault_since[:] = np.where(changed, number, memory.fault_since)
    return there & (memory.same < SUSPECT_BINS)


def drift(memory: Memory, probability: Floats, ready: Flags, limit: float) -> None:
    """Call a sensor drifting where the network has said so for hours, on average, and no longer once it has not.

    Never one that another sensor bears out, whatever the network says: it knows only what it has learned from.
    """
    probability = np.where(_borne_out(memory), np.float32(0), probability)
    # A fan that is read seldom has as many bins between its readings.
    step = np.where(ready, -np.expm1(-memory.interval / np.float32(DRIFT_BINS)), 0)[:, None]
    memory.drifting += step * (probability - memory.drifting)
    drifted = memory.drifts > 0
    memory.drifts[:] = np.where(drifted, memory.drifting >= limit / 2, memory.drifting >= limit)
    # A sensor that was put right shows something else than it used to: its windows begin anew.
    sound = drifted & (memory.drifts == 0)
    memory.weight[sound] = 0
    memory.usual_weight[sound] = 0


def _borne_out(memory: Memory) -> Flags:
    """Which sensors show what at least one other, that is not broken itself, shows as well, shape (n, sensors)."""
    moved = windows.moved(memory)
    sound = np.where(memory.fault > 0, 0, moved)
    others = np.stack([np.delete(sound, sensor, axis=1).max(axis=1) for sensor in range(SENSORS)], axis=1)
    found: Flags = (moved >= windows.UNUSUAL) & (others >= np.maximum(_BEARS_OUT, moved / 2))
    return found
