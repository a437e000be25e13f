"""A fan's state in one plain sentence, with the numbers behind it."""

from typing import Final

import numpy as np

from fanwatch.alarm import INSTRUMENT_CAUSES
from fanwatch.forecast.bins import BIN_MS, Floats
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.model import ForecastModel
from fanwatch.forecast.verdict import ALARM, INSTRUMENT, OK, ORDER, SILENT, STOPPED, UNKNOWN, WARNING, Verdict
from fanwatch.forecast.windows import levels
from fanwatch.reading import FEATURES

_BINS_AN_HOUR: Final = 6
_HOUR_MS: Final = 3_600_000
_UNITS: Final = (" rpm", " °C", "", " dB")
_DIGITS: Final = (0, 1, 0, 1)


def tell(device: str, memory: Memory, model: ForecastModel) -> Verdict:
    """The verdict on the one fan of `memory`."""
    state, number = int(memory.state[0]), int(memory.last[0])
    trouble, cause = state in (WARNING, ALARM, STOPPED), int(memory.cause[0]) - 1
    at_ms = (number + 1) * BIN_MS if number else 0
    expected = _expected_ms(memory, at_ms) if state in (WARNING, ALARM) else None
    judged = number > 0 and state not in (UNKNOWN, STOPPED) and memory.scored[0] > 0
    instrument = state == INSTRUMENT
    sensor = int(memory.sensor[0]) - 1
    return Verdict(
        device=device,
        at_ms=at_ms,
        state=ORDER[state],
        since_ms=int(memory.since[0]) * BIN_MS,
        risk=round(float(memory.risk[0]), 4) if judged else None,
        cause=INSTRUMENT_CAUSES[cause] if instrument else FEATURES[cause] if trouble and cause >= 0 else None,
        sensor=FEATURES[sensor] if instrument and cause != SILENT and sensor >= 0 else None,
        expected_ms=expected,
        why=_why(memory, model, state, cause, sensor, number),
    )


def _expected_ms(memory: Memory, at_ms: int) -> tuple[int, int] | None:
    earliest, _, latest = (float(hours) for hours in memory.hours[0])
    if not latest > 0:
        return None
    return at_ms + round(max(earliest, 0) * _HOUR_MS), at_ms + round(latest * _HOUR_MS)


def _why(memory: Memory, model: ForecastModel, state: int, cause: int, sensor: int, number: int) -> str:
    if state == UNKNOWN:
        return (
            "Nothing is known of it yet." if not number else "It is known for too short a time to be judged."
        )
    if state == OK:
        return "All sensors are as usual for this fan."
    if state == STOPPED:
        return f"It stands still, for {_hours(float(memory.still[0]))}."
    if state == INSTRUMENT:
        return _instrument(memory, cause, sensor, number)
    return _trend(memory, model.edges, max(cause, 0), number)


def _instrument(memory: Memory, cause: int, sensor: int, number: int) -> str:
    since = _hours(number + 1 - float(memory.since[0]))
    if cause == SILENT:
        return f"Nothing has come from it for {_hours(number - float(memory.heard[0]))}."
    return f"The {FEATURES[sensor]} sensor is broken ({INSTRUMENT_CAUSES[cause]}) for {since}."


def _trend(memory: Memory, edges: Floats, cause: int, number: int) -> str:
    low, width = edges[:, 0], edges[:, 1] - edges[:, 0]
    now, then = low + levels(memory)[0] * width, low + memory.turned_from[0] * width
    share = (now - then) / np.maximum(np.abs(then), 1e-6)
    length = _hours(number + 1 - float(memory.turned[0, cause]))
    way = "risen" if now[cause] >= then[cause] else "fallen"
    said = f"{FEATURES[cause]} has {way} for {length}, from {_value(then[cause], cause)} to {_value(now[cause], cause)}"
    others = [index for index in np.argsort(-np.abs(share)).tolist() if index != cause]
    other = others[0]
    if abs(share[other]) >= 0.02:
        said += (
            f", while {FEATURES[other]} {'rose' if share[other] > 0 else 'fell'} by {abs(share[other]):.0%}"
        )
    return f"{said}."


def _value(value: float, sensor: int) -> str:
    return f"{value:.{_DIGITS[sensor]}f}{_UNITS[sensor]}"


def _hours(bins: float) -> str:
    return f"{round(bins * 10)} min" if bins < 2 * _BINS_AN_HOUR else f"{bins / _BINS_AN_HOUR:.0f} h"
