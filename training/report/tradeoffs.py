"""The forecast report's sections that weigh: what a threshold costs, and the model beside other ways."""

from html import escape
from typing import Final

import numpy as np

from training.forecast.figures import COSTS, Figure
from training.report.html_page import Section, beside, figure, paragraph, table
from training.report.numbers import cell
from training.report.svg import Plot, axis

_LOOKS: Final = ("ours", "other1", "other2", "other3")


def costs(curve: list[dict[str, float]], months: float, warning: float) -> Section:
    """What each threshold costs, for several prices of a failure that nobody foresaw."""
    at = [point["threshold"] for point in curve]
    lines = [[point[f"cost {cost}"] for point in curve] for cost in COSTS]
    plot = Plot(
        "Costs by threshold",
        axis(0, 1, "threshold"),
        axis(
            0, min(max(map(max, lines)), 4 * max(map(min, lines)) + 0.1), "costs a fan-month, in false alarms"
        ),
    )
    for line, look in zip(lines, _LOOKS, strict=True):
        plot.line(at, line, look)
    plot.rule(warning, "in use")
    legend = [(look, f"{cost} false alarms") for look, cost in zip(_LOOKS, COSTS, strict=True)]
    best = ", ".join(
        f"{at[int(np.argmin(line))]:g} where it costs {cost}" for line, cost in zip(lines, COSTS, strict=True)
    )
    caption = (
        f"What a failure costs that was told less than an hour before. The cheapest threshold is {best}."
    )
    return Section("costs", "What it costs", beside([figure(plot.svg(), caption, legend)]))


def baselines(found: dict[str, dict[str, Figure]]) -> Section:
    """The model beside other ways."""
    instrument = next(
        name for name in next(iter(found.values())) if name.endswith("by instruments a fan-month")
    )
    shown = {"recall, 1 h notice": "1 h before", "recall, 24 h notice": "24 h before"}
    shown |= {
        "median lead h": "half of them, h",
        "false alarms a fan-month": "false",
        instrument: "by instruments",
    }
    shown |= {"Brier": "Brier score"}
    rows = [
        (escape(name), *(cell(each[key]) if key in each else "-" for key in shown))
        for name, each in found.items()
    ]
    text = paragraph(
        "Every way learned from the same history, and had its thresholds chosen on the same fans in the same way."
    )
    return Section("comparison", "Beside other ways", text + table(("way", *shown.values()), rows, marked=0))
