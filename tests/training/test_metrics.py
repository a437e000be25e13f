"""Metrics against scikit-learn, and the threshold against a search through all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from training.metrics import cheapest_threshold, measure
from training.scores import Costs

cases = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=2, max_size=60)


@settings(deadline=None)
@given(cases, st.integers(1, 9_999))
def test_metrics_are_those_of_scikit_learn(rows: list[tuple[int, bool]], threshold: int) -> None:
    probabilities = np.array([row[0] / 10_000 for row in rows])
    faulty = np.array([row[1] for row in rows])
    called = probabilities >= threshold / 10_000
    found = measure(probabilities, faulty, threshold / 10_000)
    (tn, fp), (fn, tp) = sklearn_metrics.confusion_matrix(faulty, called, labels=[False, True])
    assert tuple(found.confusion) == (tp, fp, tn, fn)
    assert found.n == len(rows)
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(faulty, called))
    assert found.precision == (pytest.approx(tp / (tp + fp)) if called.any() else None)
    assert found.recall == (pytest.approx(tp / (tp + fn)) if faulty.any() else None)
    both = faulty.any() and not faulty.all()
    assert found.auroc == (
        pytest.approx(sklearn_metrics.roc_auc_score(faulty, probabilities)) if both else None
    )


@settings(deadline=None, max_examples=50)
@given(cases, st.sampled_from([0.1, 1.0, 7.0]))
def test_no_threshold_is_cheaper(rows: list[tuple[int, bool]], cost_of_miss: float) -> None:
    probabilities = np.array([row[0] / 10_000 for row in rows])
    faulty = np.array([row[1] for row in rows])

    def cost(threshold: float) -> float:
        called = probabilities >= threshold
        return float((called & ~faulty).sum() + cost_of_miss * (~called & faulty).sum())

    chosen = cheapest_threshold(probabilities, faulty, Costs(cost_of_miss))
    assert 0 < chosen < 1
    assert chosen == round(chosen, 4)
    assert cost(chosen) <= min(cost(value / 10_000) for value in range(1, 10_000, 7)) + 1e-9


def test_the_middle_of_the_cheapest_stretch_is_taken_and_misses_that_cost_more_lower_it() -> None:
    probabilities = np.array([0.1, 0.2, 0.8, 0.9])
    assert cheapest_threshold(probabilities, probabilities > 0.5, Costs()) == pytest.approx(0.5, abs=1e-3)
    mixed = np.array([False, True, False, True])
    assert cheapest_threshold(probabilities, mixed, Costs(0.2)) > cheapest_threshold(
        probabilities, mixed, Costs(5.0)
    )
