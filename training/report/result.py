"""The report's sections on the model: how it learned, how good it is, and beside what."""

from collections.abc import Sequence
from html import escape

import numpy as np

from training.metrics import Interval, Metrics, calibration, wilson
from training.report.html_page import Section, beside, figure, paragraph, table, words
from training.report.subject import Subject
from training.report.svg import Axis, Plot, axis
from training.report.verdict import in_1000, percent


def learning(subject: Subject) -> Section:
    """How the loss fell."""
    learned, checked = zip(*subject.curve, strict=True)
    epochs = list(range(1, len(learned) + 1))
    low, high = min(learned + checked), max(learned + checked)
    plot = Plot(
        "Loss by epoch, on training and on validation rows",
        axis(1, max(2, len(epochs)), "pass over the training rows (epoch)"),
        axis(max(0.0, low - (high - low) * 0.1), high, "loss"),
    )
    plot.line(epochs, learned, "other1").line(epochs, checked, "ours")
    plot.rule(subject.best_epoch, f"kept: {subject.best_epoch}")
    origin = subject.metadata.origin.rows
    text = paragraph(
        f"The network learned from {origin['train']:,} readings, passing over them {len(epochs)} times. After"
        " each pass it"
        f" was tried on {origin['validation']:,} others, and the weights of the best pass, number"
        f" {subject.best_epoch}, were kept. A third part, {origin['test']:,} readings, was put aside for the judgement"
        " below."
    )
    caption = (
        "<b>How to read it:</b> both lines should fall and then run level, close together. If the validation line rose"
        " while the training line fell, the network would be learning rows by heart."
    )
    legend = (("ours", "validation"), ("other1", "training"))
    return Section(
        "learning", "How it learned", beside([figure(plot.svg(), caption, legend), f"<div>{text}</div>"])
    )


def quality(subject: Subject) -> Section:
    """Confusion, ROC, precision and recall, calibration."""
    confusion = subject.metrics.confusion
    faulty, healthy = (
        confusion.true_positive + confusion.false_negative,
        confusion.true_negative + confusion.false_positive,
    )
    where = "that neither training nor the threshold has seen" if subject.trained else f"in {subject.source}"
    text = paragraph(
        f"All of this is measured on {subject.metrics.n:,} readings {where}. From a probability of"
        f" {subject.threshold:g} on, a reading is called faulty."
    )
    cells = (
        '<div class="confusion"><span></span><span>called faulty</span><span>called healthy</span>'
        f"<span>faulty</span>{_cell('right', confusion.true_positive, faulty, 'found')}"
        f"{_cell('wrong', confusion.false_negative, faulty, 'missed')}"
        f"<span>healthy</span>{_cell('wrong', confusion.false_positive, healthy, 'false alarms')}"
        f"{_cell('right', confusion.true_negative, healthy, 'left in peace')}</div>"
    )
    curves = [_roc(subject), _precision(subject)] if faulty and healthy else []
    return Section(
        "quality", "How good it is", text + cells + beside([*curves, _calibration(subject), _said(subject)])
    )


def comparison(subject: Subject) -> Section:
    """The network beside other methods, on the same rows."""
    head = ("method", "accuracy", "faults found", "precision", "AUROC", "cost in 1,000", "beside this model")
    rows = [(escape(subject.model), *_measures(subject.metrics, subject.sure), f"{subject.cost:,.3g}", "")]
    for baseline in subject.baselines:
        low, high = -baseline.gain_interval[1] * 100, -baseline.gain_interval[0] * 100
        beside_ours = f"{baseline.verdict}<small>{low:+.2f} to {high:+.2f} points</small>"
        rows.append(
            (baseline.name, *_measures(baseline.metrics, baseline.sure), f"{baseline.cost:,.3g}", beside_ours)
        )
    text = paragraph(
        "Every method learned from the same readings, had its threshold chosen on the same validation readings for the"
        " same costs, and is judged by the same test readings. The small figures are 95 % intervals from 1,000"
        " bootstrap"
        " samples; the last column is about accuracy. Where the interval of a difference holds 0, or the difference is"
        " below 0.2 points, two methods are called as good as each other."
    )
    what = words([(baseline.name, baseline.what) for baseline in subject.baselines])
    return Section(
        "comparison",
        "Beside other methods",
        text + table(head, rows, marked=0) + beside([_forest(subject), what]),
    )


