"""From a history file to a bundle: what comes out, and that nothing half done is left behind."""

import hashlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.single import compare
from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.bundles.engines import open_engine
from fanwatch.errors import BundleError
from simulator.boxes import ideal_rule
from simulator.history import history, save
from tests.support.flask_template import ROOT
from training.bundle_writer import check_target
from training.evaluate import evaluate, probabilities_of
from training.table import HistoryError
from training.train import Trained, TrainingError, train

DEFAULT = verified.locate(None)
TEST_ROWS = 201_600


def unseen(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Readings and labels that no training has seen."""
    days = list(history(rows, seed=2_000_000))
    return np.concatenate([day.readings for day in days]), np.concatenate([day.faulty for day in days])


def test_a_bundle_holds_both_engines_and_says_what_it_was_made_from(csv: Path, trained: Trained) -> None:
    bundle = bundles.load(trained.path, trained.digest)
    metadata = bundle.metadata
    assert bundle.model == "fan-anomaly@7"
    assert metadata.origin.data_sha256 == hashlib.sha256(csv.read_bytes()).hexdigest()
    assert metadata.origin.rows == {"train": 4032, "validation": 864, "test": 864}
    assert metadata.origin.settings["seed"] == 2
    assert metadata.metrics["n"] == 864
    assert 0.8 < metadata.metrics["accuracy"] == round(trained.test.accuracy, 6)
    assert [(feature.name, feature.unit) for feature in metadata.features][:2] == [
        ("rotation", "rpm"), ("temperature", "°C"),
    ]  # fmt: skip
    assert metadata.features[0].healthy.median == pytest.approx(600, abs=10)
    assert metadata.features[0].trained == pytest.approx((400, 700), abs=3)
    rows = unseen(1000)[0].astype(np.float32)
    first, second = (open_engine(bundle, engine).score(rows) for engine in ("litert", "tensorflow"))
    assert np.abs(first - second).max() <= 1e-5
    assert f"{metadata.threshold.value:g}" in (trained.path / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_evaluate_is_the_same_with_either_engine_and_counts_every_row(csv: Path, trained: Trained) -> None:
    first, second = (evaluate(csv, trained.path, engine=engine) for engine in ("litert", "tensorflow"))
    assert first.metrics.accuracy == pytest.approx(second.metrics.accuracy, abs=1e-3)
    answer = first.as_dict()
    assert answer.keys() >= {"accuracy", "precision", "recall", "auroc", "confusion", "n"}
    assert sum(first.metrics.confusion) == answer["n"] == 5760


def test_an_existing_bundle_is_replaced_whole_or_not_at_all(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    first = train(csv, out, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr("training.train.probabilities_of", fail)
        with pytest.raises(KeyboardInterrupt):
            train(csv, out, epochs=2)
        with pytest.raises(KeyboardInterrupt):
            train(csv, tmp_path / "other", epochs=1)
    assert bundles.load(out).digest == first.digest
    assert list(tmp_path.iterdir()) == [out]
    second = train(csv, out, epochs=2)
    assert bundles.load(out).digest == second.digest != first.digest
    assert list(tmp_path.iterdir()) == [out]


def test_a_sensor_that_never_changes_does_no_harm(csv: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in csv.read_text().splitlines()]
    stuck = tmp_path / "stuck.csv"
    stuck.write_text(
        "\n".join(",".join([*row[:5], row[5] if row[5] == "Sound" else "50", row[6]]) for row in rows)
    )
    trained = train(stuck, tmp_path / "out", epochs=2)
    assert trained.test.accuracy > 0.7
    assert evaluate(stuck, tmp_path / "out", engine="litert").metrics.auroc is not None


def fail(*_: object) -> None:
    """Ctrl-C when the files are written."""
    raise KeyboardInterrupt


def test_something_else_in_the_directory_is_never_touched(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="no model bundle"):
        train(csv, tmp_path)
    with pytest.raises(TrainingError, match="no model bundle"):
        train(csv, tmp_path / "thesis.txt")


def test_a_history_or_a_bundle_that_cannot_be_used_is_named(csv: Path, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"nothing\.csv"):
        train(tmp_path / "nothing.csv", tmp_path / "out")
    with pytest.raises(BundleError, match=r"out/model\.json"):
        evaluate(csv, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_default_model_is_within_two_thousandths_of_the_ideal_rule() -> None:
    model, ideal = compare(bundles.load(DEFAULT), TEST_ROWS, seed=2_000_000)
    assert model.n == ideal.n == TEST_ROWS
    assert ideal.accuracy - 0.002 <= model.accuracy <= ideal.accuracy
    assert model.auroc is not None
    assert model.auroc == pytest.approx(ideal.auroc, abs=0.002)


def test_the_ideal_rule_beside_it_is_the_simulators() -> None:
    readings, faulty = unseen(5000)
    ideal = compare(bundles.load(DEFAULT), 5000, seed=2_000_000).ideal
    assert ideal.accuracy == (ideal_rule(readings) == faulty).mean()


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


def test_the_documented_command_gives_the_default_bundle_again(tmp_path: Path) -> None:
    """`make model`, in a process of its own, for TensorFlow keeps the settings of its first use."""
    save(60_480, tmp_path / "history.csv", seed=1)
    code = "import sys; from pathlib import Path; from training.train import train; train(*map(Path, sys.argv[1:]))"
    ended = run(code, str(tmp_path / "history.csv"), str(tmp_path / "1"))
    assert ended.returncode == 0, ended.stderr
    again, default = bundles.load(tmp_path / "1"), bundles.load(DEFAULT)
    assert again.metadata.origin == default.metadata.origin, "run `make model` and commit what it gives"
    if again.read(verified.LITERT_FILE) != default.read(verified.LITERT_FILE):
        readings = unseen(10_000)[0]
        first, second = probabilities_of(again, readings), probabilities_of(default, readings)
        assert np.abs(first - second).mean() < 0.01
        pytest.skip("This kind of CPU gives other last bits: the bundle is equivalent, not identical.")
    assert again.metadata.files == default.metadata.files
    assert again.digest == default.digest


def started(out: Path, csv: Path) -> subprocess.Popen[str]:
    """A training that takes minutes, in a process of its own, while it learns."""
    code = (
        # Whatever started the tests may have it ignored, as a shell does for what runs in its background.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys; from pathlib import Path; from training.train import train\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]), epochs=5000,"
        " on_epoch=lambda epoch, loss: print(epoch, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(csv), str(out)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "1"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_training_leaves_the_old_bundle_and_nothing_else(
    csv: Path, trained: Trained, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "model"
    shutil.copytree(trained.path, out)
    process = started(out, csv)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert bundles.load(out).digest == trained.digest
    assert list(tmp_path.iterdir()) == [out]


def test_killed_while_the_bundle_is_written_the_old_one_comes_back_with_the_next_call(
    csv: Path, trained: Trained, tmp_path: Path
) -> None:
    """In the one moment at which no bundle has its name."""
    out = tmp_path / "model"
    shutil.copytree(trained.path, out)
    code = (
        "import os, signal, sys; from pathlib import Path; from training import bundle_writer\n"
        "rename = os.rename\n"
        "def once(old, new):\n rename(old, new)\n os.kill(os.getpid(), signal.SIGKILL)\n"
        "bundle_writer.os.rename = once\n"
        "with bundle_writer.directory(Path(sys.argv[1])) as fresh: (fresh / 'half').write_text('')"
    )
    assert run(code, str(out)).returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(list(tmp_path.iterdir())) == 1
    check_target(out)
    assert bundles.load(out).digest == trained.digest
    assert list(tmp_path.iterdir()) == [out]


def test_without_the_training_packages_one_line_says_what_to_do(csv: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(keras=None, tensorflow=None)\n"
        "from pathlib import Path; from training.train import train; train(*map(Path, sys.argv[1:]))"
    )
    ended = run(code, str(csv), str(tmp_path / "out"))
    last = ended.stderr.splitlines()[-1]
    assert last.endswith("Training needs keras, which is not installed: run `make install`.")


def test_evaluation_does_not_import_tensorflow(csv: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from training.evaluate import evaluate\n"
        "evaluate(*map(Path, sys.argv[1:])); sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    code = code.replace(
        "evaluate(*map(Path, sys.argv[1:]))", "evaluate(*map(Path, sys.argv[1:]), engine='litert')"
    )
    assert run(code, str(csv), str(DEFAULT)).returncode == 0
