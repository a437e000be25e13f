"""Another kind of machine: one more sensor, and one whose values are small and have no limits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

CURRENT = """
[[sensors]]
name = "current"
label = "Current"
unit = "A"
digits = 2
usual = [3.0, 5.0]
worse = "up"
"""


@pytest.fixture
def kind(tmp_path: Path) -> dict[str, str]:
    """The environment of processes for which machines/fan.toml declares that kind."""
    shutil.copytree(ROOT / "machines", tmp_path / "machines", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "machines/fan.toml"
    text = file.read_text(encoding="utf-8")
    for before, after in (
        ('unit = ""\ndigits = 0\nusual = [100, 200]', 'unit = "g"\ndigits = 3\nusual = [0.02, 0.08]'),
        ("still = 20\n", "still = 0.002\n"),
        ("limits = [1, 1500]\n", ""),
    ):
        assert before in text
        text = text.replace(before, after)
    file.write_text(text + CURRENT, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_it_is_trained_and_scored_by_its_file_alone(tmp_path: Path, kind: dict[str, str]) -> None:
    def fanwatch(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments], env=kind, cwd=tmp_path, text=True, timeout=300,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    fanwatch("simulate", "history", "--rows", "4000", "--out", "history.csv")
    header = (tmp_path / "history.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert header == "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Current,Faulty"
    fanwatch("train", "--csv", "history.csv", "--out", "model", "--epochs", "3", "--report", "report.html")
    described = json.loads((tmp_path / "model/model.json").read_text(encoding="utf-8"))
    features = {feature["name"]: feature for feature in described["features"]}
    assert list(features) == ["rotation", "temperature", "vibration", "sound", "current"]
    assert features["vibration"]["unit"] == "g"
    assert features["vibration"]["plausible"] == features["current"]["plausible"] == [None, None]
    assert "| current | A |" in (tmp_path / "model/MODEL_CARD.md").read_text(encoding="utf-8")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "A reading is 5 numbers" in report
    assert "inf" not in report.replace("infinite", "").replace("information", "").replace("infer", "")
    found = json.loads(fanwatch("evaluate", "--csv", "history.csv", "--model", "model", "--json"))
    assert found["implausible"] == 0
    assert found["n"] == 4000


def test_a_model_for_other_sensors_is_refused_by_one_sentence(tmp_path: Path, kind: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "model", "show", str(ROOT / "models/fan-anomaly/1")], env=kind,
        cwd=tmp_path, text=True, timeout=60, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "is of a model for rotation, temperature, vibration, sound" in said
    assert "rotation, temperature, vibration, sound, current" in said
    assert "Traceback" not in done.stderr
