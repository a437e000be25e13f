"""The report of a forecast holds what was found, in one file that loads nothing."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from fanwatch.forecast import open_model
from simulator.history_files import Wanted, save
from simulator.physics import scaled
from training.forecast.evaluate import evaluate
from training.forecast.history import read
from training.report import forecast
from training.report.forecast import Subject, judge, render, study, study_of

MODEL = Path(__file__).parents[2] / "models/fan-forecast/1"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight fans for eight days that fail often."""
    directory = tmp_path_factory.mktemp("fleet") / "short"
    save(Wanted(fans=8, days=8, seed=3, physics=scaled({"healthy_h": 0.08, "life": 0.5})), directory)
    return directory


@pytest.fixture(scope="module")
def subject(history: Path) -> Subject:
    return study_of(evaluate(read(history), open_model(MODEL)), history.name)


def test_it_says_what_was_found_and_loads_nothing(subject: Subject) -> None:
    beside = subject._replace(found=subject.found | {"a baseline": subject.own})
    page = render(beside, NOW)
    assert not re.search(r"https?://|<script|<link|src=", page)
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "The data", "How early it tells", "Which failures", "Whether its risk can be believed",
        "When the fan will stop", "Broken sensors", "What it costs", "Beside other ways", "Words",
    ]  # fmt: skip
    assert len(set(re.findall(r'id="(\w+)"', page))) == len(titles)
    own = subject.own
    assert f"<b>{own['recall, 24 h notice'].value:.1%}</b>" in page
    assert f"{own['false alarms a fan-month'].value:.3f}" in page
    assert f"{own['false instrument episodes a fan-month'].value:.3f} times a fan-month" in page
    for mode in {each.mode for each in subject.outcomes.foreseen}:
        assert f"<td>{mode}</td>" in page
    assert not re.search(r"\bnan\b", page)


def test_that_of_a_training_is_about_the_fans_held_back_and_has_its_curve(history: Path) -> None:
    trained = study(history, MODEL, [3.0, 2.0, 1.5])
    assert len(trained.history.devices) == 2
    page = render(trained, NOW)
    assert "How it learned" in page
    assert "passed over its rows 3 times" in page


def test_the_verdict_follows_the_figures(subject: Subject) -> None:
    def judged(times: int, *told: float, false: int = 0) -> tuple[str, str]:
        outcomes = subject.outcomes._replace(
            foreseen=subject.outcomes.foreseen * times, false=[0] * false, by_instrument=[]
        )
        own = subject.own | {"recall, 1 h notice": forecast.Figure(*told)}
        return judge(subject._replace(outcomes=outcomes, found={"model": own}))

    failures = len(subject.outcomes.foreseen)
    sentence, tone = judged(10, 0.95, 0.9, 1.0)
    assert tone == "good"
    assert f"of {10 * failures} failures it tells 95%" in sentence
    assert judged(1, 0.95, 0.9, 1.0)[1] == "careful"
    assert judged(10, 0.85, 0.8, 0.9)[1] == "careful"
    assert judged(10, 0.95, 0.9, 1.0, false=5)[1] == "careful"
    assert judged(10, 0.3, 0.2, 0.4)[1] == "bad"
    assert judged(0, np.nan, np.nan, np.nan) == ("Nothing can be said: no fan of these failed.", "bad")
