"""Pictures of the dashboards: drawn from whatever a store holds, small enough to be kept."""

from pathlib import Path

import pytest
from PIL import Image

from dashboards.draw.__main__ import main
from tests.dashboards.fill import FAILING, WELL, Fleet
from tests.support.influx import Influx

NAMES = ["fan.png", "fleet.png", "model.png", "pipeline.png"]


def _colors(path: Path) -> int:
    with Image.open(path) as picture:
        assert picture.width == 1366
        return len(picture.convert("RGB").getcolors(1 << 20) or [])


def test_each_dashboard_is_a_picture_of_the_fleet(fleet: Fleet, tmp_path: Path) -> None:
    fans = ["--fan", FAILING, "--fan", WELL]
    assert main(["--url", fleet.store.url, "--out", str(tmp_path), "--now", str(fleet.now_ms), *fans]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    for path in tmp_path.iterdir():
        assert path.stat().st_size < 300_000
        assert _colors(path) > 50


def test_an_empty_store_is_drawn_too(empty: Influx, tmp_path: Path) -> None:
    assert main(["--url", empty.store.url, "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def test_a_store_that_is_away_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "http://127.0.0.1:9", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "does not answer" in said
