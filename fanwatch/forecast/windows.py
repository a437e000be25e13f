"""Window features by recursion: constant work and memory for each new bin, however long the window."""

from typing import Final

import numpy as np

from fanwatch.forecast.bins import Floats
from fanwatch.forecast.cleaning import Cleaned, Flags
from fanwatch.forecast.memory import Memory
from fanwatch.reading import FEATURES

HOURS: Final = (1, 3, 6, 12, 24, 72)
"""Time constants of the means. An exponential window forgets e-fold within its constant."""
_BINS_AN_HOUR: Final = 6
_TAU: Final = np.array(HOURS, np.float32) * _BINS_AN_HOUR
_SIX, _DAY, _THREE_DAYS = 2, 4, 5
_BASE_TAU: Final = np.float32(20 * 24 * _BINS_AN_HOUR)
_DAILY_TAU: Final = np.float32(5 * 24 * _BINS_AN_HOUR)
_A_DAY: Final = 24 * _BINS_AN_HOUR

_A_SENSOR: Final = len(HOURS) + 5
_SIX_OFF, _THREE_DAYS_OFF = len(HOURS) + 3, len(HOURS) + 4
MEAN_3_H: Final = [sensor * _A_SENSOR + 1 for sensor in range(len(FEATURES))]
"""Where the 3 h means stand among the features."""
LEVELS: Final = [
    [sensor * _A_SENSOR + at for at in (*range(len(HOURS)), len(HOURS) + 1, len(HOURS) + 2)]
    for sensor in range(len(FEATURES))
]
"""Where each sensor's levels stand: its means, the highest and the lowest."""
NAMES: Final = tuple(
    f"{sensor} {what}"
    for sensor in FEATURES
    for what in (
        *(f"mean {hours} h" for hours in HOURS),
        "sd 6 h",
        "highest",
        "lowest",
        "6 h - usual",
        "72 h - usual",
    )
)
"""Names of the features, in order; units are the sensors'."""


def update(memory: Memory, cleaned: Cleaned, believed: Flags, number: int) -> None:
    """Take the believed values into the windows; a restarted fan's begin anew, what is usual for it stays."""
    anew = cleaned.restarted
    memory.weight[anew] = 0
    value = np.where(believed, cleaned.value, np.float32(0))
    dt = np.maximum(number - memory.since_value, 1).astype(np.float32)
    angle = np.float32(2 * np.pi / _A_DAY * (number % _A_DAY))
    wave = np.array([np.cos(angle), np.sin(angle)], np.float32)
    level = value - (memory.daily @ wave)
    count = memory.weight + 1
    step = np.where(
        count[:, :, None] <= 1, 1, np.maximum(1 - np.exp(-dt[:, :, None] / _TAU), 1 / count[:, :, None])
    )
    step = np.where(believed[:, :, None], step, 0).astype(np.float32)
    memory.windows += step * (level[:, :, None] - memory.windows)
    off = level - memory.windows[:, :, _DAY]
    daily = np.where(believed & (memory.weight >= _A_DAY // 2), 1 - np.exp(-dt / _DAILY_TAU), 0).astype(
        np.float32
    )
    memory.daily += daily[:, :, None] * (2 * off[:, :, None] * wave)
    spread = level - memory.windows[:, :, _SIX]
    memory.square += step[:, :, _SIX] * (spread * spread - memory.square)
    first = believed & (memory.weight == 0)
    for kept, better in ((memory.highest, np.maximum), (memory.lowest, np.minimum)):
        relaxed = kept + step[:, :, 3] * (memory.windows[:, :, _DAY] - kept)
        kept[:] = np.where(first, level, np.where(believed, better(level, relaxed), kept))
    known = memory.base_weight + believed
    slow = np.maximum(1 - np.exp(-dt / _BASE_TAU), 1 / np.maximum(known, 1))
    memory.base += np.where(believed, slow, 0).astype(np.float32) * (level - memory.base)
    memory.base_weight[:] = known
    memory.weight += believed
    memory.since_value[:] = np.where(believed, number, memory.since_value)


def features(memory: Memory) -> Floats:
    """The network's inputs, in the order of NAMES, shape (n, len(NAMES))."""
    windows, base = memory.windows, memory.base[:, :, None]
    parts = (
        windows,
        np.sqrt(memory.square)[:, :, None],
        memory.highest[:, :, None],
        memory.lowest[:, :, None],
        windows[:, :, _SIX : _SIX + 1] - base,
        windows[:, :, _THREE_DAYS:] - base,
    )
    return np.concatenate(parts, axis=2).reshape(len(windows), -1)


def turn(memory: Memory, number: int) -> None:
    """Note where a sensor's 6 h mean leaves its 72 h mean behind: since when it rises or falls, and from where."""
    way = np.sign(memory.windows[:, :, _SIX] - memory.windows[:, :, _THREE_DAYS])
    turned = way != memory.way
    memory.turned[:] = np.where(turned, number, memory.turned)
    memory.turned_from[:] = np.where(turned, memory.windows[:, :, _THREE_DAYS], memory.turned_from)
    memory.way[:] = way


def as_usual(features: Floats, sensor: int) -> Floats:
    """The features as they would be, had this sensor stayed at what is usual for the fan, shape (n, len(NAMES))."""
    at = sensor * _A_SENSOR
    changed = features.copy()
    usual = changed[:, at + _SIX] - changed[:, at + _SIX_OFF]
    for level in LEVELS[sensor]:
        changed[:, level] = usual
    changed[:, at + _SIX_OFF] = 0
    changed[:, at + _THREE_DAYS_OFF] = 0
    return changed
