"""Ten-minute bins: what the forecast reads of a fan, whatever the interval of its readings.

A bin holds only what InfluxQL can give cheaply by `GROUP BY time(10m), "deviceID"`, so that raw readings of a history
file and points of a store make the same bins.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch import sensors

BIN_MS: Final = 600_000
"""Length of a bin; bins begin at multiples of it, in ms since the epoch."""
SENSORS: Final = len(sensors.SENSORS)
PLAUSIBLE: Final = tuple(sensor.plausible for sensor in sensors.SENSORS)
"""Lowest and highest value that a working sensor gives, in the order of FEATURES; what lies beyond is left out."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Bins(NamedTuple):
    """One bin of m fans. Units are those of readings: rpm, °C, the history's vibration unit, dB."""

    start_ms: int
    """When the bin begins, a multiple of BIN_MS."""
    fans: Ints
    """Which fans of the fleet, by number from 0 on, each once, shape (m,)."""
    mean: Floats
    """Mean of the values that are neither zero nor implausible, NaN where there were none, shape (m, sensors)."""
    last: Floats
    """The newest of them, which is one reading whatever the interval, shape (m, sensors)."""
    low: Floats
    """Lowest of them, shape (m, sensors)."""
    high: Floats
    """Highest of them, shape (m, sensors)."""
    values: Floats
    """How many they were, shape (m, sensors)."""
    zeros: Floats
    """How many values were exactly zero, as a dropped-out sensor and a standing fan give, shape (m, sensors)."""


def no_bins(start_ms: int, fans: Ints) -> Bins:
    """The bin of fans from which nothing came."""
    shape = (len(fans), SENSORS)
    nothing = np.full(shape, np.nan, np.float32)
    none = np.zeros(shape, np.float32)
    return Bins(start_ms, fans, nothing, nothing, nothing, nothing, none, none)


def take(bins: Bins, rows: NDArray[np.bool_] | Ints) -> Bins:
    """The bins of some of the fans."""
    start_ms, fans, *parts = bins
    mean, last, low, high, values, zeros = (part[rows] for part in parts)
    return Bins(start_ms, fans[rows], mean, last, low, high, values, zeros)


def gather(times_ms: Ints, fans: Ints, values: NDArray[np.float64], total: int) -> Iterator[Bins]:
    """Yield the bins of raw readings of `total` fans, oldest first, those in which nothing came included.

    `times_ms` and `fans` have shape (n,), `values` (n, sensors); rows may come in any order.
    """
    if not len(times_ms):
        return
    order = np.argsort(times_ms, kind="stable")
    number = times_ms[order] // BIN_MS
    first, last = int(number[0]), int(number[-1])
    edges = np.searchsorted(number, np.arange(first, last + 2))
    for step in range(last + 1 - first):
        rows = order[edges[step] : edges[step + 1]]
        yield _bin(first + step, fans[rows], values[rows], total)


def _bin(number: int, fans: Ints, values: NDArray[np.float64], total: int) -> Bins:
    low_limit, high_limit = np.array(PLAUSIBLE).T
    zero = values == 0
    good = (values >= low_limit) & (values <= high_limit) & ~zero
    shape = (total, SENSORS)
    count, zeros, total_of = (np.zeros(shape) for _ in range(3))
    last, low, high = np.full(shape, np.nan), np.full(shape, np.inf), np.full(shape, -np.inf)
    np.add.at(count, fans, good)
    np.add.at(zeros, fans, zero)
    np.add.at(total_of, fans, np.where(good, values, 0))
    np.minimum.at(low, fans, np.where(good, values, np.inf))
    np.maximum.at(high, fans, np.where(good, values, -np.inf))
    row, sensor = np.nonzero(good)
    # Rows are in order of time, and of several the last is kept.
    last[fans[row], sensor] = values[row, sensor]
    seen = count > 0
    mean = np.divide(total_of, count, out=np.full(shape, np.nan), where=seen)
    parts = (mean, last, np.where(seen, low, np.nan), np.where(seen, high, np.nan), count, zeros)
    return Bins(number * BIN_MS, np.arange(total), *(part.astype(np.float32) for part in parts))
