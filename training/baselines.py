"""Simpler and stronger methods on the same rows, so that a network has to show what it adds. Needs scikit-learn."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.metrics import Interval, Metrics, gain, intervals, measured
from training.scores import Costs, cheapest, count
from training.split import Split
from training.table import Table

_MOST_ROWS: Final = 200_000
"""That a baseline learns from; more change nothing with four sensors."""
NEGLIGIBLE: Final = 0.002
"""A difference of accuracy that nobody would notice."""
_FOLDS: Final = 5
_FEWEST_DEVICES: Final = 4

Floats = NDArray[np.float64]
Fit = Callable[[Floats, NDArray[np.bool_]], Callable[[Floats], Floats]]


class Baseline(NamedTuple):
    """Another method, trained, tuned and tested on the same rows."""

    name: str
    what: str
    """A sentence for a newcomer."""
    threshold: float
    metrics: Metrics
    sure: dict[str, Interval]
    cost: float
    """A 1,000 readings."""
    gain: float
    """By how much the network's accuracy is higher."""
    gain_interval: Interval

    @property
    def verdict(self) -> str:
        """better, worse or as good: this method beside the network, where the interval is sure of it and it matters."""
        low, high = self.gain_interval
        if abs(self.gain) < NEGLIGIBLE or low <= 0 <= high:
            return "as good"
        return "worse" if self.gain > 0 else "better"

    @property
    def named(self) -> str:
        """Its name within a sentence."""
        return f"the {self.name.lower()}" if self.name == "Box rule" else self.name.lower()


class Strangers(NamedTuple):
    """How well gradient boosting does on devices that it never saw, each device being left out once."""

    accuracy: float
    interval: Interval
    devices: int


def cost_of(metrics: Metrics, costs: Costs) -> float:
    """What errors cost in 1,000 readings."""
    confusion = metrics.confusion
    return (
        1000
        * (costs.miss * confusion.false_negative + costs.false_alarm * confusion.false_positive)
        / metrics.n
    )


def baselines(table: Table, parts: Split, right: NDArray[np.bool_], costs: Costs) -> Iterator[Baseline]:
    """Each baseline in turn; `right` says where the network is right on the rows `parts.test`."""
    for name, what, fit in (
        (
            "Box rule",
            "Faulty where a sensor leaves the range that healthy readings have. No learning beyond these ranges.",
            box_rule,
        ),
        ("Logistic regression", "A weighted sum of the four sensors: straight borders only.", _logistic),
        (
            "Gradient boosting",
            "Hundreds of small decision trees: the usual best on tables of numbers.",
            _boosting,
        ),
    ):
        rows = parts.train[:: max(1, -(-len(parts.train) // _MOST_ROWS))]
        score = fit(table.features[rows], table.faulty[rows])
        validation = count(score(table.features[parts.validation]), table.faulty[parts.validation])
        threshold = cheapest(validation, costs)
        probabilities, faulty = score(table.features[parts.test]).round(4), table.faulty[parts.test]
        scores = count(probabilities, faulty)
        metrics = measured(scores, threshold)
        more, interval = gain(right, (probabilities >= threshold) == faulty)
        yield Baseline(
            name,
            what,
            threshold,
            metrics,
            intervals(scores, threshold),
            cost_of(metrics, costs),
            more,
            interval,
        )


def strangers(table: Table) -> Strangers | None:
    """Gradient boosting on devices left out of its training; None where there are too few devices."""
    from sklearn.model_selection import GroupKFold

    rows = np.arange(len(table.faulty))[:: max(1, -(-len(table.faulty) // _MOST_ROWS))]
    features, faulty, device = table.features[rows], table.faulty[rows], table.device[rows]
    present = len(np.unique(device))
    if present < _FEWEST_DEVICES:
        return None
    right = np.zeros(len(rows), dtype=np.bool_)
    for learn, test in GroupKFold(min(_FOLDS, present)).split(features, faulty, device):
        if faulty[learn].all() or not faulty[learn].any():
            return None
        right[test] = (_boosting(features[learn], faulty[learn])(features[test]) >= 0.5) == faulty[test]
    accuracy, interval = gain(right, np.zeros(len(right), dtype=np.bool_))
    return Strangers(accuracy, interval, present)


def box_rule(features: Floats, faulty: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Score 1 beyond what healthy rows show in any sensor, less towards their middle.

    A threshold on it is a box: each sensor's range that holds the same share of the healthy rows.
    """
    healthy = np.sort(features[~faulty], axis=0)

    def score(values: Floats) -> Floats:
        tails = [
            np.minimum(np.searchsorted(own, column, side="right"), len(own) - np.searchsorted(own, column))
            for own, column in zip(healthy.T, values.T, strict=True)
        ]
        outside: Floats = 1 - 2 * np.minimum.reduce(tails) / len(healthy)
        return np.clip(outside, 0, 1)

    return score


def _logistic(features: Floats, faulty: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _probability(make_pipeline(StandardScaler(), LogisticRegression()).fit(features, faulty))


def _boosting(features: Floats, faulty: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    with one_thread():
        return _probability(HistGradientBoostingClassifier(random_state=1).fit(features, faulty))


def one_thread() -> AbstractContextManager[Any]:
    """For boosted trees: their threads wait for each other by spinning, so on a busy machine two are far slower."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="openmp")
    return limits


def _probability(model: Any) -> Callable[[Floats], Floats]:
    def score(values: Floats) -> Floats:
        with one_thread():
            probabilities: Floats = model.predict_proba(values)[:, 1]
        return probabilities

    return score
