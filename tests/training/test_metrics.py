"""Metrics against scikit-learn, and the threshold against a search through all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from training.metrics import calibration, cheapest_threshold, gain, intervals, measure
from training.scores import Costs, count

cases = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=2, max_size=60)


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


@settings(max_examples=50)
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


def test_intervals_hold_the_truth_about_95_times_of_100_and_are_never_sure() -> None:
    random = np.random.default_rng(5)
    held = 0
    for seed in range(60):
        faulty = random.random(400) < 0.5
        probabilities = np.clip(np.where(faulty, 0.6, 0.4) + random.normal(0, 0.2, 400), 0, 1)
        low, high = intervals(count(probabilities, faulty), 0.5, seed=seed)["accuracy"]
        held += low <= 0.6915 <= high
    assert 50 <= held <= 60
    perfect = intervals(count(np.array([0.1] * 50 + [0.9] * 50), np.arange(100) >= 50), 0.5)
    assert perfect["precision"] == pytest.approx((0.929, 1.0), abs=1e-3)


def test_a_difference_on_the_same_rows_is_surer_than_two_intervals() -> None:
    ours = np.arange(2000) % 10 > 0
    theirs = ours & (np.arange(2000) % 50 > 1)
    more, (low, high) = gain(ours, theirs)
    assert more == pytest.approx(0.02)
    assert 0.01 < low < 0.02 < high < 0.03


def test_calibration_is_perfect_where_probabilities_are_shares() -> None:
    probabilities = np.repeat([0.05, 0.25, 0.75], 400)
    faulty = np.concatenate([np.arange(400) < 400 * share for share in (0.05, 0.25, 0.75)])
    found = calibration(count(probabilities, faulty))
    assert (found.ece, found.rows) == (pytest.approx(0), [400, 400, 400])
    assert found.brier == pytest.approx(np.mean((probabilities - faulty) ** 2))
    assert calibration(count(probabilities, ~faulty)).ece == pytest.approx(np.mean([0.9, 0.5, 0.5]))
