"""The report of a training or an evaluation: one HTML file that a newcomer to machine learning can read."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from training import leakage
from training.baselines import baselines, strangers
from training.evaluate import Evaluation
from training.report import data, money, result
from training.report.html_page import Section, keep, page, tiles, verdict, words
from training.report.subject import Subject, of_evaluation, of_training
from training.report.verdict import judge
from training.train import Trained

__all__ = ["Subject", "judge", "render", "save", "study", "study_of"]

STEPS = 5
"""Of `study`: what is counted in its `on_step`."""

_WORDS = (
    ("Threshold", "The probability from which a reading is called faulty."),
    ("Recall", "The share of faulty readings that are found."),
    ("Precision", "The share of alarms that are right."),
    ("False alarm", "A healthy reading that is called faulty."),
    ("AUROC", "How often a faulty reading gets a higher probability than a healthy one, all pairs compared."),
    (
        "95 % interval",
        "Where the figure would lie 95 times of 100, had other readings of the same kind been drawn.",
    ),
    (
        "Training, validation, test",
        "The rows that were learned from, that chose the threshold, and that judged.",
    ),
    ("Leakage", "Something in the data that gives the answer away and will not be there in service."),
)


def study(trained: Trained, source: str, on_step: Callable[[str], None] = lambda what: None) -> Subject:
    """Compare a training with other methods and look for leaks; `on_step` is told what comes next."""
    on_step("looking for leaks")
    leaks = leakage.check(trained.table)
    faulty = trained.table.faulty[trained.split.test]
    right = (trained.test_probabilities >= trained.threshold) == faulty
    found = []
    on_step("box rule")
    for baseline in baselines(trained.table, trained.split, right, trained.costs):
        found.append(baseline)
        on_step({1: "logistic regression", 2: "gradient boosting", 3: "devices left out"}[len(found)])
    return of_training(trained, source, leaks, found, strangers(trained.table))


def study_of(evaluation: Evaluation, source: str) -> Subject:
    """The same for the evaluation of an existing model, without other methods: there is nothing to train them on."""
    return of_evaluation(evaluation, source, leakage.check(evaluation.table))


def render(subject: Subject, now: datetime | None = None) -> str:
    """The report as HTML."""
    sentence, tone = judge(subject)
    kind = "trained on" if subject.trained else "evaluated on"
    written = f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    lead = verdict(sentence, tone) + tiles(result.shares(subject))
    foot = (
        f"<p>Written {written} by Fanwatch. {escape(subject.source)}: SHA-256 {subject.table.sha256}.</p>"
        "<p>This file is complete in itself: it loads nothing and runs nothing.</p>"
    )
    title = f"{subject.model}, {kind} {subject.source}"
    return page(title, "Fanwatch report", lead, list(_sections(subject)), foot)


def save(subject: Subject, path: Path) -> None:
    """Write the report; under its name it is whole."""
    keep(render(subject), path)


def _sections(subject: Subject) -> Iterator[Section]:
    yield data.section(subject)
    yield data.leakage(subject)
    if subject.trained:
        yield result.learning(subject)
    yield result.quality(subject)
    yield money.section(subject)
    if subject.baselines:
        yield result.comparison(subject)
    yield Section("words", "Words", words(_WORDS))
