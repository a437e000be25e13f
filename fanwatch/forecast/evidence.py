"""What one value of a sensor says for a fan that wears, given how much the fan has to do just then.

The log-likelihood ratio of a healthy range that has grown by a little, against one that has not. A fan that has
little to do shows low values; a high one then says more than the same value says under load.
"""

from statistics import NormalDist
from typing import Final

import numpy as np

from fanwatch.forecast.bins import Floats

GROWN: Final = (0.1, 0.35)
"""By which share the range has grown: a fault that begins, and one that is well under way."""
_OUTSIDE: Final = 0.001
"""Share of healthy values beyond either edge of the range, as the edges are chosen."""
_BEYOND: Final = 0.06
_FARTHEST: Final = 5.0
"""Scores of values beyond the edges rise to this one within that share of the range."""
_LEAST, _MOST = np.float32(-1.0), np.float32(5.0)
_RESIDUAL: Final = np.float32(0.8)
"""Standard deviation of a score that is left once what the fan has to do is known."""


def _table() -> tuple[Floats, Floats]:
    normal, at = NormalDist(), np.linspace(0, 1, 257)
    scores = np.array([normal.inv_cdf(_OUTSIDE + (1 - 2 * _OUTSIDE) * share) for share in at])
    values = np.concatenate(([-_BEYOND], at, [1 + _BEYOND]))
    return values.astype(np.float32), np.concatenate(([-_FARTHEST], scores, [_FARTHEST])).astype(np.float32)


_VALUES, _SCORES = _table()
_EDGE: Final = _SCORES[-2]


def scores(values: Floats) -> Floats:
    """Normal scores of values in shares of the healthy range, as if they were spread evenly over it."""
    found: Floats = np.interp(values, _VALUES, _SCORES).astype(np.float32)
    return found


def ratio(values: Floats, expected: Floats, grown: float) -> Floats:
    """Of each value, in shares of the healthy range, whose upper edge may have grown; `expected` are its scores."""
    healthy, worn = scores(values), scores(values / np.float32(1 + grown))
    likelier = (np.square(healthy - expected) - np.square(worn - expected)) / (2 * _RESIDUAL * _RESIDUAL)
    denser = (np.square(np.minimum(np.abs(healthy), _EDGE)) - np.square(np.minimum(np.abs(worn), _EDGE))) / 2
    found: Floats = np.clip(likelier - denser - np.float32(np.log1p(grown)), _LEAST, _MOST)
    return found
