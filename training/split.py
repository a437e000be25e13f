"""Which rows are learned from, which choose the threshold, and which judge the result."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SEED: Final = 1
"""The same for every training, so that two models of one file are judged by the same unseen rows."""
_SHARES: Final = (0.7, 0.85)


class Split(NamedTuple):
    """Row numbers."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(faulty: NDArray[np.bool_]) -> Split:
    """Each kind of row, healthy and faulty, 70 : 15 : 15 at random, so that all parts hold the same share of faults."""
    random = np.random.default_rng(_SEED)
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for kind in (False, True):
        rows = random.permutation(np.flatnonzero(faulty == kind))
        ends = [round(len(rows) * share) for share in _SHARES]
        for part, chosen in zip(parts, np.split(rows, ends), strict=True):
            part.append(chosen)
    return Split(*(np.concatenate(part) for part in parts))
