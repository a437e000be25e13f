"""The forecast report's sections on what was foreseen: how early, which failures, and how surely."""

from html import escape
from typing import Final

import numpy as np

from fanwatch.messages.alarm import INSTRUMENT_CAUSES
from training.forecast.figures import Figure
from training.forecast.history import History
from training.forecast.outcomes import Outcomes
from training.forecast.trace import Trace
from training.forecast.truth import HEAVIEST, Truth
from training.report.html_page import Section, beside, figure, paragraph, table
from training.report.numbers import cell, share, sure, value
from training.report.svg import Plot, axis

_BUCKETS: Final = 10
_FEWEST: Final = 30
"""Bins in a bucket below which it is not drawn."""
_MANY: Final = 1.0
"""False alarms a fan-month beyond which nobody would use a threshold."""
_LEFT_H: Final = (0, 6, 12, 24, 48, 96, 192)


def glance(own: dict[str, Figure], months: float) -> list[tuple[str, str, str]]:
    """The figures at the top of the page."""
    of = f"{months:,.0f} fan-months"
    return [
        (share(own["recall, 1 h notice"]), "told an hour before or more", sure(own["recall, 1 h notice"])),
        (share(own["recall, 24 h notice"]), "told a day before or more", sure(own["recall, 24 h notice"])),
        (
            value(own["median lead h"], 0) + " h",
            "before the stop, half of them",
            sure(own["median lead h"], 0),
        ),
        (value(own["false alarms a fan-month"]), "false alarms a fan and month", of),
    ]


def learning(losses: list[float]) -> Section:
    """How the loss fell."""
    plot = Plot(
        "Loss by epoch on the rows that were learned from",
        axis(1, max(2, len(losses)), "pass over the training rows (epoch)"),
        axis(min(0.0, *losses), max(losses), "loss"),
    )
    plot.line(list(range(1, len(losses) + 1)), losses, "ours")
    caption = (
        "<b>How to read it:</b> the line should fall and then run level. Where it still falls at the end, more epochs"
        " would help; where it is level from the start, nothing was learned."
    )
    text = paragraph(
        f"The network passed over its rows {len(losses)} times. The loss has four parts: whether a fault is under way,"
        " the hours to the stop, which sensor drifts, and in which the fault shows most. Everything below is measured"
        " on fans that it has not learned from; they chose the threshold and the width of the interval, however, so"
        " that fans seen by neither may give a little less: `fanwatch evaluate forecast` says it of such fans."
    )
    return Section("learning", "How it learned", beside([figure(plot.svg(), caption), f"<div>{text}</div>"]))


def early(history: History, outcomes: Outcomes, curve: list[dict[str, float]], warning: float) -> Section:
    """Notice against false alarms, and how long before a stop people are told."""
    lead = np.array([each.lead_h for each in outcomes.foreseen])
    life = np.array([each.life_h for each in outcomes.foreseen])
    if not len(lead):
        return Section("early", "How early it tells", paragraph("No fan failed."))
    usable = [point for point in curve if point["false"] / history.months <= _MANY]
    false = [point["false"] / history.months for point in usable]
    trade = Plot(
        "Failures told a day and an hour before, against false alarms, at every threshold",
        axis(0, max([0.1, *false]), "false alarms a fan-month, by instruments too"),
        axis(0, 1, "failures told", percent=True),
    )
    for name, look in (("missed", "other1"), ("late", "ours")):
        trade.line(false, [1 - point[name] / len(lead) for point in usable], look)
    at = (len(outcomes.false) + len(outcomes.by_instrument)) / history.months
    for notice_h, look in ((1, "other1"), (24, "ours")):
        trade.point(at, float((lead >= notice_h).mean()), look)
    hours = np.linspace(0, float(np.quantile(life, 0.95)), 60)
    notice = Plot(
        "Share of failures by notice",
        axis(0, float(hours[-1]), "hours before the stop"),
        axis(0, 1, "told by then", percent=True),
    )
    notice.line(hours.tolist(), [float((life >= each).mean()) for each in hours], "chance")
    notice.line(hours.tolist(), [float((lead >= each).mean()) for each in hours], "ours")
    notice.rule(24, "a day")
    pictures = [
        figure(
            trade.svg(),
            f"Each place on a line is another threshold; the dots are what came of the one in use, {warning:g}. A lower"
            " one tells earlier and more often in vain.",
            (("other1", "an hour before"), ("ours", "a day before")),
        ),
        figure(
            notice.svg(),
            "The line is the share of failures told at least so many hours before. The dotted one is the share of"
            " faults that last so long: nobody can tell of a fault before it begins.",
        ),
    ]
    return Section("early", "How early it tells", beside(pictures))


