"""A fan's state: the verdict, and the reasons for it with the numbers behind them.

Every number of a sensor is one that it gave, or a plain mean of such (`shown`): the windows, which hold cleaned and cut
off values, only decide what is said. And only causes are named that were tested: a sensor that does not fit the others
may drift, be of another unit, or be two that send under one name.
"""

from typing import Final

import numpy as np

from fanwatch.fleet import standstill
from fanwatch.forecast.bins import BIN_MS, Floats
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.model import ForecastModel, Machine
from fanwatch.forecast.sensor_values import lately, usually
from fanwatch.forecast.trend import trend
from fanwatch.forecast.verdict import (
    ALARM,
    INSTRUMENT,
    OK,
    ORDER,
    SILENT,
    SPIKES,
    STOPPED,
    STUCK,
    UNKNOWN,
    WARNING,
    ZERO,
    Verdict,
)
from fanwatch.forecast.windows import UNUSUAL
from fanwatch.messages.alarm import INSTRUMENT_CAUSES
from fanwatch.messages.reasons import Reason, reason
from fanwatch.sensors import FEATURES

_HOUR_MS: Final = 3_600_000


def tell(device: str, memory: Memory, model: ForecastModel) -> Verdict:
    """The verdict on the one fan of `memory`."""
    state, number = int(memory.state[0]), int(memory.last[0])
    # Nothing is as usual that has no risk: since a restart there may be too little to tell one by.
    calm = state == OK
    state = UNKNOWN if calm and not memory.scored[0] > 0 else state
    trouble, cause = state in (WARNING, ALARM, STOPPED), int(memory.cause[0]) - 1
    at_ms = (number + 1) * BIN_MS if number else 0
    expected = _expected_ms(memory, model.machine, at_ms) if state in (WARNING, ALARM) else None
    judged = number > 0 and state not in (UNKNOWN, STOPPED) and memory.scored[0] > 0
    instrument = state == INSTRUMENT
    sensor = int(memory.sensor[0]) - 1
    silent = _is_silent(memory)
    heard = memory.first[0] > 0
    return Verdict(
        device=device,
        at_ms=at_ms,
        state=ORDER[state],
        since_ms=int(max(memory.since[0], memory.restarted[0] if calm else 0)) * BIN_MS,
        risk=round(float(memory.risk[0]), 4) if judged else None,
        cause=_instrument_cause(memory, cause)
        if instrument
        else FEATURES[cause]
        if trouble and cause >= 0
        else None,
        sensor=FEATURES[sensor] if instrument and cause != SILENT and sensor >= 0 else None,
        expected_ms=expected,
        reasons=tuple(_why(memory, model, state, cause, sensor, number, expected is None)),
        stopped_ms=_stopped_ms(memory) if state == STOPPED else None,
        silent_ms=_silent_ms(memory) if silent else None,
        turns=bool(heard and state != STOPPED and memory.still[0] == 0 and not silent),
    )


def _instrument_cause(memory: Memory, cause: int) -> str:
    return "resumed" if cause == SILENT and not _is_silent(memory) else INSTRUMENT_CAUSES[cause]


def _is_silent(memory: Memory) -> bool:
    return bool(memory.fault[0, 0] == SILENT + 1)


def _silent_ms(memory: Memory) -> int:
    return round(float(memory.heard[0]) + 1) * BIN_MS


def _stopped_ms(memory: Memory) -> int:
    return round(float(memory.last[0]) - float(memory.still[0]) + 1) * BIN_MS


def told_hours(memory: Memory, machine: Machine) -> Floats:
    """Hours to the earliest and the latest failure, shape (n, 2); NaN where none is told: see `_untold`."""
    troubled = (memory.state == WARNING) | (memory.state == ALARM)
    early, late = memory.hours[:, 0], memory.hours[:, 2]
    fresh = (memory.scored == memory.last) & (memory.risk >= machine.exit)
    told = troubled & fresh & (late > 0) & (late <= machine.widest_hours)
    hours: Floats = np.where(told[:, None], np.stack((early, late), axis=1), np.float32(np.nan))
    return hours


def _expected_ms(memory: Memory, machine: Machine, at_ms: int) -> tuple[int, int] | None:
    earliest, latest = told_hours(memory, machine)[0].tolist()
    if not latest > 0:
        return None
    return at_ms + round(earliest * _HOUR_MS), at_ms + round(latest * _HOUR_MS)


