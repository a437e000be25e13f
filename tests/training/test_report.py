"""The report: complete in itself, true to the figures, and plain about what gives the label away."""

import html.parser
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.history import save
from training import leakage, report
from training.baselines import box_rule
from training.evaluate import evaluate
from training.report.subject import Subject
from training.report.verdict import percent
from training.split import split
from training.table import read
from training.train import Trained


class Outline(html.parser.HTMLParser):
    """Open tags, anchors and everything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found: dict[str, Any] = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        self.links += [found["href"]] if tag == "a" else []
        self.fetched += [tag] if tag in ("script", "link", "img", "iframe") or "src" in found else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def subject(trained: Trained) -> Subject:
    """The training, compared."""
    return report.study(trained, "history <1>.csv")


def test_it_is_one_file_that_fetches_nothing_and_holds_every_part(subject: Subject) -> None:
    page = report.render(subject)
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert outline.fetched == []
    assert not re.search(r"https?:|url\(|@import", page)
    assert {link.removeprefix("#") for link in outline.links} == outline.ids == {
        "data", "leakage", "learning", "quality", "costs", "comparison", "words",
    }  # fmt: skip
    assert page.count("<svg") == 4 + 1 + 4 + 2 + 1
    assert "NaN" not in page
    assert "history &lt;1&gt;.csv" in page
    assert "history <1>.csv" not in page
    for words in ("Gradient boosting", "Logistic regression", "Box rule", report.judge(subject)[0]):
        assert words in page
    caught = subject.metrics.confusion.true_positive
    assert f"<b>{caught:,}</b>found" in page
    assert len(page.encode()) < 500_000


def test_the_rivals_are_judged_on_the_same_rows_and_json_has_everything(subject: Subject) -> None:
    assert [baseline.name for baseline in subject.baselines] == [
        "Box rule",
        "Logistic regression",
        "Gradient boosting",
    ]
    assert {baseline.metrics.n for baseline in subject.baselines} == {subject.metrics.n} == {864}
    for baseline in subject.baselines:
        assert baseline.gain == pytest.approx(subject.metrics.accuracy - baseline.metrics.accuracy)
        assert baseline.sure["accuracy"][0] < baseline.metrics.accuracy < baseline.sure["accuracy"][1]
    assert subject.baselines[1].verdict == "worse"
    assert subject.strangers is not None
    assert subject.strangers.accuracy == pytest.approx(0.945, abs=0.02)
    found = subject.as_dict()
    assert found.keys() >= {
        "accuracy",
        "confusion",
        "intervals",
        "leakage",
        "baselines",
        "unseen_devices",
        "costs",
    }


def test_the_box_rule_learns_the_range_of_healthy_readings() -> None:
    random = np.random.default_rng(1)
    features = random.uniform([500, 35, 100, 45], [700, 45, 200, 52], (2000, 4))
    score = box_rule(features, np.zeros(2000, dtype=bool))
    inside, edge, outside = score(
        np.array([[600, 40, 150, 48.5], [501, 40, 150, 48.5], [480, 40, 150, 48.5]])
    )
    assert inside < 0.2 < 0.95 < edge < outside == 1


def test_columns_and_devices_that_give_the_label_away_are_named(tmp_path: Path) -> None:
    """The first tutorial's trap: whole fans are faulty. And a column that was filled in afterwards."""
    save(43_200, tmp_path / "history.csv", seed=3)
    header, *lines = (tmp_path / "history.csv").read_text().splitlines()
    rows = []
    for number, line in enumerate(lines):
        cells = line.split(",")
        cells[0] = f"fan-{'bad' if cells[-1] == '1' else 'good'}-{number % 3}"
        cells[1] = cells[1][:-2] + f"{number % 10:02}"
        rows.append(",".join([*cells, "E17" if cells[-1] == "1" and number % 20 else "ok", str(number)]))
    file = tmp_path / "leaky.csv"
    file.write_text("\n".join([f"{header},Status,Ticket", *rows]))
    table = read(file)
    leaks = {leak.column: leak for leak in leakage.check(table)}
    assert [name for name, leak in leaks.items() if leak.given_away] == ["DeviceID", "Status"]
    assert leaks["DeviceID"].accuracy == 1.0
    assert leaks["Status"].accuracy == pytest.approx(0.975, abs=0.02)
    assert leaks["Ticket"].accuracy == pytest.approx(0.5, abs=0.1)
    assert sorted(name for name, _ in table.quality.one_sided) == [
        f"fan-{kind}-{n}" for kind in ("bad", "good") for n in range(3)
    ]
    assert table.notes[-1].startswith("No device ever changes its label")


def test_a_sensor_that_is_the_label_is_a_bad_verdict(trained: Trained, subject: Subject) -> None:
    better = [baseline for baseline in subject.baselines if baseline.verdict == "better"]
    if better:
        sentence, tone = report.judge(subject)
        assert tone == "careful"
        assert f"{max(better, key=lambda baseline: baseline.metrics.accuracy).named} is right for" in sentence
    fair = subject._replace(
        baselines=[baseline for baseline in subject.baselines if baseline not in better], strangers=None
    )
    sentence, tone = report.judge(fair)
    assert tone == "good"
    assert sentence.startswith("Fit for use: of 864 readings it had not seen, it finds ")
    rule = trained.table.features[:, 0] < 560
    spoiled = trained.table._replace(faulty=rule)
    found = subject._replace(leaks=leakage.check(spoiled), table=spoiled)
    sentence, tone = report.judge(found)
    assert tone == "bad"
    assert sentence.startswith("Do not trust these figures: Rotation alone tells the label for ")
    useless = subject._replace(
        sure={"accuracy": (0.48, 0.52)}, metrics=subject.metrics._replace(accuracy=0.5)
    )
    assert report.judge(useless)[1] == "bad"


def test_an_evaluation_has_a_report_too_without_what_only_training_knows(
    csv: Path, trained: Trained, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    report.save(report.study_of(evaluate(csv, trained.path, engine="litert"), csv.name), page)
    outline = Outline()
    outline.feed(page.read_text(encoding="utf-8"))
    assert outline.ids == {"data", "leakage", "quality", "costs", "words"}
    assert list(tmp_path.iterdir()) == [page]


def test_a_share_is_never_rounded_to_all_or_none() -> None:
    assert [percent(value) for value in (1.0, 0.99999, 0.915, 0.0001, 0.0)] == [
        "100 %", "over 99.9 %", "91.5 %", "under 0.1 %", "0 %",
    ]  # fmt: skip


def test_the_split_does_not_depend_on_the_seed_of_a_training(trained: Trained) -> None:
    assert trained.metadata.origin.settings["seed"] == 2
    assert all((a == b).all() for a, b in zip(split(trained.table.faulty), trained.split, strict=True))
