"""The report's section on what errors cost, and how the threshold follows it."""

import numpy as np

from training.report.html_page import Section, beside, command, figure, paragraph, table
from training.report.subject import Subject
from training.report.svg import Plot, axis, log_axis
from training.report.verdict import in_1000, percent
from training.scores import STEPS, Costs, Scores, cheapest

_MOST_COST = 1.5
"""Share of the cost without a model from which a line is not drawn on."""
_RATIOS = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0)


def section(subject: Subject) -> Section:
    """Cost by threshold, cost by ratio, and a table to choose from."""
    scores = subject.validation or subject.scores
    which = "validation readings" if subject.validation else "readings of this file"
    costs = subject.costs
    text = paragraph(
        f"A missed fault and a false alarm rarely cost the same. Here a miss was taken to cost {costs.miss:g} and"
        " a false"
        f" alarm {costs.false_alarm:g}; the threshold {subject.threshold:g}"
        + (" is where the validation readings cost least." if subject.validation else " came with the model.")
    )
    figures = beside([_by_threshold(subject, scores, which), _by_ratio(subject, scores, which)])
    end = paragraph(
        "For other costs, the threshold can be moved without training again, as a new version of the model. What each"
        f" ratio would give, on the {which}:"
    )
    moved = command(
        "fanwatch threshold --model MODEL --out NEW --miss-cost 10 --false-alarm-cost 1\nfanwatch model use NEW"
    )
    return Section("costs", "What errors cost", text + figures + end + _choices(scores) + moved)


def _by_threshold(subject: Subject, scores: Scores, which: str) -> str:
    alarms, found = scores.called()
    costs, factor = subject.costs, 1000 / scores.n
    misses = (found[0] - found) * costs.miss * factor
    false = alarms * costs.false_alarm * factor
    both = misses + false
    steps = np.arange(1, STEPS)
    x = (steps / STEPS).tolist()
    top = float(np.quantile(both[1:STEPS], 0.98)) * 1.15 or 1.0
    plot = Plot(
        f"Cost by threshold on the {which}", axis(0, 1, "threshold"), axis(0, top, "cost in 1,000 readings")
    )
    plot.line(x, np.minimum(false[steps], top).tolist(), "healthy")
    plot.line(x, np.minimum(misses[steps], top).tolist(), "faulty")
    plot.line(x, np.minimum(both[steps], top).tolist(), "ours")
    plot.rule(subject.threshold, f"{subject.threshold:g}")
    caption = (
        f"<b>Cost by threshold,</b> on the {which}. A low threshold alarms often, a high one misses much; the cheapest"
        " place lies between."
    )
    return figure(
        plot.svg(), caption, (("ours", "both"), ("faulty", "missed faults"), ("healthy", "false alarms"))
    )


def _by_ratio(subject: Subject, scores: Scores, which: str) -> str:
    ratios = np.geomspace(0.05, 200, 90)
    step = int(np.ceil(subject.threshold * STEPS - 1e-6))
    best, fixed = [], []
    for ratio in ratios.tolist():
        cost = scores.costs(Costs(ratio, 1.0))
        without = min(float(cost[0]), float(cost[-1]))
        best.append(float(cost.min()) / without if without else 0.0)
        fixed.append(float(cost[step]) / without if without else 0.0)
    plot = Plot(
        "Cost curve: share of the cost without a model that remains, by what a miss costs",
        log_axis(
            0.05, 200, "a miss costs so many false alarms", [(0.1, "0.1"), (1, "1"), (10, "10"), (100, "100")]
        ),
        axis(0, max(1.0, min(_MOST_COST, max(fixed))), "cost that remains", percent=True),
    )
    shown = [(ratio, cost) for ratio, cost in zip(ratios.tolist(), fixed, strict=True) if cost <= _MOST_COST]
    plot.line([0.05, 200], [1, 1], "chance").line([x for x, _ in shown], [y for _, y in shown], "other1")
    plot.line(ratios.tolist(), best, "ours")
    plot.rule(subject.costs.miss / subject.costs.false_alarm, "chosen")
    caption = (
        "<b>Cost curve.</b> 100 % is the cheaper of always and never alarming; below it, the model saves money."
        " Where the two"
        " lines part, another threshold would pay."
    )
    return figure(plot.svg(), caption, (("ours", "threshold moved along"), ("other1", "threshold as it is")))


def _choices(scores: Scores) -> str:
    alarms, found = scores.called()
    rows = []
    for ratio in _RATIOS:
        threshold = cheapest(scores, Costs(ratio, 1.0))
        step = round(threshold * STEPS)
        missed = (found[0] - found[step]) / found[0] if found[0] else 0.0
        false = alarms[step] / alarms[0] if alarms[0] else 0.0
        rows.append((f"{ratio:g} : 1", f"{threshold:.4f}", percent(float(missed)), in_1000(float(false))))
    head = ("a miss costs : a false alarm", "threshold", "faults missed", "false alarms among healthy")
    return table(head, rows)
