"""What was true of each fan at each bin, as the network is to learn it."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.sensors import FEATURES
from training.forecast.history import FOREVER_MS, History

Flags = NDArray[np.bool_]

HEAVIEST: Final = {
    "bearing": ("vibration", "sound"),
    "imbalance": ("vibration", "sound"),
    "motor": ("rotation", "temperature"),
    "obstruction": ("temperature", "sound"),
}
"""The two sensors in which each mode shows most."""


class Truth(NamedTuple):
    """Of every bin, from the first on, and fan; shape (bins, fans) unless said otherwise."""

    first: int
    """Number of the first bin."""
    worn: Flags
    """Whether a fault is under way and the fan runs on."""
    down: Flags
    """Whether it has failed and is not yet repaired, when nothing is to be learned or held against a forecast."""
    hours: Floats
    """Hours from the bin's end to the failure; NaN where there is none to come, or it is not known."""
    drift: Flags
    """Shape (bins, fans, sensors)."""
    cause: NDArray[np.int8]
    """1 for the sensors in which the fault under way shows most, -1 for all where that is not known,
    (bins, fans, sensors)."""


def of(history: History) -> Truth:
    """The truth of a history, from its events."""
    first, last = (int(at) // BIN_MS for at in history.time_ms[[0, -1]])
    shape = (last + 1 - first, len(history.devices))
    worn, down = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    hours = np.full(shape, np.nan, np.float32)
    drift = np.zeros((*shape, SENSORS), np.bool_)
    cause = np.full((*shape, SENSORS), -1, np.int8)
    for fault in history.faults:
        ends_ms = fault.over_ms if fault.failure_ms is None else fault.failure_ms
        rows = _rows(fault.start_ms, ends_ms, first, shape[0])
        worn[rows, fault.fan] = True
        if fault.mode in HEAVIEST:
            cause[rows, fault.fan] = [sensor in HEAVIEST[fault.mode] for sensor in FEATURES]
        if fault.failure_ms is not None:
            ends = (np.arange(rows.start, rows.stop) + first + 1) * BIN_MS
            hours[rows, fault.fan] = np.maximum(fault.failure_ms - ends, 0) / 3_600_000
            down[_rows(fault.failure_ms, fault.over_ms, first, shape[0]), fault.fan] = True
    for each in history.broken:
        if each.cause == "drift":
            drift[_rows(each.start_ms, each.over_ms, first, shape[0]), each.fan, each.sensor] = True
    return Truth(first, worn & ~down, down, hours, drift, cause)


def _rows(start_ms: int, over_ms: int, first: int, bins: int) -> slice:
    stop = bins if over_ms >= FOREVER_MS else -(-over_ms // BIN_MS) - first
    return slice(min(max(start_ms // BIN_MS - first, 0), bins), min(max(stop, 0), bins))
