"""Broken sensors, each kind told from the others and from a fan that stands still."""

from typing import Final

import numpy as np

from fanwatch.forecast.bins import Bins, Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.verdict import DRIFT, SILENT, SPIKES, STUCK, ZERO

STUCK_BINS: Final = 3
"""So many means in a row that equal the one before, to the last digit, make a sensor stuck."""
SUSPECT_BINS: Final = 2
"""From so many on its value is not believed any more."""
ZERO_BINS: Final = 2
SILENT_BINS: Final = 6
SILENT_INTERVALS: Final = 3
"""Nothing for an hour, or three of the fan's usual intervals where those are longer, is silence."""
SPIKES_IN_6_H: Final = 2.5
DRIFT_BINS: Final = 72
_SPIKES_KEPT: Final = np.float32(np.exp(-1 / 36))


def watch(memory: Memory, bins: Bins, cleaned: Cleaned, number: int, noise: Floats) -> Flags:
    """Update which sensors are broken; returns which of the values to believe, shape (n, 4).

    `noise` is what a healthy sensor's values jump by from bin to bin, shape (4,).
    """
    running, raw = cleaned.running[:, None], cleaned.raw
    there = ~np.isnan(raw)
    # `earlier` holds the newest mean already, and the one before it.
    before = memory.earlier[:, :, 1]
    same = there & (bins.low == bins.high) & (raw == before)
    restarted = cleaned.restarted[:, None]
    memory.same[:] = np.where(there, np.where(same & ~restarted, memory.same + 1, 0), memory.same)
    zero = running & (bins.zeros > 0) & (bins.values == 0)
    memory.zero_run[:] = np.where(zero, memory.zero_run + 1, np.where(there | ~running, 0, memory.zero_run))
    outlier = there & (np.abs(raw - cleaned.value) > 8 * noise)
    memory.outliers[:] = memory.outliers * _SPIKES_KEPT + outlier
    found = np.where(memory.drifts > 0, np.float32(DRIFT), np.float32(-1))
    found = np.where(memory.outliers >= SPIKES_IN_6_H, SPIKES, found)
    found = np.where(memory.same >= STUCK_BINS, STUCK, found)
    found = np.where(memory.zero_run >= ZERO_BINS, ZERO, found)
    silence = np.maximum(SILENT_BINS, SILENT_INTERVALS * memory.interval)
    silent = (memory.first > 0) & (number - memory.heard >= silence)
    found = np.where(silent[:, None], SILENT, found)
    changed = (found + 1) != memory.fault
    memory.fault[:] = found + 1
    memory.fault_since[:] = np.where(changed, number, memory.fault_since)
    return there & (memory.same < SUSPECT_BINS)


def drift(memory: Memory, probability: Floats, ready: Flags, limit: float) -> None:
    """Call a sensor drifting where the network has said so for a day, on average, and no longer once it has not."""
    step = np.where(ready[:, None], np.float32(1 / DRIFT_BINS), 0)
    memory.drifting += step * (probability - memory.drifting)
    memory.drifts[:] = np.where(memory.drifts > 0, memory.drifting >= limit / 2, memory.drifting >= limit)
