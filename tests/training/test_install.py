"""A bundle's threshold moved, a bundle put to use: what is checked, what is changed, and not a character else."""

import difflib
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.errors import BundleError
from training import install, kinds, pins, scores, threshold
from training.bundle_writer import TrainingError
from training.evaluate import probabilities_of
from training.install import InstallError
from training.pins import PinError
from training.scores import Costs

DEFAULT = verified.locate("models/fan-anomaly/1")
STACK = """functions:
  # Decides.
  infer-fan:
    environment: &inference
      exec_timeout: 3s
      FANWATCH_BUNDLE: {bundle}   # the model
      # pinned
      FANWATCH_BUNDLE_SHA256:  '{pin}'
    limits: {{memory: 1Gi}}
  forecast-fan:
    environment:
      FANWATCH_FORECAST_BUNDLE_SHA256: "{other}"
      FANWATCH_FORECAST_BUNDLE: models/fan-forecast/1
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack.yml with the default bundle beside it."""
    shutil.copytree(DEFAULT, tmp_path / "models/fan-anomaly/1")
    pin = bundles.load(DEFAULT).digest
    file = tmp_path / "stack.yml"
    file.write_bytes(STACK.format(bundle="models/fan-anomaly/1", pin=pin, other="b" * 64).encode())
    return file


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default bundle as version 2, with a threshold for dear misses."""
    return threshold.move(DEFAULT, tmp_path_factory.mktemp("moved") / "2", 2, Costs(10, 1)).path


def test_the_record_of_scores_is_whole_and_gives_the_threshold_that_the_rows_would(tmp_path: Path) -> None:
    validation, test = threshold.recorded(bundles.load(DEFAULT))
    rows = bundles.load(DEFAULT).metadata.origin.rows
    assert (validation.n, test.n) == (rows["validation"], rows["test"])
    assert scores.cheapest(validation, Costs()) == bundles.load(DEFAULT).metadata.threshold.value
    again = scores.read(scores.write(validation, test).encode())
    assert all((a == b).all() for a, b in zip((*again[0], *again[1]), (*validation, *test), strict=True))
    with pytest.raises(BundleError, match="not the record"):
        scores.read(b"probability\n1,2\n")


def test_a_moved_threshold_is_a_new_version_of_the_same_network(moved: Path) -> None:
    before, after = bundles.load(DEFAULT), bundles.load(moved)
    data = after.metadata
    assert after.model == "fan-anomaly@2"
    assert data.threshold.value < before.metadata.threshold.value
    assert (data.threshold.miss_cost, data.threshold.false_alarm_cost) == (10, 1)
    assert data.metrics["recall"] > before.metadata.metrics["recall"]
    assert data.metrics["true_positive"] + data.metrics["false_negative"] == 4536
    assert after.read(verified.LITERT_FILE) == before.read(verified.LITERT_FILE)
    card = after.read("MODEL_CARD.md").decode()
    assert f"**{data.threshold.value:g}**" in card
    assert "a miss costs 10 and a false alarm 1" in card
    # No threshold is cheaper on the validation rows.
    validation, _ = threshold.recorded(after)
    cost = validation.costs(Costs(10, 1))
    assert cost[round(data.threshold.value * 10_000)] == cost[1:10_000].min()


def test_a_threshold_by_hand_and_what_is_refused(tmp_path: Path) -> None:
    by_hand = threshold.move(DEFAULT, tmp_path / "out", 3, 0.9).metadata.threshold
    assert (by_hand.value, by_hand.miss_cost) == (0.9, None)
    for value in (0.0, 1.0, 0.00001):
        with pytest.raises(TrainingError, match="is no threshold"):
            threshold.move(DEFAULT, tmp_path / "other", 3, value)
    with pytest.raises(TrainingError, match="is version 1 already"):
        threshold.move(DEFAULT, tmp_path / "other", 1, 0.9)
    assert not (tmp_path / "other").exists()


def test_use_checks_places_and_pins_and_keeps_every_other_character(stack: Path, moved: Path) -> None:
    before = pins.read(stack)
    plan = install.plan(moved, stack)
    assert pins.read(stack) == before
    install.install(plan)
    digest = bundles.load(moved).digest
    assert bundles.load(stack.parent / "models/fan-anomaly/2", digest).model == "fan-anomaly@2"
    changes = [
        line for line in difflib.ndiff(before.splitlines(), pins.read(stack).splitlines()) if line[0] == "+"
    ]
    assert changes == [
        "+       FANWATCH_BUNDLE: models/fan-anomaly/2   # the model",
        f"+       FANWATCH_BUNDLE_SHA256:  '{digest}'",
    ]
    assert not list(stack.parent.glob(".stack*"))
    assert install.plan(moved, stack).in_use
    # And back again.
    install.install(install.plan(DEFAULT, stack))
    assert pins.read(stack) == before


def test_a_variables_default_is_pinned_too_and_other_models_are_left_alone(tmp_path: Path) -> None:
    text = STACK.format(
        bundle="${FANWATCH_BUNDLE:-models/fan-anomaly/1}", pin="${X:-" + "a" * 64 + "}", other="b" * 64
    )
    changed = pins.changed(text, "fan-anomaly", "models/fan-anomaly/12", "c" * 64)
    assert "${FANWATCH_BUNDLE:-models/fan-anomaly/12}   # the model\n" in changed
    assert "'${X:-" + "c" * 64 + "}'\n" in changed
    forecast = pins.changed(text, "fan-forecast", "models/fan-forecast/2", "d" * 64)
    assert forecast == text.replace("b" * 64, "d" * 64).replace("fan-forecast/1", "fan-forecast/2")
    with pytest.raises(PinError, match=r"names no bundle models/fan-other/…: give the function"):
        pins.changed(text, "fan-other", "models/fan-other/1", "e" * 64)
    with pytest.raises(PinError, match=r"line 6: FANWATCH_BUNDLE has no FANWATCH_BUNDLE_SHA256"):
        pins.find(text.replace("a" * 64, "a" * 63), "fan-anomaly")


def test_an_altered_bundle_and_a_version_that_is_taken_change_nothing(
    stack: Path, moved: Path, tmp_path: Path
) -> None:
    before = pins.read(stack)
    spoiled = Path(shutil.copytree(moved, tmp_path / "spoiled"))
    (spoiled / bundles.VALIDATION_FILE).write_text("")
    with pytest.raises(BundleError, match=r"validation\.csv is not the file"):
        install.plan(spoiled, stack)
    wrong = Path(shutil.copytree(moved, tmp_path / "wrong"))
    content = msgspec.json.decode((wrong / verified.METADATA).read_bytes())
    content["test_vector"]["probabilities"][0] = 0.5
    (wrong / verified.METADATA).write_bytes(msgspec.json.encode(content))
    with pytest.raises(BundleError, match="fails its test vector"):
        install.plan(wrong, stack)
    content["version"] = 1
    content["test_vector"] = msgspec.to_builtins(bundles.load(DEFAULT).metadata.test_vector)
    (wrong / verified.METADATA).write_bytes(msgspec.json.encode(content))
    with pytest.raises(InstallError, match=r"models/fan-anomaly/1 is another bundle .* --version 2"):
        install.plan(wrong, stack)
    assert pins.read(stack) == before
    assert [path.name for path in install.versions(stack)] == ["1"]


def test_what_changes_is_counted_on_the_rows_that_the_bundle_carries(stack: Path, moved: Path) -> None:
    plan = install.plan(moved, stack)
    assert plan.running is not None
    rows = install.rows_of(plan.bundle, None)
    found = install.compare(plan.running, plan.bundle, rows)
    assert found.after.n == len(rows.faulty) == 2000
    called = [
        probabilities_of(bundle, rows.features) >= bundle.metadata.threshold.value
        for bundle in (plan.running, plan.bundle)
    ]
    assert found.newly_faulty == int((called[1] & ~called[0]).sum()) > 0
    assert found.newly_healthy == 0
    assert found.gain == pytest.approx(np.mean(called[1] == rows.faulty) - np.mean(called[0] == rows.faulty))
    assert found.gain_interval[0] < found.gain < found.gain_interval[1]


def test_a_forecast_bundle_goes_the_same_way(stack: Path) -> None:
    forecast = DEFAULT.parents[1] / "fan-forecast/1"
    before = pins.read(stack)
    plan = install.plan(forecast, stack)
    assert plan.running is None
    install.install(plan)
    digest = kinds.load(forecast).digest
    assert pins.read(stack) == before.replace("b" * 64, digest)
    assert kinds.load(stack.parent / "models/fan-forecast/1", digest).model == "fan-forecast@1"
    assert install.plan(forecast, stack).in_use
    (stack.parent / "models/fan-forecast/1/model.tflite").write_bytes(b"")
    with pytest.raises(BundleError, match=r"model\.tflite is not the file"):
        kinds.load(stack.parent / "models/fan-forecast/1")


def test_a_running_bundle_that_cannot_be_read_is_said_and_stops_nothing(stack: Path, moved: Path) -> None:
    shutil.rmtree(stack.parent / "models/fan-anomaly/1")
    plan = install.plan(moved, stack)
    assert plan.running is None
    assert "models/fan-anomaly/1/model.json cannot be read" in plan.trouble
    install.install(plan)
    assert "models/fan-anomaly/2" in pins.read(stack)
