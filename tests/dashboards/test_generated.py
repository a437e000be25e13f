"""The committed files are what the code says, and a stale one is found."""

import shutil
from pathlib import Path

import pytest

from dashboards.__main__ import files, main, stale
from tests.support.grafana import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What is committed, to be changed."""
    shutil.copytree(ROOT / "infra/grafana", tmp_path / "infra/grafana")
    shutil.copytree(ROOT / "infra/telegraf", tmp_path / "infra/telegraf")
    return tmp_path


def test_committed_files_are_up_to_date() -> None:
    assert stale() == []
    assert main(["--check"]) == 0


def test_the_same_code_writes_the_same_bytes() -> None:
    assert files() == files()


def test_an_edited_file_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = copy / "infra/grafana/dashboards/fanwatch-fleet.json"
    edited.write_text(edited.read_text().replace("now-1h", "now-4h"))
    assert main(["--check", "--root", str(copy)]) == 1
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "Out of date: infra/grafana/dashboards/fanwatch-fleet.json; write them anew with: python -m dashboards"
    ]


def test_a_missing_and_a_left_over_file_are_named(copy: Path) -> None:
    (copy / "infra/grafana/dashboards/fanwatch-fan.json").unlink()
    (copy / "infra/grafana/dashboards/old.json").write_text("{}")
    assert [path.name for path in stale(copy)] == ["fanwatch-fan.json", "old.json"]


def test_writing_makes_them_up_to_date_again(copy: Path) -> None:
    shutil.rmtree(copy / "infra/grafana/dashboards")
    assert main(["--root", str(copy)]) == 0
    assert stale(copy) == []
