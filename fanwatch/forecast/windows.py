"""Window features by recursion: constant work and memory for each new bin, however long the window.

Each sensor gives four signals a bin: its level, and how far it lies beyond what healthy fans show. A worn fan leaves
the healthy range long before its means do, so that most of what is known early comes from those.
"""

from typing import Final

import numpy as np

from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.reading import FEATURES

HOURS: Final = (1, 3, 6, 12, 24, 72)
"""Time constants of the means. An exponential window forgets e-fold within its constant."""
SIGNALS: Final = ("level", "over", "far over", "under")
_LEVEL, _OVER, _FAR_OVER, _UNDER = range(len(SIGNALS))
_BINS_AN_HOUR: Final = 6
_A_DAY: Final = 24 * _BINS_AN_HOUR
_TAU: Final = np.array(HOURS, np.float32) * _BINS_AN_HOUR
_SIX, _DAY = 2, 4
_USUAL_TAU: Final = np.float32(20 * _A_DAY)
_DAILY_TAU: Final = np.float32(5 * _A_DAY)
_DAILY_FROM: Final = _A_DAY // 2
_EDGE: Final = np.float32(0.06)
"""So far beyond the healthy range, as a share of it, `over` and `under` reach 1: whether, more than how far."""
UNUSUAL: Final = 0.08
"""A 6 h mean so far from what is usual for the fan, as a share of the healthy range, is high or low."""
_A_SENSOR: Final = len(SIGNALS) * (len(HOURS) + 1) + 1

NAMES: Final = tuple(
    f"{sensor} {what}"
    for sensor in FEATURES
    for what in (
        *(f"{signal} {hours} h" for signal in SIGNALS for hours in HOURS),
        *(f"{signal} usual" for signal in SIGNALS),
        "spread 6 h",
    )
)
"""Names of the features, in order. Levels and spreads are shares of the sensor's healthy range."""


def column(sensor: int, signal: int, hours: int) -> int:
    """Where a sensor's mean of a signal over so many hours stands among the features."""
    return sensor * _A_SENSOR + signal * len(HOURS) + HOURS.index(hours)


def update(memory: Memory, cleaned: Cleaned, believed: Flags, number: int) -> None:
    """Take the believed values into the windows; a restarted fan's begin anew, what is usual for it stays."""
    memory.weight[cleaned.restarted] = 0
    value = np.where(believed, cleaned.value, np.float32(0))
    elapsed = np.maximum(number - memory.since_value, 1)
    angle = 2 * np.pi / _A_DAY * (number % _A_DAY)
    wave = np.array([np.cos(angle), np.sin(angle)], np.float32)
    level = value - memory.daily @ wave
    signals = np.stack(
        (
            level,
            np.clip((value - 1) / _EDGE, 0, 1),
            np.clip(value - 1, 0, 1),
            np.clip(-value / _EDGE, 0, 1),
        ),
        axis=2,
    )
    step = np.maximum(-np.expm1(-elapsed[:, :, None] / _TAU), 1 / (memory.weight[:, :, None] + 1))
    step *= believed[:, :, None]
    memory.windows += step[:, :, None, :] * (signals[:, :, :, None] - memory.windows)
    off = level - memory.windows[:, :, _LEVEL, _DAY]
    daily = -np.expm1(-elapsed / _DAILY_TAU) * (believed & (memory.weight >= _DAILY_FROM))
    memory.daily += daily[:, :, None] * (2 * off[:, :, None] * wave)
    spread = level - memory.windows[:, :, _LEVEL, _SIX]
    memory.square += step[:, :, _SIX] * (spread * spread - memory.square)
    memory.usual_weight += believed
    slow = np.maximum(-np.expm1(-elapsed / _USUAL_TAU), 1 / np.maximum(memory.usual_weight, 1)) * believed
    memory.usual += slow[:, :, None] * (signals - memory.usual)
    memory.weight += believed
    memory.since_value[:] = np.where(believed, number, memory.since_value)


def features(memory: Memory) -> Floats:
    """The network's inputs, in the order of NAMES, shape (n, len(NAMES))."""
    fans = len(memory.rows)
    windows = memory.windows.reshape(fans, SENSORS, -1)
    parts = (windows, memory.usual, np.sqrt(memory.square)[:, :, None])
    joined: Floats = np.concatenate(parts, axis=2).reshape(fans, -1)
    return joined


def as_usual(features: Floats, sensors: Flags) -> Floats:
    """The features as they would be, had some sensors stayed as they usually are; `sensors` has shape (n, 4)."""
    changed = features.reshape(len(features), SENSORS, _A_SENSOR).copy()
    means = changed[:, :, : len(SIGNALS) * len(HOURS)].reshape(
        len(features), SENSORS, len(SIGNALS), len(HOURS)
    )
    usual = changed[:, :, len(SIGNALS) * len(HOURS) : -1].copy()
    # Beyond the healthy range is nowhere usual, even where it has been so for long.
    usual[:, :, _OVER:] = 0
    means[:] = np.where(sensors[:, :, None, None], usual[:, :, :, None], means)
    changed[:, :, len(SIGNALS) * len(HOURS) + _OVER : -1] *= ~sensors[:, :, None]
    joined: Floats = changed.reshape(len(features), -1)
    return joined


def turn(memory: Memory, number: int) -> None:
    """Note when a sensor's 6 h mean left what is usual for the fan: since when it is high or low, and from where."""
    off = memory.windows[:, :, _LEVEL, _SIX] - memory.usual[:, :, _LEVEL]
    way = np.where(np.abs(off) >= UNUSUAL, np.sign(off), 0)
    turned = way != memory.way
    memory.turned[:] = np.where(turned, number, memory.turned)
    memory.turned_from[:] = np.where(turned, memory.usual[:, :, _LEVEL], memory.turned_from)
    memory.way[:] = way


def worse(memory: Memory) -> Floats:
    """How much each sensor shows of wear, in shares of its healthy range, shape (n, 4): too much of it, or, for the
    rotation, too little as well; and how much of the last six hours lay beyond the healthy range."""
    off = memory.windows[:, :, _LEVEL, _SIX] - memory.usual[:, :, _LEVEL]
    off[:, 0] = np.abs(off[:, 0])
    found: Floats = np.maximum(off, 0) + beyond(memory).max(axis=2)
    return found


def beyond(memory: Memory) -> Floats:
    """Which share of the last six hours lay below and above the healthy range, shape (n, 4, 2)."""
    return memory.windows[:, :, (_UNDER, _OVER), _SIX]


def levels(memory: Memory) -> Floats:
    """Each sensor's mean of the last six hours, in shares of its healthy range, shape (n, 4)."""
    found: Floats = memory.windows[:, :, _LEVEL, _SIX]
    return found
