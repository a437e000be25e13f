"""Window features by recursion: constant work and memory for each new bin, however long the window.

Each sensor gives five signals a bin: its level, whether it lies beyond what healthy fans show, above or below, and what
it says for a fault that begins or is advanced. A worn fan leaves the healthy range long before its means do, so that
most of what is known early comes from those.
"""

from typing import Final

import numpy as np

from fanwatch.forecast import evidence
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.sensors import FALLING, FEATURES

HOURS: Final = (1, 3, 6, 12, 24, 72)
"""Time constants of the means. An exponential window forgets e-fold within its constant."""
SIGNALS: Final = ("level", "over", "under", "beginning", "advanced")
_LEVEL, OVER, UNDER = range(3)
_BINS_AN_HOUR: Final = 6
_A_DAY: Final = 24 * _BINS_AN_HOUR
_TAU: Final = np.array(HOURS, np.float32) * _BINS_AN_HOUR
_THREE, _SIX, _DAY = 1, 2, 4
_ENOUGH: Final = np.float32(30)
"""Sums of evidence stop here: it is certain, and has to be able to become less."""
USUAL_TAU: Final = np.float32(20 * _A_DAY)
_DAILY_TAU: Final = np.float32(5 * _A_DAY)
_DAILY_FROM: Final = _A_DAY // 2
_A_SCORE: Final = np.float32(3.4)
"""By how many scores a sensor lies higher that lies higher by its healthy range, on average."""
_MIDDLE: Final = (SENSORS - 1) // 2, SENSORS // 2
"""Of the sensors in the order of their values, those in the middle."""
_EDGE: Final = np.float32(0.06)
"""So far beyond the healthy range, as a share of it, `over` and `under` reach 1: whether, more than how far."""
UNUSUAL: Final = 0.08
"""A 6 h mean so far from what is usual for the fan, as a share of the healthy range, is high or low."""
_OF_A_SENSOR: Final = (
    *(f"{signal} {hours} h" for signal in SIGNALS for hours in HOURS),
    *(f"{signal} usual" for signal in SIGNALS),
    "spread 6 h",
    "sum",
)
_A_SENSOR: Final = len(_OF_A_SENSOR)
NAMES: Final = (
    *(f"{sensor} {what}" for sensor in FEATURES for what in _OF_A_SENSOR),
    "sum of all sensors",
    f"sum of all sensors, {' and '.join(FEATURES[sensor] for sensor in FALLING)} falling",
)
"""Names of the features, in order. Levels and spreads are shares of the sensor's healthy range."""

_USUAL: Final = np.array(
    [0.5 if "level" in name else 0.26 if "spread" in name else 0 for name in NAMES], np.float32
)
"""The middle of the healthy range, and the spread of values that lie anywhere in it."""


def column(sensor: int, signal: int, hours: int) -> int:
    """Where a sensor's mean of a signal over so many hours stands among the features."""
    return sensor * _A_SENSOR + signal * len(HOURS) + HOURS.index(hours)


def update(memory: Memory, cleaned: Cleaned, believed: Flags, number: int) -> None:
    """Take the believed values into the windows; a restarted fan's begin anew, what is usual for it stays."""
    memory.weight[cleaned.restarted] = 0
    memory.sums[cleaned.restarted] = 0
    value = np.where(believed, cleaned.value, np.float32(0))
    elapsed = np.maximum(number - memory.since_value, 1)
    angle = 2 * np.pi / _A_DAY * (number % _A_DAY)
    wave = np.array([np.cos(angle), np.sin(angle)], np.float32)
    daily_wave = memory.daily @ wave
    level = value - daily_wave
    over, under = np.clip((value - 1) / _EDGE, 0, 1), np.clip(-value / _EDGE, 0, 1)
    beginning, advanced = _evidence(memory, value, daily_wave)
    signals = np.stack((level, over, under, beginning, advanced), axis=2)
    _add_up(memory, beginning * believed, advanced * believed)
    step = np.maximum(-np.expm1(-elapsed[:, :, None] / _TAU), 1 / (memory.weight[:, :, None] + 1))
    step *= believed[:, :, None]
    memory.windows += step[:, :, None, :] * (signals[:, :, :, None] - memory.windows)
    off = level - memory.windows[:, :, _LEVEL, _DAY]
    daily = -np.expm1(-elapsed / _DAILY_TAU) * (believed & (memory.weight >= _DAILY_FROM))
    memory.daily += daily[:, :, None] * (2 * off[:, :, None] * wave)
    spread = level - memory.windows[:, :, _LEVEL, _SIX]
    memory.square += step[:, :, _SIX] * (spread * spread - memory.square)
    memory.usual_weight += believed
    slow = np.maximum(-np.expm1(-elapsed / USUAL_TAU), 1 / np.maximum(memory.usual_weight, 1)) * believed
    memory.usual += slow[:, :, None] * (signals - memory.usual)
    memory.weight += believed
    memory.since_value[:] = np.where(believed, number, memory.since_value)


