"""One contract for all engines, and the judge above them."""

import shutil
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.bundles.engines import Engine, open_engine
from fanwatch.errors import BundleError, SettingsError
from fanwatch.messages.result import Decision
from fanwatch.scorers import Judge, open_judge
from fanwatch.settings import InferSettings

ENGINES = ("litert", "tensorflow")
BUNDLE = bundles.load(verified.locate(None))
HEALTHY, HOT = [600.0, 40.0, 150.0, 48.0], [600.0, 53.0, 150.0, 48.0]


@pytest.fixture(scope="module", params=ENGINES)
def scorer(request: pytest.FixtureRequest) -> Engine:
    """Every engine."""
    return open_engine(BUNDLE, request.param)


@pytest.fixture(scope="module")
def judge(scorer: Engine) -> Judge:
    """The judge above every engine."""
    return Judge(BUNDLE, scorer)


def readings(count: int) -> np.ndarray:
    """Readings from all over the trained ranges and their neighbourhood."""
    low, high = np.array([feature.trained for feature in BUNDLE.metadata.features]).T
    return np.random.default_rng(1).uniform(low - 5, high + 5, (count, 4)).astype(np.float32)


def test_probabilities_are_the_test_vectors_and_higher_is_worse(scorer: Engine) -> None:
    vector = BUNDLE.metadata.test_vector
    found = scorer.score(np.array(vector.inputs, dtype=np.float32))
    assert np.abs(found - vector.outputs).max() <= 1e-5
    healthy, hot = scorer.score(np.array([HEALTHY, HOT], dtype=np.float32))
    assert healthy < 0.2 < 0.99 < hot


def test_a_rows_probability_is_the_same_to_the_last_bit_in_any_batch(scorer: Engine) -> None:
    rows = readings(600)
    whole = scorer.score(rows)
    assert whole.shape == (600,)
    assert whole.dtype == np.float32
    for size in (1, 2, 3, 5, 7, 8, 33, 256, 599):
        parts = [scorer.score(rows[start : start + size]) for start in range(0, 600, size)]
        assert (np.concatenate(parts) == whole).all()


def test_no_rows_give_no_probabilities_and_results_are_the_callers_own(scorer: Engine) -> None:
    assert scorer.score(np.empty((0, 4), dtype=np.float32)).shape == (0,)
    first = scorer.score(readings(3))
    kept = first.copy()
    scorer.score(np.array([HOT] * 3, dtype=np.float32))
    assert (first == kept).all()


def test_threads_do_not_get_each_others_results(scorer: Engine) -> None:
    rows = readings(64)
    expected, wrong = scorer.score(rows), []

    def work(size: int) -> None:
        for _ in range(100):
            if not (scorer.score(rows[:size]) == expected[:size]).all():
                wrong.append(size)

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 5, 33, 64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_engines_agree() -> None:
    rows = readings(2000)
    first, second = (open_engine(BUNDLE, engine).score(rows) for engine in ENGINES)
    assert np.abs(first - second).max() <= 1e-5


def test_a_bundle_that_does_not_give_its_test_vector_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(verified.locate(None), tmp_path / "bundle"))
    content = msgspec.json.decode((copy / "model.json").read_bytes())
    content["test_vector"]["probabilities"][0] += 2e-5
    (copy / "model.json").write_bytes(msgspec.json.encode(content))
    for engine in ENGINES:
        with pytest.raises(BundleError, match="fails its test vector"):
            open_engine(bundles.load(copy), engine)


@pytest.mark.parametrize(
    ("engine", "spoilt"), [("litert", "model.tflite"), ("tensorflow", "saved_model/saved_model.pb")]
)
def test_a_network_that_does_not_load_is_named_although_its_hash_is_right(
    tmp_path: Path, engine: str, spoilt: str
) -> None:
    copy = Path(shutil.copytree(verified.locate(None), tmp_path / "bundle"))
    (copy / spoilt).write_bytes(b"no network")
    content = msgspec.json.decode((copy / "model.json").read_bytes())
    content["files"][spoilt] = verified.sha256(b"no network")
    (copy / "model.json").write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match=spoilt.split("/")[0]):
        open_engine(bundles.load(copy), engine)