def modes(outcomes: Outcomes, own: dict[str, Figure]) -> Section:
    """Each way of failing for itself."""
    rows = []
    for mode in HEAVIEST:
        those = [each for each in outcomes.foreseen if each.mode == mode]
        if those:
            caused = [each.cause_right for each in those if each.cause_right is not None]
            rows.append(
                (
                    escape(mode),
                    f"{len(those):,}",
                    *(cell(own[f"recall, {hours} h notice: {mode}"]) for hours in (1, 24)),
                    f"{np.mean([each.life_h >= 24 for each in those]):.0%}",
                    f"{np.median([each.lead_h for each in those]):.0f} h",
                    f"{np.mean(caused):.0%}" if caused else "-",
                )
            )
    head = (
        "way of failing",
        "failures",
        "1 h before",
        "24 h before",
        "at most",
        "half of them",
        "right sensor",
    )
    text = paragraph(
        "`At most` is the share of faults that last a day at all. The right sensor is one of the two in which that"
        " fault shows most."
    )
    return Section("modes", "Which failures", text + table(head, rows))


def probabilities(trace: Trace, true: Truth, own: dict[str, Figure]) -> Section:
    """Whether a risk of so much comes true so often."""
    judged = np.isfinite(trace.risk) & ~true.down
    risk, worn = trace.risk[judged].astype(np.float64), true.worn[judged]
    bucket = np.minimum((risk * _BUCKETS).astype(np.int64), _BUCKETS - 1)
    count = np.bincount(bucket, minlength=_BUCKETS)
    seen = count >= _FEWEST
    said = np.bincount(bucket, risk, _BUCKETS)[seen] / count[seen]
    happened = np.bincount(bucket, worn, _BUCKETS)[seen] / count[seen]
    plot = Plot(
        "How often a fault was under way, by the risk that was said",
        axis(0, 1, "risk that was said", percent=True),
        axis(0, 1, "a fault was under way", percent=True),
    )
    plot.line([0, 1], [0, 1], "chance").line(said.tolist(), happened.tolist(), "ours")
    for x, y in zip(said.tolist(), happened.tolist(), strict=True):
        plot.point(x, y, "ours")
    text = paragraph(
        f"Brier score {value(own['Brier'])} (0 is perfect; always saying the mean would give"
        f" {worn.mean() * (1 - worn.mean()) if len(worn) else 0:.3f}), expected calibration error"
        f" {value(own['ECE'])}."
    )
    caption = (
        "On the dotted line a risk of 30 % comes true in 30 of 100 cases. Above it, the model is too calm."
    )
    return Section("risk", "Whether its risk can be believed", beside([figure(plot.svg(), caption), text]))


def intervals(trace: Trace, true: Truth, own: dict[str, Figure]) -> Section:
    """How often the stop came between the times that were told."""
    told = np.isfinite(trace.expected[:, :, 0]) & np.isfinite(true.hours)
    low, high, hours = trace.expected[told][:, 0], trace.expected[told][:, 1], true.hours[told]
    rows = []
    for begin, end in zip(_LEFT_H, (*_LEFT_H[1:], np.inf), strict=True):
        some = (hours >= begin) & (hours < end)
        if some.sum() >= _FEWEST:
            inside = (low[some] <= hours[some]) & (hours[some] <= high[some])
            name = f"{begin:g} to {end:g} h" if np.isfinite(end) else f"{begin:g} h or more"
            width = f"{np.median(high[some] - low[some]):.0f} h"
            rows.append((name, f"{some.sum():,}", f"{inside.mean():.0%}", width))
    text = paragraph(
        f"While it warned of a fault that was there, it told an interval for the stop that is meant to hold it 80 times"
        f" of 100; it held it {share(own['interval covers'])} of the times ({sure(own['interval covers'])}), and was"
        f" {value(own['interval median width h'], 0)} h wide, half of them."
    )
    head = ("the stop came after", "forecasts", "inside", "width, half of them")
    return Section("interval", "When the fan will stop", text + table(head, rows))


def instruments(outcomes: Outcomes, own: dict[str, Figure]) -> Section:
    """Sensors that fail, told from fans that fail."""
    rows = []
    for cause in INSTRUMENT_CAUSES:
        some = [each for each in outcomes.recognised if each.cause == cause]
        if some:
            named = f"{np.mean([each.named for each in some]):.0%}"
            rows.append((cause, f"{len(some):,}", cell(own[f"recognised: {cause}"]), named))
    caused = next(found for name, found in own.items() if name.endswith("by instruments a fan-month"))
    false = own["false instrument episodes a fan-month"]
    text = paragraph(
        f"Broken sensors caused {value(caused)} false alarms a fan-month ({sure(caused)}). And sensors that worked were"
        f" told to be broken, or a fan to be silent that was not, {value(false)} times a fan-month ({sure(false)})."
    )
    return Section(
        "instruments", "Broken sensors", text + table(("what", "times", "recognised", "as such"), rows)
    )
