"""What a forecast said of every fan at every bin of a history, obtained exactly as in service."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS, Fleet, ForecastModel
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.verdict import ALARM, INSTRUMENT, WARNING
from training.forecast.history import History

QUIET_BINS = 36
"""Episodes of a fan that are less than six hours apart count as one."""


class Trace(NamedTuple):
    """Of every bin, from the first on, and fan; shape (bins, fans) unless said otherwise."""

    first: int
    state: NDArray[np.int8]
    risk: Floats
    """As published; NaN where none is."""
    borne: Floats
    """What is left of it whichever one sensor is left out, by which alarms are made; NaN where there is no risk."""
    expected: Floats
    """Hours from the bin's end to the earliest and the latest failure told, NaN where none is, (bins, fans, 2)."""
    cause: NDArray[np.int8]
    """Sensor from 1 on, or an instrument's kind from 1 on; 0: none."""
    fault: NDArray[np.int8]
    """What each sensor suffers from, an instrument's kind from 1 on, (bins, fans, sensors)."""
    hours: Floats
    """The network's quantiles, shape (bins, fans, 3), or none of them, (0, fans, 3)."""


class Episode(NamedTuple):
    """Somebody was told of a fan, warning or alarm, or of its instruments."""

    fan: int
    told: int
    """Number of the bin, counted from the trace's first, at whose end it was."""
    last: int
    """Number of the last bin in which it was still so."""


def follow(
    history: History, model: ForecastModel, on_bin: Callable[[int, int], None], *, hours: bool = False,
    within: History | None = None,
) -> Trace:  # fmt: skip
    """Let a fleet live through the history; `on_bin` is told bins done and in all. `hours`: keep the quantiles too.

    The trace covers the bins of `within`, which the history is a part of, or its own.
    """
    first, last = (int(at) // BIN_MS for at in (within or history).time_ms[[0, -1]])
    bins, fans = last + 1 - first, len(history.devices)
    fleet = Fleet(model, history.devices)
    state, cause = (np.zeros((bins, fans), np.int8) for _ in range(2))
    fault = np.zeros((bins, fans, SENSORS), np.int8)
    risk, borne = (np.full((bins, fans), np.nan, np.float32) for _ in range(2))
    expected = np.full((bins, fans, 2), np.nan, np.float32)
    quantiles = np.zeros((bins if hours else 0, fans, 3), np.float32)
    for each in history.bins():
        step = each.start_ms // BIN_MS - first
        fleet.advance(each)
        memory = fleet.memory
        state[step], cause[step], fault[step] = memory.state, memory.cause, memory.fault
        judged = (memory.scored == memory.last) & (memory.last > 0)
        risk[step] = np.where(judged, memory.risk, np.nan)
        borne[step] = np.where(judged, memory.borne, np.nan)
        told = fleet.told_hours()
        expected[step] = np.where(judged[:, None], told, np.nan)
        if hours:
            quantiles[step] = memory.hours
        if step % 144 == 0:
            on_bin(step, bins)
    on_bin(bins, bins)
    return Trace(first, state, risk, borne, expected, cause, fault, quantiles)


def side_by_side(traces: list[Trace]) -> Trace:
    """The traces of several fleets over the same bins as one of all their fans."""
    parts = (np.concatenate(part, axis=1) for part in list(zip(*traces, strict=True))[1:])
    return Trace(traces[0].first, *parts)


def told(trace: Trace) -> list[Episode]:
    """The episodes of warning and alarm, merged where less than six hours lie between them."""
    return _runs((trace.state == WARNING) | (trace.state == ALARM))


def alarms(trace: Trace) -> list[Episode]:
    """Those of alarm alone, likewise; what was told is the alarm, not the warning before."""
    return _runs(trace.state == ALARM)


def instruments(trace: Trace) -> list[Episode]:
    """Those in which it was a sensor, or the connection, that was told to be broken, likewise."""
    return _runs(trace.state == INSTRUMENT)


def at_threshold(risk: Floats, threshold: float, bins: int = 2) -> list[Episode]:
    """About the episodes there would be with another threshold: risk at or above it for so many bins in a row.

    `risk` is a trace's `risk`, for warnings, or its `borne`, for alarms.
    """
    above = np.nan_to_num(risk) >= threshold
    held = above.copy()
    for back in range(1, bins):
        held[back:] &= above[:-back]
        held[:back] = False
    return _runs(held)


def _runs(held: NDArray[np.bool_]) -> list[Episode]:
    episodes: list[Episode] = []
    for fan in np.flatnonzero(held.any(axis=0)).tolist():
        at = np.flatnonzero(held[:, fan])
        cuts = np.flatnonzero(np.diff(at) > QUIET_BINS)
        starts, ends = at[np.concatenate(([0], cuts + 1))], at[np.concatenate((cuts, [len(at) - 1]))]
        episodes += [Episode(fan, *pair) for pair in zip(starts.tolist(), ends.tolist(), strict=True)]
    return episodes
