"""`fanwatch threshold` and `fanwatch model`."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from fanwatch.bundles import anomaly as bundles
from fanwatch.errors import SettingsError
from simulator.history_files import Wanted, save
from simulator.physics import scaled
from tests.support.up import ROOT
from training.rows import HistoryError

DEFAULT = ROOT / "models/fan-anomaly/1"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout's stack.yml with the default bundle, somewhere else, and nothing that runs there."""
    shutil.copytree(DEFAULT, tmp_path / "site/models/fan-anomaly/1")
    file = Path(shutil.copy(ROOT / "stack.yml", tmp_path / "site"))
    monkeypatch.setenv("FANWATCH_STACK", str(file))
    monkeypatch.setenv("FANWATCH_STATE_DIR", str(tmp_path / "state"))
    return file


def answer(*arguments: str | Path, code: int = 0) -> str:
    """What the command prints on standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_from_a_moved_threshold_to_the_model_in_use(stack: Path, tmp_path: Path) -> None:
    out = tmp_path / "moved"
    said = answer(
        "threshold", "--model", DEFAULT, "--out", out, "--miss-cost", "20", "--false-alarm-cost", "2"
    )
    assert "cost of both" in said
    assert bundles.load(out).model == "fan-anomaly@2"
    before = stack.read_text()
    tried = answer("model", "use", out, "--dry-run")
    assert "Nothing was changed." in tried
    assert stack.read_text() == before
    used = answer("model", "use", out)
    assert "On 2,000 of fan-anomaly@2's validation rows" in used
    assert "would now be called faulty" in used
    assert "Nothing runs here" in used
    listed = json.loads(answer("model", "list", "--json"))
    assert [(row["model"], row["in_use"]) for row in listed] == [
        ("fan-anomaly@1", False),
        ("fan-anomaly@2", True),
    ]
    again = json.loads(answer("model", "use", out, "--json"))
    assert (again["running"], again["sha256"]) == ("fan-anomaly@2", listed[1]["sha256"])
    assert answer("model", "show", out).startswith("# fan-anomaly, version 2")
    assert "fan-anomaly@2" in answer("model", "list")


def test_costs_or_a_value_and_not_both(stack: Path, tmp_path: Path) -> None:
    for arguments in ((), ("--value", "0.4", "--miss-cost", "3")):
        said = answer("threshold", "--model", DEFAULT, "--out", tmp_path / "out", *arguments, code=2)
        assert "or --value" in said.replace("\n", " ")


def test_two_forecasts_live_through_one_history(stack: Path, tmp_path: Path) -> None:
    running = shutil.copytree(ROOT / "models/fan-forecast/1", stack.parent / "models/fan-forecast/1")
    bundle = shutil.copytree(running, tmp_path / "2")
    file = bundle / "model.json"
    described = json.loads(file.read_text())
    described["version"] = 2
    described["machine"] |= {"warning": 0.999, "alarm": 0.9995}
    file.write_text(json.dumps(described))
    save(Wanted(fans=6, days=9, seed=3, physics=scaled({"healthy_h": 0.08, "life": 0.5})), tmp_path / "fleet")
    alone = answer("model", "use", bundle, "--dry-run")
    assert "not to be compared" in alone.replace("\n", " ")
    found = json.loads(answer("model", "use", bundle, "--history", tmp_path / "fleet", "--dry-run", "--json"))
    before, after = (next(iter(found[side]["figures"].values())) for side in ("before", "after"))
    # Nothing but the threshold sets them apart.
    assert before["recall, 1 h notice"][0] > after["recall, 1 h notice"][0]
    command = ["model", "use", str(bundle), "--dry-run", "--history", str(tmp_path / "fleet")]
    done = CliRunner().invoke(app, command)
    assert "fan-forecast@1 (in use)" in done.stdout
    assert "values that no working sensor gives count as missing" in " ".join(done.stderr.split())
    readings = tmp_path / "fleet/readings.csv"
    readings.write_text("".join(readings.read_text().splitlines(keepends=True)[:31]))
    short = CliRunner().invoke(app, command)
    assert isinstance(short.exception, HistoryError)
    assert "nothing can be said of a forecast with less than a day" in str(short.exception)
    for other, option, word in ((bundle, "--csv", "--history"), (DEFAULT, "--history", "--csv")):
        result = CliRunner().invoke(app, ["model", "use", str(other), option, str(tmp_path)])
        assert isinstance(result.exception, SettingsError)
        assert f"compare it with {word}" in str(result.exception)
