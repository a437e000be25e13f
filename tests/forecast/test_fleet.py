"""States go on to the last bit wherever they are kept; bins that come twice, late or never do no harm."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.forecast import BIN_MS, BoxRule, Fleet, StateError, windows
from fanwatch.forecast.bins import take
from tests.forecast.fans import START_MS, binned, fleet, healthy
from training.forecast.history import FOREVER_MS, Fault, History
from training.forecast.samples import collect

FANS = 5


def troubled(bins: int = 400) -> np.ndarray:
    """Values of fans of which some spike, stop, fall silent, lose a sensor or wear out, which two sensors show."""
    values = healthy(bins, FANS)
    values[150:170, 0] = np.nan
    values[200:230, 1, 2] = 0
    values[100:130, 2] = [0.0, 25.0, 0.4, 33.0]
    values[180:, 3, 1] += np.linspace(0, 12, bins - 180)
    values[180:, 3, 2] += np.linspace(0, 120, bins - 180)
    values[50:350:40, 4, 0] = 1400
    return values.round(2)


def test_a_state_that_was_packed_goes_on_to_the_last_bit_and_is_below_a_kilobyte_and_a_half() -> None:
    bins = binned(troubled())
    whole = fleet(FANS)
    parts = fleet(FANS)
    for step, each in enumerate(bins):
        whole.advance(each)
        parts.advance(each)
        if step % 13 == 0:
            packed = [parts.pack(fan) for fan in range(FANS)]
            assert max(map(len, packed)) <= 1536
            parts = fleet(FANS)
            for fan, state in enumerate(packed):
                parts.unpack(fan, state)
        assert np.array_equal(whole.memory.rows, parts.memory.rows)
    assert {"alarm", "ok"} <= {whole.verdict(fan).state for fan in range(FANS)}


def test_bins_that_come_again_or_fan_by_fan_change_nothing() -> None:
    bins = binned(troubled()[60:210])
    whole, parts = fleet(FANS), fleet(FANS)
    for before, each in pairwise(bins):
        whole.advance(each)
        for fan in range(FANS):
            parts.advance(take(each, np.array([fan])))
        parts.advance(before)
        parts.advance(each)
    assert np.array_equal(whole.memory.rows, parts.memory.rows)
    assert (whole.next_ms == bins[-1].start_ms + BIN_MS).all()


def test_a_missing_bin_is_one_in_which_nothing_came() -> None:
    values = troubled()[:120]
    values[40:60] = np.nan
    bins = binned(values)
    told, left_out = fleet(FANS), fleet(FANS)
    for step, each in enumerate(bins):
        told.advance(each)
        if not 40 <= step < 60:
            left_out.advance(each)
    assert np.array_equal(told.memory.rows, left_out.memory.rows)


def test_a_fan_never_heard_of_stays_unknown() -> None:
    those = fleet(2)
    values = healthy(80, 2)
    values[:, 1] = np.nan
    for each in binned(values):
        those.advance(each)
    verdict = those.verdict(1)
    assert (verdict.state, verdict.risk, verdict.why) == ("unknown", None, "Nothing is known of it yet.")
    assert those.verdict(0).state == "ok"


def test_training_sees_the_features_that_service_sees() -> None:
    """What `train forecast` learns from, against what a model in service that writes it down is asked."""
    asked: list[np.ndarray] = []

    class Listening(BoxRule):
        def score(self, features: np.ndarray):  # type: ignore[no-untyped-def]
            asked.append(features.copy())
            return super().score(features)

    values = troubled()
    bins, fans, _ = values.shape
    serving = Fleet(Listening(), [str(fan) for fan in range(FANS)])
    served: list[dict[bytes, int]] = [{} for _ in range(FANS)]
    for step, each in enumerate(binned(values)):
        asked.clear()
        serving.advance(each)
        # The first question is of the whole fleet; others are of some fans, with a sensor left out of account.
        for fan, row in enumerate(asked[0]):
            served[fan][row.tobytes()] = step
    there = ~np.isnan(values).any(axis=2)
    history = History(
        serving.devices,
        (START_MS + np.nonzero(there)[0] * BIN_MS + 1000).astype(np.int64),
        np.nonzero(there)[1].astype(np.int64),
        values[there],
        [Fault(3, START_MS + 180 * BIN_MS, START_MS + bins * BIN_MS, FOREVER_MS, "bearing")],
        [],
        "",
    )
    learned = collect(history, serving.model.edges, most=bins * fans, on_bin=lambda done, total: None)
    assert learned.features.shape[1] == len(windows.NAMES)
    assert len(learned.features) > 0.9 * bins * fans
    for fan in range(FANS):
        rows = learned.features[learned.fan == fan]
        steps = [served[fan].get(row.tobytes(), -1) for row in rows]
        assert -1 not in steps, "a row that service never asks about"
        assert steps == sorted(set(steps)), "each as of a bin of its own, in order of time"


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=1200))
def test_what_is_no_state_is_refused(packed: bytes) -> None:
    with pytest.raises(StateError):
        fleet(1).unpack(0, packed)


def test_a_state_of_another_version_is_refused() -> None:
    those = fleet(1)
    packed = those.pack(0)
    those.unpack(0, packed)
    with pytest.raises(StateError, match="another version"):
        those.unpack(0, bytes([packed[0] + 1]) + packed[1:])


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, -40.0, 1e-9, 600.0, 150.0, 48.0, 1e9, -1e30, 2999.0]), min_size=4, max_size=4),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_odd_values_never_raise_nor_leave_what_is_no_number(rows: list[list[float]]) -> None:
    those = fleet(1)
    for each in binned(np.array(rows)[:, None, :]):
        those.advance(each)
        assert those.verdict(0).why
    assert np.isfinite(those.memory.rows).all()