def _untold(memory: Memory, machine: Machine) -> Reason:
    """Why no time of failure is told."""
    if memory.scored[0] != memory.last[0]:
        return reason("untold-old")
    return reason("untold-quiet" if memory.risk[0] < machine.exit else "untold-yet")


def _why(
    memory: Memory, model: ForecastModel, state: int, cause: int, sensor: int, number: int, untold: bool
) -> list[Reason]:
    if state == UNKNOWN:
        return [_unjudged(memory, model.machine, number)]
    if state == OK:
        return [reason("usual")]
    if state == STOPPED:
        return [standstill.told(_stopped_ms(memory), FEATURES[cause] if cause >= 0 else None)]
    if state == INSTRUMENT:
        return _instrument(memory, model.edges, cause, sensor, number)
    said = trend(memory, model.edges, max(cause, 0), number)
    if state == WARNING and memory.borne[0] < model.machine.alarm:
        # What holds the alarm back: with one sensor less, too little would be left.
        said.append(reason("alone"))
    if untold:
        said.append(_untold(memory, model.machine))
    return said + _besides(memory)


def _unjudged(memory: Memory, machine: Machine, number: int) -> Reason:
    """Why there is no verdict, with the times behind it; no cause that was not looked for."""
    if not memory.first[0]:
        return reason("unheard")
    if int(memory.state[0]) == UNKNOWN:
        first = round(float(memory.first[0])) * BIN_MS
        return reason("known-since", since=first, needed=machine.warmup_bins * BIN_MS)
    turns = round(float(memory.restarted[0])) * BIN_MS
    # As many bins with readings as a fan's windows need after a restart.
    needed_bins = machine.restart_bins * max(1, round(float(memory.interval[0])))
    if number + 1 - memory.restarted[0] < needed_bins:
        return reason("turned-since", since=turns, needed=needed_bins * BIN_MS)
    return reason("turned-few", since=turns)


def _besides(memory: Memory) -> list[Reason]:
    """What is broken besides, for a fan whose own trouble is what its state tells."""
    fault = memory.fault[0].astype(int)
    if _is_silent(memory):
        return [reason("also"), reason("silent", since=_silent_ms(memory))]
    faults = [(FEATURES[sensor], INSTRUMENT_CAUSES[fault[sensor] - 1]) for sensor in np.flatnonzero(fault)]
    return [reason("not-trusted", faults=faults)] if faults else []


def _instrument(memory: Memory, edges: Floats, cause: int, sensor: int, number: int) -> list[Reason]:
    if cause == SILENT:
        return [reason("silent", since=_silent_ms(memory)) if _is_silent(memory) else reason("resumed")]
    name, length = FEATURES[sensor], (number + 1 - float(memory.since[0])) * BIN_MS
    # How long it has been so, and not only how long it has been known.
    run = {STUCK: memory.same[0, sensor] + 1, ZERO: memory.zero_run[0, sensor]}.get(cause)
    if run is not None:
        length = float(run * memory.interval[0]) * BIN_MS
    if cause == STUCK:
        return [reason("stuck", sensor=name, value=float(memory.earlier[0, sensor, 0]), length=length)]
    if cause == ZERO:
        return [reason("zero", sensor=name, length=length)]
    shown = lately(memory)
    seen, since = not np.isnan(shown.mean[sensor]), shown.since * BIN_MS
    low, high, mean = (float(each[sensor]) for each in (shown.low, shown.high, shown.mean))
    if cause == SPIKES:
        jumped = [reason("spikes", sensor=name, length=length)]
        return (
            [*jumped, reason("spikes-shown", sensor=name, since=since, low=low, high=high)]
            if seen
            else jumped
        )
    # "Drift" is what the network calls it; what was seen is this, and may have other causes.
    began = [reason("mistaken")] if memory.mistaken[0] else []
    if not seen:
        return [*began, reason("drift-unseen", sensor=name)]
    then, width = float(usually(memory)[sensor]), float(edges[sensor, 1] - edges[sensor, 0])
    told = {"sensor": name, "shown": (low, high, mean), "since": since}
    if not abs(mean - then) >= UNUSUAL * width:
        # What is usual has followed it, or its mean is back.
        return [*began, reason("drift-odd", **told)]
    return [*began, reason("drift", **told, usual=then)]
