"""The report of a forecast's training or evaluation: one HTML file that a newcomer to machine learning can read."""

from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from fanwatch.forecast import ForecastModel, open_model
from training.forecast.evaluate import Evaluation, Followed, followed_by
from training.forecast.figures import Figure
from training.forecast.history import History, read
from training.forecast.outcomes import Outcomes
from training.forecast.trace import Trace
from training.forecast.train import FALSE_ALARMS, Say, split
from training.forecast.truth import Truth
from training.report import detection, history_section, tradeoffs
from training.report.html_page import Section, page, tiles, verdict, words

_WORDS: Final = (
    ("First sign", "When a fault begins that will stop the fan in the end."),
    ("Notice", "How long before a fan stopped somebody was told of it."),
    ("Risk", "How likely it is, the model says, that a fault is under way."),
    ("Episode", "One warning and what belongs to it; what comes back within six hours is the same one."),
    ("False alarm", "An episode without a fan's fault behind it."),
    ("Fan-month", "One fan for 30 days, or thirty fans for one."),
    ("Threshold", "The risk from which on people are told."),
    (
        "95 % interval",
        "Where the figure would lie 95 times of 100, had other fans of the same kind been drawn.",
    ),
)
_ENOUGH: Final = 0.9
_FEW: Final = 30
"""With fewer failures than these, no figure is sure."""


class Subject(NamedTuple):
    """What a report is about: a model, and how it followed the fans of a history."""

    model: ForecastModel
    source: str
    history: History
    """Of the fans that were followed."""
    trace: Trace
    true: Truth
    outcomes: Outcomes
    found: dict[str, dict[str, Figure]]
    """Model → name of the figure → figure; the model itself first."""
    costs: list[dict[str, float]]
    """See `figures.cost_curve`."""
    losses: list[float]
    """By epoch; none for an evaluation."""

    @property
    def own(self) -> dict[str, Figure]:
        """The model's figures."""
        return next(iter(self.found.values()))


def study(
    source: Path, model: Path, losses: list[float], *, seed: int = 1,
    say: Say = lambda what, done, total: None,
) -> Subject:  # fmt: skip
    """Of a training, with the losses of its epochs: follow those fans of the history in directory `source` that the
    model has not learned from, which `seed` says."""
    opened = open_model(model)
    held_back = split(read(source, partial(say, "reading")), seed)[1]
    followed = followed_by(opened, held_back, seed=seed, say=say)
    return _subject(opened, source.name, followed, {opened.name: followed.figures}, losses)


def study_of(evaluation: Evaluation, source: str) -> Subject:
    """Of an evaluation, on the history in a directory of that name."""
    return _subject(evaluation.model, source, evaluation.followed, evaluation.figures, [])


def _subject(
    model: ForecastModel,
    source: str,
    followed: Followed,
    found: dict[str, dict[str, Figure]],
    losses: list[float],
) -> Subject:
    history, trace, true, outcomes, _, costs = followed
    return Subject(model, source, history, trace, true, outcomes, found, costs, losses)


def render(subject: Subject, now: datetime | None = None) -> str:
    """The report as HTML."""
    sentence, tone = judge(subject)
    lead = verdict(sentence, tone) + tiles(detection.glance(subject.own, subject.history.months))
    written = f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    foot = (
        f"<p>Written {written} by Fanwatch. {escape(subject.source)}: SHA-256 of readings and events"
        f" {subject.history.sha256}.</p>"
        "<p>This file is complete in itself: it loads nothing and runs nothing.</p>"
    )
    kind = "trained on" if subject.losses else "evaluated on"
    title = f"{subject.model.name}, {kind} {subject.source}"
    return page(title, "Fanwatch report", lead, _sections(subject), foot)


def judge(subject: Subject) -> tuple[str, str]:
    """A sentence, and its tone: good, careful or bad."""
    own, failures = subject.own, len(subject.outcomes.foreseen)
    told_in_time = own["recall, 1 h notice"]
    false = (len(subject.outcomes.false) + len(subject.outcomes.by_instrument)) / subject.history.months
    if not failures:
        return "Nothing can be said: no fan of these failed.", "bad"
    said = (
        f"of {failures:,} failures it tells {told_in_time.value:.0%} an hour before or more and"
        f" {own['recall, 24 h notice'].value:.0%} a day before, half of them {own['median lead h'].value:.0f} h"
        f" before, with {false:.2f} false alarms a fan and month"
    )
    if not told_in_time.low > 0.5:
        return f"It is of no use yet: {said}.", "bad"
    doubts = []
    if failures < _FEW:
        doubts.append(f"with fewer than {_FEW} failures none of this is sure")
    if told_in_time.value < _ENOUGH:
        doubts.append("more than one in ten stops unannounced")
    if false > 2 * FALSE_ALARMS:
        doubts.append("that is more often than people will put up with")
    if doubts:
        return f"Usable with care: {said}; {', and '.join(doubts)}.", "careful"
    return f"Fit for use: {said}.", "good"


def _sections(subject: Subject) -> list[Section]:
    history, own = subject.history, subject.own
    sections = [
        history_section.section(
            history, subject.true, subject.model.edges, subject.source, trained=bool(subject.losses)
        )
    ]
    if subject.losses:
        sections.append(detection.learning(subject.losses))
    sections += [
        detection.early(history, subject.outcomes, subject.costs, subject.model.machine.warning),
        detection.modes(subject.outcomes, own),
        detection.probabilities(subject.trace, subject.true, own),
        detection.intervals(subject.trace, subject.true, own),
        detection.instruments(subject.outcomes, own),
        tradeoffs.costs(subject.costs, history.months, subject.model.machine.warning),
    ]
    if len(subject.found) > 1:
        sections.append(tradeoffs.baselines(subject.found))
    return [*sections, Section("words", "Words", words(_WORDS))]
