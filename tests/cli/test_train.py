"""`fanwatch train` and `fanwatch evaluate`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from fanwatch.bundles import anomaly as bundles
from simulator.history import save
from training.table import HistoryError


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """A small history."""
    file = tmp_path / "history.csv"
    save(2880, file, seed=4)
    return file


def answer(*arguments: str | Path) -> str:
    """What the command prints on standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_train_then_evaluate_for_scripts(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "models" / "5"
    said = json.loads(answer("train", "--csv", csv, "--out", out, "--epochs", "2", "--json", "--no-report"))
    bundle = bundles.load(out, said["sha256"])
    assert (bundle.model, said["bundle"], said["epochs"]) == ("fan-anomaly@5", str(out), 2)
    assert said["threshold"] == bundle.metadata.threshold.value
    metrics = json.loads(answer("evaluate", "--csv", csv, "--model", out, "--json"))
    assert metrics.keys() >= {"accuracy", "precision", "recall", "auroc", "confusion", "n"}
    assert metrics["n"] == sum(metrics["confusion"].values()) == 2880


def test_people_get_a_table_and_the_pin(csv: Path, tmp_path: Path) -> None:
    said = answer("train", "--csv", csv, "--out", tmp_path / "model", "--epochs", "1", "--version", "3")
    assert (tmp_path / "model-report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    bundle = bundles.load(tmp_path / "model")
    assert bundle.model == "fan-anomaly@3"
    assert f"fanwatch model use {tmp_path / 'model'}" in said
    assert "accuracy" in answer("evaluate", "--csv", csv, "--model", tmp_path / "model")


def test_a_file_that_is_no_history_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("a,b\n1,2\n")
    with pytest.raises(HistoryError, match="no column DeviceID"):
        answer("train", "--csv", tmp_path / "history.csv", "--out", tmp_path / "model")