def _measures(metrics: Metrics, sure: dict[str, Interval]) -> list[str]:
    cells = []
    for name in ("accuracy", "recall", "precision", "auroc"):
        low, high = sure.get(name, (0.0, 0.0))
        shown = (
            f"{getattr(metrics, name):.3f}<small>{low:.3f}–{high:.3f}</small>"
            if name in sure
            else "undefined"
        )
        cells.append(shown)
    return cells


def _forest(subject: Subject) -> str:
    """Accuracies and their intervals below each other."""
    shown = [(subject.model, subject.metrics.accuracy, subject.sure["accuracy"], "ours")]
    shown += [
        (baseline.name, baseline.metrics.accuracy, baseline.sure["accuracy"], "other1")
        for baseline in subject.baselines
    ]
    low, high = min(ends[0] for _, _, ends, _ in shown), max(ends[1] for _, _, ends, _ in shown)
    margin = (high - low) * 0.1
    plot = Plot(
        "Accuracy of each method, with its 95 % interval",
        axis(low - margin, high + margin, "accuracy", percent=True),
        Axis(0, len(shown), "", []),
        height=70 + 40 * len(shown),
    )
    for number, (name, accuracy, ends, look) in enumerate(shown):
        at = len(shown) - number - 0.7
        plot.line(ends, [at, at], look).point(accuracy, at, look, 4.5)
        plot.text(low - margin, at + 0.28, f"{name}  {accuracy * 100:.1f} %")
    return figure(plot.svg(), "<b>Accuracy,</b> and where it may lie. What overlaps far may be the same.")


def _cell(look: str, count: int, whole: int, what: str) -> str:
    share = count / whole if whole else 0.0
    shown = in_1000(share) if 0 < share < 0.01 else percent(share)
    return (
        f'<div class="{look}" style="--share:{8 + 32 * share:.0f}%"><b>{count:,}</b>{escape(what)}'
        f"<br>{escape(shown)} of {whole:,}</div>"
    )


def _roc(subject: Subject) -> str:
    alarms, found = subject.scores.called()
    x, y = (alarms / alarms[0]).tolist(), (found / found[0]).tolist()
    plot = Plot(
        "ROC curve: share of faults found against share of false alarms",
        axis(0, 1, "false alarms among healthy readings", percent=True),
        axis(0, 1, "faults found", percent=True),
    )
    plot.line([0, 1], [0, 1], "chance").line(x, y, "ours")
    step = _step(subject.threshold)
    plot.point(x[step], y[step], "ours", 5)
    caption = (
        "<b>ROC.</b> Each place on the line is a possible threshold; the dot is the one in use. The closer to"
        " the upper left"
        " corner, the better; the dotted line is guessing. The area below it (AUROC) is"
        f" {subject.metrics.auroc:.4f}: so"
        " often a faulty reading gets a higher probability than a healthy one."
    )
    return figure(plot.svg(), caption)


def _precision(subject: Subject) -> str:
    alarms, found = subject.scores.called()
    called = alarms + found
    some = called > 0
    precision, recall = found[some] / called[some], found[some] / found[0]
    plot = Plot(
        "Precision against recall",
        axis(0, 1, "faults found (recall)", percent=True),
        axis(0, 1, "alarms that are right (precision)", percent=True),
    )
    share = found[0] / called[0]
    # Below the smallest recall that any threshold gives, that threshold's precision goes on.
    x, y = [*recall.tolist(), 0.0], [*precision.tolist(), float(precision[-1])]
    plot.line([0, 1], [share, share], "chance").line(x, y, "ours")
    step = _step(subject.threshold)
    if called[step]:
        plot.point(float(found[step] / found[0]), float(found[step] / called[step]), "ours", 5)
    caption = (
        "<b>Precision and recall.</b> How many alarms are right, and how many faults are found. The dotted line"
        " is what"
        f" alarming at random would give: {percent(float(share))} of these readings are faulty. Where faults are"
        " rarer in"
        " service, the line lies lower."
    )
    return figure(plot.svg(), caption)


