"""The table of fans that differ from those learned from: its rows, and that its figures are those of an evaluation."""

from pathlib import Path

import pytest

from benchmarks import robust
from fanwatch.forecast import open_model
from simulator.history_files import Wanted, save
from simulator.physics import SCALED, Physics
from training.forecast.evaluate import followed_by
from training.forecast.history import read

WANTED = Wanted(fans=10, days=6, seed=22)
"""In which three fans fail."""


def test_every_number_of_the_simulator_is_moved_both_ways() -> None:
    factors: dict[str, list[float]] = {name: [] for name in SCALED}
    for row in robust.rows(WANTED.fans, WANTED.days, WANTED.seed):
        for name in SCALED:
            now, before = (getattr(physics, name) for physics in (row.wanted.physics, Physics()))
            if now != before:
                factor = now[1] / before[1] if isinstance(before, tuple) else now / before
                factors[name].append(round(factor, 6))
                assert row.goes_by(name) or row.name == "minute"
                assert ("+20 %" in row.label) == (factor > 1)
    assert {name for name, found in factors.items() if {0.8, 1.2} != set(found)} == set()


def test_its_figures_are_those_of_an_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--fans", str(WANTED.fans), "--days", str(WANTED.days), "--seed", str(WANTED.seed)]
    assert robust.main([*size, "--only", "nothing,missing"]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    assert [table.count("\n| ") for table in tables] == [3, 3]

    save(WANTED._replace(missing=0.1), tmp_path)
    found = followed_by(open_model(), read(tmp_path)).figures
    assert found["recall, 24 h notice"].value > 0
    for table, columns in zip(tables, (robust.NOTICE, robust.ALARMS), strict=True):
        assert robust.line("10 % of readings missing", found, columns) in table.splitlines()
        *_, plain, missing = (row.split(" | ", 1)[1] for row in table.splitlines())
        assert plain != missing


def test_what_is_no_row_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        robust.main(["--only", "noise,nose"])
    assert "nose is no row; there are nothing, weights, lives" in capsys.readouterr().err


def test_how_a_figure_is_written() -> None:
    half, none = robust.Figure(0.0375, 0.0, 1.0), robust.Figure(*[float("nan")] * 3)
    assert robust.text("24 h", half._replace(value=0.72345)) == ".723 (.000 to 1)"
    assert robust.text("recognised", half._replace(value=0.97949)) == ".979"
    assert robust.text("covers", half._replace(value=0.8334)) == ".83"
    assert robust.text("median lead h", half._replace(value=40.0)) == "40.0"
    assert robust.text("24 h", none) == "–"
