"""The report's sections on the data: what it is, what is wrong with it, and what gives the label away."""

from html import escape

import numpy as np

from fanwatch.sensors import SENSORS
from training.quality import Quality, utc
from training.report.html_page import Section, beside, bullets, figure, paragraph, table
from training.report.subject import Subject
from training.report.svg import Axis, Plot, Ticks, axis
from training.report.verdict import percent

_DOTS = 700
"""Rows of each kind in a scatter plot."""
_DAY_MS = 86_400_000
_MOST_NAMES = 12


def section(subject: Subject) -> Section:
    """What the file holds."""
    quality, found = subject.table.quality, subject.table
    faulty = int(found.faulty.sum())
    share = faulty / len(found.faulty)
    span = (quality.last_ms - quality.first_ms) / _DAY_MS
    every = f", a reading every {_interval(quality.interval_ms)}" if quality.interval_ms else ""
    intro = (
        f"{subject.source} holds {quality.rows:,} readings of {len(quality.devices):,}"
        f" device{'' if len(quality.devices) == 1 else 's'} from {utc(quality.first_ms)} to {utc(quality.last_ms)}"
        f" ({span:,.0f} days{every}). {percent(share)} of them are labelled faulty. A reading is"
        f" {len(quality.columns)} numbers, one from each sensor; the label says whether the fan was faulty at that moment."
    )
    columns = table(
        ("sensor", "lowest", "median", "highest", "zeros", "not possible"),
        [
            (
                f"{column.name}<small>{escape(column.unit)}{_possible(column.plausible)}</small>",
                f"{column.lowest:,.6g}",
                f"{column.median:,.6g}",
                f"{column.highest:,.6g}",
                f"{column.zeros:,}",
                f"{column.implausible:,}",
            )
            for column in quality.columns
        ],
    )
    body = [
        paragraph(intro),
        columns,
        "<h3>What was wrong with it, and what was done</h3>",
        bullets(found.notes) if found.notes else paragraph("Nothing: no gaps, repeats or impossible values."),
        _checked(quality),
        "<h3>What the sensors show</h3>",
        paragraph(
            "Each dot is a reading. Where both colours lie on top of each other, that sensor alone cannot tell a fault"
            " from health; where only faulty dots lie, it can."
        ),
        beside([_scatter(subject, index) for index in range(len(SENSORS))]),
    ]
    return Section("data", "The data", "".join(body))


def _possible(span: tuple[float, float]) -> str:
    return "" if np.isinf(span).all() else f"; possible are {span[0]:g} to {span[1]:g}"


def leakage(subject: Subject) -> Section:
    """What gives the label away."""
    rows = [
        (
            f"{escape(leak.column)}<small>{escape(leak.how)}"
            f"{'' if leak.learned_from else ', not learned from'}</small>",
            percent(leak.accuracy),
            percent(leak.guess),
            '<span class="warn">gives it away</span>' if leak.given_away else '<span class="fine">no</span>',
        )
        for leak in subject.leaks
    ]
    body = [
        paragraph(
            "A model can look clever by reading the answer off something that will not be there in service:"
            " which device"
            " it is, the date, a column that somebody filled in afterwards. So each column was asked alone, learned on"
            " one half of the rows and tested on the other. What tells the label much better than guessing gives it"
            " away."
        ),
        table(("column", "accuracy it alone would pretend", "guessing", "gives the label away?"), rows),
        _devices(subject.table.quality),
        paragraph(
            "The model never sees DeviceID, Time or a column beside the four sensors, whatever this table says."
        ),
    ]
    if subject.strangers:
        strangers = subject.strangers
        low, high = strangers.interval
        boosting = next(baseline for baseline in subject.baselines if baseline.name == "Gradient boosting")
        body.append(
            paragraph(
                f"On devices that were left out of its training, gradient boosting is right for"
                f" {percent(strangers.accuracy)} of the readings (95 % interval {percent(low)} to {percent(high)},"
                f" {strangers.devices} devices); with rows of all devices in its training, for"
                f" {percent(boosting.metrics.accuracy)}. A large difference would say that the model knows these"
                " devices"
                " better than it will know new ones."
            )
        )
    return Section("leakage", "Does anything give the label away?", "".join(body))


def _checked(quality: Quality) -> str:
    forms = "; ".join(f"{form}, as in {text}" for form, (text, _) in quality.time_forms.items())
    told = (
        f"Checked: every cell's type, times ({forms}), order, repeats, values against what sensors can give"
    )
    told += "." if quality.gaps is None else ", and silences."
    if quality.longest_gaps:
        gaps = [
            f"{gap.device} from {utc(gap.begin_ms)} to {utc(gap.end_ms)} ({_interval(gap.end_ms - gap.begin_ms)})"
            for gap in quality.longest_gaps
        ]
        told += " The longest silences: " + "; ".join(gaps) + "."
    return paragraph(told)


def _devices(quality: Quality) -> str:
    always = {kind: [name for name, faulty in quality.one_sided if faulty == kind] for kind in (False, True)}
    told = [
        f"Always {'faulty' if kind else 'healthy'}: {', '.join(names[:_MOST_NAMES])}"
        + (f" and {len(names) - _MOST_NAMES:,} more." if len(names) > _MOST_NAMES else ".")
        for kind, names in always.items()
        if names
    ]
    return bullets(told) if told else paragraph("Every device is healthy at times and faulty at others.")


def _scatter(subject: Subject, index: int) -> str:
    found, sensor = subject.table, SENSORS[index]
    values = found.features[:, index]
    random = np.random.default_rng(1)
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.04
    plot = Plot(
        f"{sensor.column} over time, healthy and faulty readings",
        _time_axis(int(found.time_ms.min()), int(found.time_ms.max())),
        axis(
            low - margin,
            high + margin,
            sensor.axis,
        ),
        height=220,
    )
    shares = []
    feature = subject.metadata.features[index].healthy
    plot.band(feature.low, feature.high, "healthy")
    for faulty, look in ((True, "faulty"), (False, "healthy")):
        rows = np.flatnonzero(found.faulty == faulty)
        chosen = np.sort(random.choice(rows, min(_DOTS, len(rows)), replace=False))
        plot.dots(found.time_ms[chosen].tolist(), values[chosen].tolist(), look)
        outside = (values[rows] < feature.low) | (values[rows] > feature.high)
        shares.append(float(outside.mean()) if len(rows) else 0.0)
    caption = (
        f"<b>{sensor.column}.</b> The band holds 98 of 100 healthy readings, {feature.low:.4g} to {feature.high:.4g};"
        f" {percent(shares[0])} of the faulty ones lie outside it."
    )
    return figure(plot.svg(), caption, (("healthy", "healthy"), ("faulty", "faulty")))


def _time_axis(first: int, last: int) -> Axis:
    step = max(1, (last - first) // 2)
    marks = [first + step * number for number in range(3)] if last > first else [first]
    ticks: Ticks = [(mark, utc(mark)[:10] if step >= _DAY_MS else utc(mark)[5:]) for mark in marks]
    return Axis(first, max(last, first + 1), "", ticks)


def _interval(ms: int) -> str:
    for size, unit in ((_DAY_MS, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")):
        if ms >= size:
            count = round(ms / size, 1)
            return f"{count:g} {unit}{'' if count == 1 else 's'}"
    return f"{ms} ms"