def _calibration(subject: Subject) -> str:
    found = calibration(subject.scores)
    plot = Plot(
        "Calibration: share of faulty readings by probability",
        axis(0, 1, "probability that the model gave", percent=True),
        axis(0, 1, "readings that were faulty", percent=True),
    )
    most = max(found.rows)
    for said, rows in zip(found.said, found.rows, strict=True):
        plot.bar(min(int(said * 10), 9) / 10, 0.1, 0.25 * rows / most, "ours")
    plot.line([0, 1], [0, 1], "chance")
    for said, came, rows in zip(found.said, found.came, found.rows, strict=True):
        plot.whisker(said, *wilson(round(came * rows), rows), "thin").point(said, came, "ours", 3.5)
    caption = (
        "<b>Calibration.</b> Of the readings that got 30 %, about 30 of 100 should be faulty: the dots should"
        " lie on the"
        f" dotted line. The bars say where the readings are. Mean distance (ECE) {found.ece:.3f}, Brier score"
        f" {found.brier:.3f} (0 is perfect, 0.25 a coin)."
    )
    return figure(plot.svg(), caption)


def _said(subject: Subject) -> str:
    """Histograms of the probabilities of healthy and of faulty readings."""
    scores, bins = subject.scores, 20
    where = np.minimum(np.arange(len(scores.healthy)) * bins // (len(scores.healthy) - 1), bins - 1)
    plot = Plot(
        "How often each probability was given, to healthy and to faulty readings",
        axis(0, 1, "probability that the model gave", percent=True),
        axis(0, 1, "share of the kind's readings", percent=True),
    )
    for shift, counts, look in ((0.0, scores.healthy, "healthy"), (0.5, scores.faulty, "faulty")):
        held = np.bincount(where, counts, bins) / max(1, counts.sum())
        for number, share in enumerate(held.tolist()):
            plot.bar((number + shift) / bins, 0.5 / bins, share, look)
    plot.rule(subject.threshold, f"{subject.threshold:g}")
    caption = (
        "<b>What it says.</b> Healthy readings should get low probabilities and faulty ones high; right of the dashed"
        " line a reading is called faulty."
    )
    return figure(plot.svg(), caption, (("healthy", "healthy"), ("faulty", "faulty")))


def _step(threshold: float) -> int:
    return int(np.ceil(threshold * 10_000 - 1e-6))


def shares(subject: Subject) -> Sequence[tuple[str, str, str]]:
    """The figures at the top: value, what it is, how sure it is."""
    metrics, sure = subject.metrics, subject.sure
    found = []
    if metrics.recall is not None:
        found.append((percent(metrics.recall), "of faulty readings found", _between(sure["recall"])))
    if subject.false_alarms is not None:
        rare = in_1000(subject.false_alarms) if subject.false_alarms < 0.01 else percent(subject.false_alarms)
        found.append((rare, "healthy readings give a false alarm", f"at the threshold {subject.threshold:g}"))
    found.append((percent(metrics.accuracy), "of all readings judged rightly", _between(sure["accuracy"])))
    if metrics.auroc is not None:
        found.append(
            (f"{metrics.auroc:.3f}", "AUROC (1 is perfect, 0.5 a guess)", _between(sure["auroc"], plain=True))
        )
    return found


def _between(interval: Interval, *, plain: bool = False) -> str:
    low, high = (f"{end:.3f}" if plain else percent(end) for end in interval)
    return f"95 % interval {low} to {high}"
