"""Episodes against events: what was foreseen, what was missed, what was told for nothing."""

from typing import Final, NamedTuple

import numpy as np

from fanwatch.forecast import BIN_MS
from fanwatch.forecast.verdict import ALARM, STOPPED, WARNING
from fanwatch.messages.alarm import INSTRUMENT_CAUSES
from fanwatch.sensors import FEATURES
from training.forecast.history import Broken, Fault, History
from training.forecast.trace import QUIET_BINS, Episode, Trace, instruments
from training.forecast.truth import HEAVIEST

_HOUR_BINS: Final = 6


class Foreseen(NamedTuple):
    """A failure, and how long before it somebody was told."""

    fan: int
    mode: str
    life_h: float
    """From its first sign to the stop."""
    lead_h: float
    """0 where nobody was."""
    cause_right: bool | None
    """Of the last warning or alarm; None where there was none, or the mode is not known."""
    first_cause_right: bool | None
    """Of the first one."""


class Recognised(NamedTuple):
    """An instrument's fault."""

    fan: int
    cause: str
    found: bool
    """It was told, by the fan's state or in a warning's words, that the sensor is broken; an hour late at most."""
    named: bool
    """And the kind was the right one."""


class Outcomes(NamedTuple):
    """Of a history."""

    foreseen: list[Foreseen]
    false: list[int]
    """Fans of the episodes that had no reason."""
    by_instrument: list[int]
    """Fans of the episodes that had an instrument's fault for a reason, and no fan's."""
    recognised: list[Recognised]


def compare(history: History, trace: Trace, episodes: list[Episode]) -> Outcomes:
    """All outcomes of a history's events and the episodes of a trace."""
    of: dict[int, list[Episode]] = {}
    for episode in episodes:
        of.setdefault(episode.fan, []).append(episode)
    bins = len(trace.state)
    foreseen = [
        _foresight(fault, trace, of.get(fault.fan, []))
        for fault in history.faults
        if fault.failure_ms is not None
        and not fault.unseen
        and fault.failure_ms // BIN_MS - trace.first < bins
    ]
    false: list[int] = []
    by_instrument: list[int] = []
    for episode in episodes:
        if any(_meet(episode, each, trace.first) for each in history.faults):
            continue
        caused = any(_meet(episode, each, trace.first) for each in history.broken)
        (by_instrument if caused else false).append(episode.fan)
    recognised = [
        found for each in history.broken if (found := _recognition(each, trace, history)) is not None
    ]
    return Outcomes(foreseen, false, by_instrument, recognised)


def mistaken(history: History, trace: Trace) -> list[int]:
    """Fans of the instruments' episodes that met no fault of an instrument, whether or not one of the fan."""
    return [
        episode.fan
        for episode in instruments(trace)
        if not any(_meet(episode, each, trace.first) for each in history.broken)
    ]


def _foresight(fault: Fault, trace: Trace, episodes: list[Episode]) -> Foreseen:
    assert fault.failure_ms is not None
    start, failure = fault.start_ms // BIN_MS - trace.first, fault.failure_ms / BIN_MS - trace.first
    during = [each for each in episodes if each.last >= start and each.told + 1 < failure]
    life_h = (fault.failure_ms - fault.start_ms) / 3_600_000
    if not during:
        return Foreseen(fault.fan, fault.mode, life_h, 0.0, None, None)
    first = min(during, key=lambda each: each.told)
    lead_h = min((failure - first.told - 1) / _HOUR_BINS, life_h)
    stop = int(np.ceil(failure))
    state, cause = trace.state[:stop, fault.fan], trace.cause[:stop, fault.fan]
    named = np.flatnonzero(np.isin(state, (WARNING, ALARM)) & (cause > 0))
    named = named[named >= first.told]
    heaviest = HEAVIEST.get(fault.mode)
    if heaviest is None or not len(named):
        return Foreseen(fault.fan, fault.mode, life_h, lead_h, None, None)
    early, late = (FEATURES[cause[named[at]] - 1] in heaviest for at in (0, -1))
    return Foreseen(fault.fan, fault.mode, life_h, lead_h, late, early)


def _meet(episode: Episode, event: Fault | Broken, first: int) -> bool:
    if event.fan != episode.fan:
        return False
    start, over = event.start_ms // BIN_MS - first, event.over_ms // BIN_MS - first
    return episode.last >= start and episode.told <= over + QUIET_BINS


def _recognition(event: Broken, trace: Trace, history: History) -> Recognised | None:
    start = max(event.start_ms // BIN_MS - trace.first, 0)
    stop = min(event.over_ms // BIN_MS - trace.first, len(trace.state)) + _HOUR_BINS
    state, fault = trace.state[start:stop, event.fan], trace.fault[start:stop, event.fan]
    down = [each for each in history.faults if each.fan == event.fan and each.failure_ms is not None]
    if any((each.failure_ms or 0) <= event.start_ms < each.over_ms for each in down) or (
        len(state) and (state == STOPPED).mean() > 0.5
    ):
        # A fan that stands still shows nothing of its sensors.
        return None
    kind = INSTRUMENT_CAUSES.index(event.cause) + 1
    of = fault if event.sensor < 0 else fault[:, event.sensor : event.sensor + 1]
    return Recognised(event.fan, event.cause, bool((of > 0).any()), bool((of == kind).any()))
