"""How well probabilities fit labels, and which threshold costs least. Needs no TensorFlow."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Confusion(NamedTuple):
    """Counts of rows; positive means faulty."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class Metrics(NamedTuple):
    """Of `n` rows; precision, recall and auroc are None where the rows leave them undefined."""

    accuracy: float
    precision: float | None
    recall: float | None
    auroc: float | None
    confusion: Confusion
    n: int

    def as_dict(self) -> dict[str, object]:
        """For JSON: accuracy, precision, recall, auroc, confusion, n."""
        return self._asdict() | {"confusion": self.confusion._asdict()}


def measure(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_], threshold: float) -> Metrics:
    """How right it is to call a row faulty from `threshold` on; both arrays have shape (n,)."""
    called = probabilities >= threshold
    confusion = Confusion(
        int((called & faulty).sum()), int((called & ~faulty).sum()),
        int((~called & ~faulty).sum()), int((~called & faulty).sum()),
    )  # fmt: skip
    right = confusion.true_positive + confusion.true_negative
    return Metrics(
        accuracy=right / len(faulty),
        precision=_ratio(confusion.true_positive, confusion.true_positive + confusion.false_positive),
        recall=_ratio(confusion.true_positive, confusion.true_positive + confusion.false_negative),
        auroc=auroc(probabilities, faulty),
        confusion=confusion,
        n=len(faulty),
    )


def auroc(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_]) -> float | None:
    """Chance that a faulty row has a higher probability than a healthy one, a tie counting half."""
    positive = int(faulty.sum())
    negative = len(faulty) - positive
    if not positive or not negative:
        return None
    _, rank_of, ties = np.unique(probabilities, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(ties) - (ties - 1) / 2
    ranks = float(mean_rank[rank_of][faulty].sum())
    return (ranks - positive * (positive + 1) / 2) / (positive * negative)


def cheapest_threshold(
    probabilities: NDArray[np.floating], faulty: NDArray[np.bool_], cost_of_miss: float
) -> float:
    """The threshold, to 4 decimals, at which false alarms plus `cost_of_miss` times the misses are fewest.

    Where a whole stretch of thresholds is equally cheap, its middle: the place least moved by a few more
    rows.
    """
    candidates = np.arange(1, 10_000) / 10_000
    order = np.argsort(probabilities, kind="stable")
    rounded, sorted_faulty = np.round(probabilities[order].astype(np.float64), 4), faulty[order]
    below = np.searchsorted(rounded, candidates - 5e-5)
    misses = np.concatenate(([0], np.cumsum(sorted_faulty)))[below]
    alarms = (~sorted_faulty).sum() - np.concatenate(([0], np.cumsum(~sorted_faulty)))[below]
    cost = alarms + cost_of_miss * misses
    start = int(np.argmin(cost))
    longer = np.flatnonzero(cost[start:] != cost[start])
    end = start + (int(longer[0]) if len(longer) else len(cost) - start)
    return float(candidates[(start + end - 1) // 2])


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
