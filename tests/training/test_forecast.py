"""From a fleet's history to a forecast bundle and its figures, on a fleet small enough for a test."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.evaluate import app as evaluate_app
from cli.main import app
from cli.train import app as train_app
from fanwatch.errors import BundleError
from fanwatch.forecast import BIN_MS, open_model
from fanwatch.forecast.bundle import load
from fanwatch.forecast.verdict import INSTRUMENT, WARNING
from fanwatch.forecast.windows import NAMES
from simulator.history_files import Wanted, save
from simulator.physics import scaled
from training.bundle_writer import TrainingError
from training.forecast import baselines, figures, thresholds, truth
from training.forecast.augmentation import varied
from training.forecast.evaluate import evaluate
from training.forecast.history import FOREVER_MS, Broken, Fault, History, HistoryError, read
from training.forecast.outcomes import compare, mistaken
from training.forecast.trace import Episode, Trace, at_threshold
from training.forecast.train import Trained, folded, train


@pytest.fixture(autouse=True, scope="module")
def enough_failures() -> Iterator[None]:
    """The few that there are choose the thresholds at once, which is five times as quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.forecast.train._ENOUGH_FAILURES", 1)
        yield


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve fans for nine days that fail often."""
    directory = tmp_path_factory.mktemp("history")
    save(Wanted(fans=12, days=9, seed=3, physics=scaled({"healthy_h": 0.08, "life": 0.5})), directory)
    return directory


@pytest.fixture(scope="module")
def trained(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A bundle, hardly trained."""
    return train(history, tmp_path_factory.mktemp("models") / "2", version=2, epochs=2)