def test_an_unknown_engine_and_a_wrong_pin_are_named() -> None:
    with pytest.raises(SettingsError, match="FANWATCH_ENGINE=torch"):
        open_engine(BUNDLE, "torch")
    with pytest.raises(BundleError, match="pinned"):
        open_judge(InferSettings(bundle_sha256="0" * 64))
    assert open_judge(InferSettings(bundle_sha256=BUNDLE.digest, engine="litert")).judge([HEALTHY])


def test_healthy_and_faulty_readings_and_their_cause(judge: Judge) -> None:
    others = [[600.0, 40, 230, 48], [600.0, 40, 150, 57], [450.0, 40, 150, 48]]
    healthy, hot, shaking, loud, slow = judge.judge([HEALTHY, HOT, *others])
    threshold = BUNDLE.metadata.threshold.value
    assert (healthy.fault, healthy.cause, healthy.quality) == (0, None, "ok")
    assert healthy.probability is not None
    assert healthy.probability < threshold == healthy.threshold
    assert [fault.fault for fault in (hot, shaking, loud, slow)] == [1] * 4
    assert [fault.cause for fault in (hot, shaking, loud, slow)] == [
        "temperature", "vibration", "sound", "rotation",
    ]  # fmt: skip
    assert {decision.model for decision in (healthy, hot)} == {"fan-anomaly@1"}
    assert "fields" not in msgspec.to_builtins(healthy)


def test_where_two_sensors_each_suffice_the_one_furthest_from_healthy_is_the_cause(judge: Judge) -> None:
    (much_hotter, much_louder) = judge.judge([[600, 54.5, 150, 53], [600, 46.5, 150, 59.5]])
    assert (much_hotter.cause, much_louder.cause) == ("temperature", "sound")


@pytest.mark.parametrize(
    ("reading", "fields"),
    [
        ([0, 40, 150, 48], ["rotation"]),
        ([-600, 40, 150, 48], ["rotation"]),
        ([600, 900, 150, 0], ["temperature", "sound"]),
        ([1e308, -1e308, 1e9, -1], ["rotation", "temperature", "vibration", "sound"]),
        ([0, 20, 150, 48], ["rotation"]),
        ([float("nan"), 40, 150, 48], ["rotation"]),
    ],
)
def test_an_implausible_reading_gets_no_verdict(
    judge: Judge, reading: list[float], fields: list[str]
) -> None:
    (decision,) = judge.judge([reading])
    assert decision == Decision(
        None, None, BUNDLE.metadata.threshold.value, None, "implausible", "fan-anomaly@1", fields
    )


def test_an_extrapolated_reading_is_scored_at_the_edge_and_named(judge: Judge) -> None:
    edge = BUNDLE.metadata.features[0].trained[1]
    rows = [[900.0, 40, 150, 48], [edge, 40, 150, 48], [900.0, 80, 150, 48]]
    beyond, at_edge, hot_and_beyond = judge.judge(rows)
    assert (beyond.quality, beyond.fields) == ("extrapolated", ["rotation"])
    assert (beyond.probability, beyond.fault) == (at_edge.probability, at_edge.fault)
    assert (at_edge.quality, at_edge.fields) == ("ok", msgspec.UNSET)
    assert (hot_and_beyond.fault, hot_and_beyond.cause) == (1, "temperature")
    assert hot_and_beyond.fields == ["rotation", "temperature"]


def test_the_same_reading_gives_the_same_bytes_in_any_batch(judge: Judge) -> None:
    rows: list[list[float]] = readings(300).tolist()
    rows[7] = [0, 40, 150, 48]
    whole = judge.judge(rows)
    singly = [judge.judge([row])[0] for row in rows]
    assert msgspec.json.encode(whole) == msgspec.json.encode(singly)
    for decision in whole:
        assert decision.probability is None or decision.probability == round(decision.probability, 4)
    assert judge.judge([]) == []


class Fixed:
    """An engine that gives every row the same probability."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def score(self, batch: np.ndarray) -> np.ndarray:
        """See Engine."""
        return np.full(len(batch), self.probability, dtype=np.float32)


def test_what_is_published_is_what_was_compared() -> None:
    threshold = BUNDLE.metadata.threshold.value
    just_below = Judge(BUNDLE, Fixed(threshold - 4e-5)).judge([HEALTHY])[0]
    below = Judge(BUNDLE, Fixed(threshold - 6e-5)).judge([HEALTHY])[0]
    assert (just_below.probability, just_below.fault) == (threshold, 1)
    assert (below.probability, below.fault) == (round(threshold - 1e-4, 4), 0)
