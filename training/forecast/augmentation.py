"""A second copy of the fans that are learned from, with what their own history has too little of.

In it sensors drift that were sound, and each fan's values are spread and noisy a little more or less. So the network
sees enough drifts to tell them from faults that begin, and that another fan's healthy range may be another. What
thresholds and intervals are chosen from is never changed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanwatch.fleet.standstill import STILL
from fanwatch.forecast import evidence
from fanwatch.forecast.bins import PLAUSIBLE, SENSORS, Floats
from training.forecast.history import Broken, History

DRIFTS: Final = 0.25
"""Drifts of each sensor a month."""
_DRIFT_DAYS: Final = (5.0, 15.0)
_DRIFT_WIDTHS: Final = (0.7, 2.0)
"""How far off, in healthy ranges, a sensor is in the end."""
_SPREAD: Final = 0.02
"""Standard deviation of the logarithm by which a fan's spread is changed."""
_NOISE: Final = 0.6
"""Standard deviation, at most, of what is added to a fan's values, as normal scores of them; each fan has its own."""
_DAY_MS: Final = 86_400_000


def varied(history: History, edges: Floats, seed: int) -> History:
    """The history and its changed copy, as one; `edges` are the healthy ranges, shape (sensors, 2)."""
    random = np.random.default_rng(seed)
    fans = len(history.devices)
    low, high = edges.astype(np.float64).T
    lowest, highest = np.array(PLAUSIBLE).T
    values = history.values.copy()
    sound = (values >= lowest) & (values <= highest)
    sound &= _turning(values, low)
    middle = (low + high) / 2
    spread = np.exp(random.normal(0, _SPREAD, fans))[history.fan][:, None]
    changed = middle + spread * (values - middle)
    noise = random.uniform(0, _NOISE, fans)[history.fan][:, None] * random.standard_normal(values.shape)
    shares = (changed - low) / (high - low)
    changed += (evidence.noisier(shares, noise) - shares) * (high - low)
    values = np.where(sound, np.clip(changed, lowest, highest), values)
    broken = list(history.broken)
    first, last = int(history.time_ms[0]), int(history.time_ms[-1])
    rows_of = np.argsort(history.fan, kind="stable")
    bounds = np.searchsorted(history.fan[rows_of], np.arange(fans + 1))
    count = random.poisson(DRIFTS * history.days / 30, (fans, SENSORS))
    for fan, sensor in np.argwhere(count > 0).tolist():
        rows = rows_of[bounds[fan] : bounds[fan + 1]]
        at = history.time_ms[rows]
        for _ in range(int(count[fan, sensor])):
            start = int(random.uniform(first, last))
            over = start + int(random.uniform(*_DRIFT_DAYS) * _DAY_MS)
            off = random.uniform(*_DRIFT_WIDTHS) * random.choice((-1.0, 1.0)) * (high - low)[sensor]
            those = rows[(at >= start) & (at < over)]
            those = those[sound[those, sensor]]
            values[those, sensor] += off * (history.time_ms[those] - start) / (over - start)
            broken.append(Broken(fan, start, over, sensor, "drift"))
    return _joined(history, history._replace(values=values.round(2), broken=broken))


def _turning(values: NDArray[np.float64], low: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a fan turns by a reading, shape (n, 1): the first sensor that tells shows something, or another one
    what healthy fans show."""
    turning = np.zeros((len(values), 1), np.bool_)
    for place, sensor in enumerate(STILL):
        shown = values[:, sensor, None]
        turning |= shown >= low[sensor] if place else shown > 0
    return turning


def _joined(one: History, other: History) -> History:
    fans = len(one.devices)
    time_ms = np.concatenate((one.time_ms, other.time_ms))
    order = np.argsort(time_ms, kind="stable")
    return History(
        [*one.devices, *(f"{name} varied" for name in other.devices)],
        time_ms[order],
        np.concatenate((one.fan, other.fan + fans))[order],
        np.concatenate((one.values, other.values))[order],
        [*one.faults, *(each._replace(fan=each.fan + fans) for each in other.faults)],
        [*one.broken, *(each._replace(fan=each.fan + fans) for each in other.broken)],
        one.sha256,
    )