def test_a_trained_bundle_opens_in_both_engines_which_agree(trained: Trained) -> None:
    lite, full = (open_model(trained.path, trained.digest, engine) for engine in ("litert", "tensorflow"))
    rows = np.random.default_rng(1).uniform(-1, 2, (70, len(NAMES))).astype(np.float32)
    for ours, theirs in zip(lite.score(rows), full.score(rows), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert lite.name == "fan-forecast@2"
    quantiles = lite.score(rows).hours
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    alone = np.concatenate([lite.score(rows[i : i + 1]).risk for i in range(5)])
    assert np.array_equal(alone, lite.score(rows).risk[:5])


def test_an_altered_bundle_is_refused(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "2"
    import shutil

    shutil.copytree(trained.path, copy)
    with pytest.raises(BundleError, match="pinned"):
        open_model(copy, "0" * 64)
    content = bytearray((copy / "model.tflite").read_bytes())
    content[100] ^= 1
    (copy / "model.tflite").write_bytes(content)
    with pytest.raises(BundleError, match="not the file"):
        open_model(copy)


def test_the_same_history_and_seed_give_the_same_bytes(
    history: Path, trained: Trained, tmp_path: Path
) -> None:
    again = train(history, tmp_path / "2", version=2, epochs=2)
    # Within one process, TensorFlow numbers the functions of a graph on: only their names differ then.
    for name in ("model.tflite", "saved_model/variables/variables.data-00000-of-00001", "MODEL_CARD.md"):
        assert (again.path / name).read_bytes() == (trained.path / name).read_bytes()


def test_an_interrupted_training_leaves_what_was_there(history: Path, tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what.startswith("following"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(history, tmp_path / "models" / "1", epochs=1, say=interrupt)
    assert list((tmp_path / "models").iterdir()) == []


def test_the_commands_train_and_evaluate_and_print_what_scripts_read(history: Path, trained: Trained) -> None:
    found = evaluate(read(history), open_model(trained.path)).as_dict()
    assert found["failures"] >= 8
    ours = found["figures"]["fan-forecast@2"]
    assert {"recall, 1 h notice", "median lead h", "interval covers", "Brier"} <= ours.keys()
    assert ours["false instrument episodes a fan-month"][0] is not None
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    costs = [point["false"] for point in found["cost_curve"]]
    assert costs[0] >= costs[-1]


def test_a_rival_learns_until_it_has_learned_and_where_it_could_not_a_sentence_says_so(
    history: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.exceptions import ConvergenceWarning

    own = read(history)
    edges = own.edges()
    # The others take their time, and do not belong here.
    monkeypatch.setattr(baselines, "boosting", lambda rows, seed: baselines.box(edges))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert baselines.single(baselines.training_rows(own, edges, 1, lambda *_: None), 1).note == ""
        monkeypatch.setattr(baselines, "_ROUNDS", 2)
        command = [
            "forecast",
            "--model",
            str(trained.path),
            "--history",
            str(history),
            "--against",
            str(history),
        ]
        done = CliRunner().invoke(evaluate_app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert 'The net of "single readings, 3 h mean" was still learning when its 2 rounds were over' in said
    ours, *others = json.loads(done.stdout)["figures"].values()
    told = {name for name in ours if "instrument" in name}
    assert len(told) == 5
    assert [told & other.keys() for other in others] == [{"warnings by instruments a fan-month"}] * 2


def test_the_training_says_what_was_put_right_and_how_to_use_what_came_out(
    history: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    done = CliRunner().invoke(
        train_app, ["forecast", "--history", str(history), "--out", str(out), "--epochs", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "values that no working sensor gives count as missing" in " ".join(done.stderr.split())
    assert done.stdout.splitlines()[-1] == f"To put it to use: fanwatch model use {out}"
    assert load(out).model == "fan-forecast@1"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["fan-01,2026-01-01 00:00:00,2026-01-02 00:00:00,,fault,bearing"], None),
        (["fan-01,2026-01-01T00:00:00Z,,2026-01-02T00:00:00Z,fault,"], None),
        (["fan-01,2026-01-03 00:00:00,2026-01-02 00:00:00,,fault,bearing"], "do not follow each other"),
        (["fan-01,,,,fault,bearing"], "line 2: Start is empty"),
        (["fan-01,soon,,,fault,bearing"], "line 2: Start 'soon'"),
        (["fan-01,2026-01-01 00:00:00,,,instrument,vibration:melted"], "Mode such as vibration:stuck"),
        (["fan-01,2026-01-01 00:00:00"], "line 2 has 2 values"),
    ],
)
def test_events_are_read_or_refused_by_line(tmp_path: Path, rows: list[str], words: str | None) -> None:
    (tmp_path / "readings.csv").write_text(
        "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty\nfan-01,2026-01-01 00:00:00,600,40,150,48,0\n"
    )
    (tmp_path / "events.csv").write_text(
        "DeviceID,Start,Failure,Repaired,Kind,Mode\n" + "\n".join(rows) + "\n"
    )
    if words is None:
        assert len(read(tmp_path).faults) == 1
        return
    with pytest.raises(HistoryError) as error:
        read(tmp_path)
    assert words in str(error.value)


def test_too_few_failures_cannot_be_learned_from(tmp_path: Path) -> None:
    save(Wanted(fans=4, days=4, seed=1), tmp_path)
    with pytest.raises(TrainingError, match="failures of the fans"):
        train(tmp_path, tmp_path / "model")


def _case(
    faults: list[Fault], broken: list[Broken], told: list[tuple[int, int, int]]
) -> tuple[float, int, int]:
    """Lead of the one fault, false alarms, and those by instruments; `told`: fan, first bin, last bin."""
    bins, fans = 1000, 2
    nothing = np.zeros((bins, fans), np.int8)
    risk = np.zeros((bins, fans), np.float32)
    for fan, first, last in told:
        risk[first - 1 : last + 1, fan] = 0.9
    trace = Trace(
        0,
        nothing,
        risk,
        risk / 2,
        np.empty((bins, fans, 2)),
        nothing,
        np.empty((0, fans, 4), np.int8),
        np.empty((0, fans, 3)),
    )
    times = np.array([0, (bins - 1) * BIN_MS])
    those = History(["a", "b"], times, np.array([0, 1]), np.zeros((2, 4)), faults, broken, "")
    outcomes = compare(those, trace, at_threshold(trace.risk, 0.5))
    lead = outcomes.foreseen[0].lead_h if outcomes.foreseen else 0.0
    return lead, len(outcomes.false), len(outcomes.by_instrument)


def test_what_counts_as_foreseen_false_and_an_instruments() -> None:
    fault = Fault(0, 300 * BIN_MS, 600 * BIN_MS, 660 * BIN_MS, "bearing")
    stuck = Broken(1, 300 * BIN_MS, 400 * BIN_MS, 2, "stuck")
    assert _case([fault], [], []) == (0.0, 0, 0)
    lead, false, by_instrument = _case([fault], [], [(0, 450, 599)])
    assert (round(lead, 2), false, by_instrument) == (round(149 / 6, 2), 0, 0)
    assert _case([fault], [], [(0, 100, 110)]) == (0.0, 1, 0)
    assert _case([fault], [], [(0, 100, 110), (0, 140, 150)])[1] == 1, (
        "less than six hours apart: one episode"
    )
    assert _case([fault], [], [(1, 450, 599)]) == (0.0, 1, 0)
    assert _case([fault], [stuck], [(1, 350, 360)]) == (0.0, 0, 1)
    assert _case([fault], [], [(0, 299, 599)])[0] <= 50, "no lead before the first sign"


def test_an_instruments_episode_is_false_where_it_meets_no_instruments_fault() -> None:
    state, none = np.zeros((1000, 3), np.int8), np.empty((1000, 3))
    for fan, first, last in ((0, 100, 150), (0, 180, 190), (0, 500, 501), (1, 400, 410), (2, 300, 310)):
        state[first : last + 1, fan] = INSTRUMENT
    state[700, 2] = WARNING
    trace = Trace(0, state, none, none, none, state, state, none)
    faults = [Fault(1, 300 * BIN_MS, 600 * BIN_MS, 660 * BIN_MS, "bearing")]
    broken = [
        Broken(0, 450 * BIN_MS, 464 * BIN_MS, 2, "stuck"),
        Broken(2, 310 * BIN_MS, FOREVER_MS, -1, "silent"),
    ]
    history = History(
        ["a", "b", "c"], np.array([0, 999 * BIN_MS]), np.array([0, 1]), np.zeros((2, 4)), faults, broken, ""
    )
    assert mistaken(history, trace) == [0, 1], (
        "two runs of one episode, and a failing fan taken for its sensor"
    )


def test_intervals_are_moved_apart_until_they_cover_four_in_five() -> None:
    random = np.random.default_rng(1)
    bins, fans = 400, 10
    hours = random.lognormal(3, 0.5, (bins, fans)).astype(np.float32)
    told = np.full((bins, fans, 3), 20, np.float32)
    nothing = np.zeros((bins, fans), np.int8)
    risk = np.ones((bins, fans), np.float32)
    rest = (np.empty((0, fans, 2)), nothing, np.empty((0, fans, 4), np.int8), told)
    trace = Trace(0, nothing, risk, risk, *rest)
    flags = np.ones((bins, fans), np.bool_)
    true = truth.Truth(
        0, flags, ~flags, hours, np.zeros((bins, fans, 4), np.bool_), np.zeros((bins, fans, 4), np.int8)
    )
    low, high = thresholds.wider(trace, told, true, 0.5, 10_000)
    covered = (np.log1p(20) - low <= np.log1p(hours)) & (np.log1p(hours) <= np.log1p(20) + high)
    assert covered.mean() == pytest.approx(0.8, abs=0.01)
    assert (thresholds.wider(trace, told, true, 0.5, 20) > (low, high)).all(), "few failures: farther apart"


def test_intervals_of_figures_come_from_drawing_fans() -> None:
    from training.forecast.outcomes import Foreseen, Outcomes

    foreseen = [Foreseen(fan, "motor", 50.0, 30.0 if fan % 2 else 0.0, None, None) for fan in range(40)]
    alarms = Outcomes([each._replace(lead_h=each.lead_h / 2) for each in foreseen], [], [7], [])
    found = figures.events(Outcomes(foreseen, [0, 1, 2], [], []), 40, 80.0, alarms=alarms)
    assert found["recall, 24 h notice"].value == 0.5
    assert found["recall, 24 h notice"].low < 0.45 < 0.55 < found["recall, 24 h notice"].high
    assert found["false alarms a fan-month"].value == pytest.approx(3 / 80)
    assert found["alarm, 24 h notice"].value == 0
    assert found["alarms by instruments a fan-month"].value == pytest.approx(1 / 80)


def test_the_changed_copy_drifts_where_its_events_say_so_and_the_fans_stay_as_they_were(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.forecast.augmentation._NOISE", 0.0)
    own = read(history)
    edges = own.edges()
    both = varied(own, edges, 3)
    fans = len(own.devices)
    mine = both.fan < fans
    assert np.array_equal(both.values[mine], own.values)
    assert np.array_equal(both.time_ms[mine], own.time_ms)
    added = [each for each in both.broken[len(own.broken) :] if each.cause == "drift"]
    assert added
    assert min(each.fan for each in added) >= fans
    off = np.abs(both.values[~mine] - own.values) / (edges[:, 1] - edges[:, 0])
    inside = np.zeros(off.shape, np.bool_)
    for each in added:
        rows = (own.fan == each.fan - fans) & (own.time_ms >= each.start_ms) & (own.time_ms < each.over_ms)
        inside[rows, each.sensor] = True
    assert off[~inside].max() < 0.5
    assert off[inside].max() > 0.5
    assert np.array_equal(both.values[~mine] == 0, own.values == 0), "a stop stays one"


def test_few_failures_make_every_fan_choose_in_turn(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.forecast.train._ENOUGH_FAILURES", 100)
    own = read(history)
    learned, folds = folded(own, 1)
    assert len(folds) == 3
    assert learned is own
    assert sorted(np.concatenate(folds)) == list(range(len(own.devices)))
    train(history, tmp_path / "1", epochs=1)
    assert load(tmp_path / "1").metadata.chosen.endswith("on 12 validation fans")


def test_help_names_the_sub_commands() -> None:
    result = CliRunner().invoke(app, ["train", "forecast", "--help"])
    assert result.exit_code == 0
    assert "--false-alarms" in result.output
    assert Episode(0, 1, 2).told == 1