def _evidence(memory: Memory, value: Floats, daily_wave: Floats) -> tuple[Floats, Floats]:
    """For a fault that begins, and for one that is advanced; for a sensor that may fall too, up and down."""
    usual = memory.usual[:, :, _LEVEL]
    # Of the two sensors in the middle: one that drifts must not make the others' values look strange.
    moved: Floats = np.sort(memory.windows[:, :, _LEVEL, _THREE] + daily_wave - usual, axis=1)
    busy: Floats = (moved[:, _MIDDLE[0], None] + moved[:, _MIDDLE[1], None]) / np.float32(2)
    expected: Floats = _A_SCORE * (usual - np.float32(0.5) + busy)
    expected[:] = np.where(memory.usual_weight > 0, np.clip(expected, -2.5, 2.5), 0)
    beginning, advanced = (evidence.ratio(value, expected, grown) for grown in evidence.GROWN)
    for sensor in FALLING:
        advanced[:, sensor] = evidence.ratio(1 - value[:, sensor], -expected[:, sensor], evidence.GROWN[0])
    return beginning, advanced


def _add_up(memory: Memory, beginning: Floats, advanced: Floats) -> None:
    """Sums of evidence that begin anew whenever they say that nothing is wrong: for each sensor, and for the fan."""
    together = beginning.sum(axis=1)
    slower = together
    for sensor in FALLING:
        slower = slower - beginning[:, sensor] + advanced[:, sensor]
    gained = np.column_stack((beginning, together, slower))
    memory.sums[:] = np.clip(memory.sums + gained, 0, _ENOUGH)


def features(memory: Memory) -> Floats:
    """The network's inputs, in the order of NAMES, shape (n, len(NAMES))."""
    fans = len(memory.rows)
    windows = memory.windows.reshape(fans, SENSORS, -1)
    parts = (windows, memory.usual, np.sqrt(memory.square)[:, :, None], memory.sums[:, :SENSORS, None])
    joined: Floats = np.concatenate(parts, axis=2).reshape(fans, -1)
    return np.concatenate((joined, memory.sums[:, SENSORS:]), axis=1)


def as_usual(features: Floats, sensors: Flags) -> Floats:
    """The features as they would be, had some sensors always shown what fans of this kind do; `sensors`: which ones.

    What is usual for the fan itself is of no use here: a sensor that has drifted for days has taken it along.
    """
    those = np.zeros(features.shape, np.bool_)
    those[:, : SENSORS * _A_SENSOR] = np.repeat(sensors, _A_SENSOR, axis=1)
    changed: Floats = np.where(those, _USUAL, features)
    # What the fan's sensors say together cannot be told without one; at most what the others say by themselves.
    sums = changed[:, _A_SENSOR - 1 : SENSORS * _A_SENSOR : _A_SENSOR].sum(axis=1, keepdims=True)
    together = changed[:, SENSORS * _A_SENSOR :]
    changed[:, SENSORS * _A_SENSOR :] = np.where(
        sensors.any(axis=1, keepdims=True), np.minimum(together, sums), together
    )
    return changed


def turn(memory: Memory, number: int) -> None:
    """Note when a sensor's 6 h mean left what is usual for the fan: since when it is high or low, and from where."""
    off = memory.windows[:, :, _LEVEL, _SIX] - memory.usual[:, :, _LEVEL]
    way = np.where(np.abs(off) >= UNUSUAL, np.sign(off), 0)
    turned = way != memory.way
    memory.turned[:] = np.where(turned, number, memory.turned)
    memory.turned_from[:] = np.where(turned, memory.shown_usual, memory.turned_from)
    memory.way[:] = way


def worse(memory: Memory) -> Floats:
    """How much each sensor shows of wear, in shares of its healthy range, shape (n, sensors): too much of it, or, where
    wear may take it down, too little as well; and how much of the last six hours lay beyond the healthy range."""
    found: Floats = moved(memory) + beyond(memory).max(axis=2)
    return found


def moved(memory: Memory) -> Floats:
    """How far each sensor's mean of the last six hours is from what is usual for the fan, where wear takes it: above,
    or below as well. In shares of the healthy range, 0 or more, shape (n, sensors)."""
    off = levels(memory) - memory.usual[:, :, _LEVEL]
    off[:, FALLING] = np.abs(off[:, FALLING])
    found: Floats = np.maximum(off, 0)
    return found


def worn(memory: Memory) -> Floats:
    """Which share of the last six hours each sensor was where wear takes it: beyond what healthy fans show, and worse
    than usual for this fan; shape (n, sensors). 0 for a sensor that is broken."""
    off = levels(memory) - memory.usual[:, :, _LEVEL]
    unusual = np.stack((-off >= UNUSUAL, off >= UNUSUAL), axis=2)
    return toward_wear(beyond(memory) * unusual) * (memory.fault <= 0)


def toward_wear(outside: Floats) -> Floats:
    """Of shares of time below and above the healthy range, as `beyond` has them, those where wear takes each sensor:
    above, or below as well; shape (..., sensors)."""
    found = outside[..., 1].copy()
    found[..., FALLING] = outside[..., FALLING, :].max(axis=-1)
    return found


def beyond(memory: Memory) -> Floats:
    """Which share of the last six hours lay below and above the healthy range, shape (n, sensors, 2)."""
    return memory.windows[:, :, (UNDER, OVER), _SIX]


def levels(memory: Memory) -> Floats:
    """Each sensor's mean of the last six hours, in shares of its healthy range, shape (n, sensors)."""
    found: Floats = memory.windows[:, :, _LEVEL, _SIX]
    return found
