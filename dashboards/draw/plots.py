"""Panels over time as pictures: lines, bars, states and heatmaps, in plain matplotlib."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from dashboards.draw import shown
from dashboards.draw.canvas import INK, View, beside, color, empty, filled, legend, shortened, time_axis, when
from dashboards.draw.frames import Series
from dashboards.expansion import interval_ms, settings


def lines(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """Lines, bands between two of them, or stacked bars."""
    found = filled(panel, view)
    if not found:
        empty(axes, panel)
        return
    named = {each.name: each for each in found}
    handles: list[Any] = []
    names: list[str] = []
    figures: list[dict[str, str]] = []
    width_s = _interval_s(panel, view)
    base: dict[float, float] = {}
    for index, each in enumerate(found):
        options = shown.properties(panel, each.name, each.ref)
        fixed = options.get("color", {}).get("fixedColor")
        paint = color(fixed) if fixed else shown.PALETTE[index % len(shown.PALETTE)]
        times = [when(at) for at in each.times_s]
        values = np.array([np.nan if value is None else value for value in each.values], dtype=float)
        if options.get("custom.drawStyle") == "bars":
            bottoms = [base.get(at, 0.0) for at in each.times_s]
            base |= {at: low + value for at, low, value in zip(each.times_s, bottoms, values, strict=True)}
            axes.bar(
                times,
                values,
                width=width_s / 86_400 * 0.85,
                bottom=bottoms,
                color=paint,
                align="edge",
                edgecolor=paint,
                linewidth=0.6,
            )
            handles.append(Patch(color=paint))
        else:
            kept = ~np.isnan(values)
            gap_s = max((options.get("custom.spanNulls") or 0) / 1000, width_s * 1.01)
            _broken_line(
                axes,
                np.array(each.times_s)[kept],
                values[kept],
                gap_s if each.values.count(None) else np.inf,
                paint,
                options,
            )
            handles.append(Line2D([], [], color=paint, linestyle=_style(options)))
            other = named.get(options.get("custom.fillBelowTo", ""))
            if other and other.times_s == each.times_s:
                lower = np.array(other.values, dtype=float)
                axes.fill_between(times, values, lower, color=paint, alpha=0.15, linewidth=0)
        names.append(each.name)
        figures.append(_figures(panel, each, options, view))
    options = shown.properties(panel, "")
    _scale(axes, options)
    _areas(axes, options)
    for at, end, paint in view.events:
        axes.axvline(when(at), color=color(paint), linestyle="--", linewidth=0.9)
        if end > at:
            axes.axvspan(when(at), when(end), color=color(paint), alpha=0.1, linewidth=0)
    time_axis(axes, view)
    if options.get("unit") == "bytes":
        axes.yaxis.set_major_locator(MultipleLocator(2 ** np.ceil(np.log2(max(axes.get_ylim()[1], 5) / 5))))
    axes.yaxis.set_major_formatter(
        lambda value, _: shown.text(value, options | {"decimals": None}, view.end_s)
    )
    if any(figures):
        beside(axes, handles, names, figures)
    else:
        legend(axes, handles, names)


def _interval_s(panel: Mapping[str, Any], view: View) -> float:
    chosen = settings(panel)
    points, least = chosen.get("max_points", 1000), chosen.get("min_interval", "10s")
    return interval_ms(int((view.end_s - view.start_s) * 1000), points, least) / 1000


def _style(options: Mapping[str, Any]) -> Literal["-", "--"]:
    return "--" if options.get("custom.lineStyle", {}).get("fill") == "dash" else "-"


def _broken_line(
    axes: Axes, times: Any, values: Any, gap_s: float, paint: str, options: Mapping[str, Any]
) -> None:
    cuts: Any = np.flatnonzero(np.diff(times) > gap_s) + 1
    width = max(float(options.get("custom.lineWidth", 1)), 0.6)
    for part_times, part in zip(np.split(times, cuts), np.split(values, cuts), strict=True):
        dots = "o" if len(part) == 1 else ""
        at = [when(time) for time in part_times]
        axes.plot(
            at, part, color=paint, linewidth=width, linestyle=_style(options), marker=dots, markersize=2
        )


def _figures(
    panel: Mapping[str, Any], each: Series, options: Mapping[str, Any], view: View
) -> dict[str, str]:
    numbers = [value for value in each.values if isinstance(value, int | float)]
    known = {"lastNotNull": ("Last", numbers[-1]), "max": ("Max", max(numbers))}
    wanted = [known[name] for name in panel["options"].get("legend", {}).get("calcs", [])]
    return {name: shown.text(value, options, view.end_s) for name, value in wanted}


def _scale(axes: Axes, options: Mapping[str, Any]) -> None:
    low, high = axes.get_ylim()
    low = min(low, options.get("custom.axisSoftMin", low))
    high = max(high, options.get("custom.axisSoftMax", high))
    low, high = options.get("min", low), options.get("max", high)
    axes.set_ylim(low, high if high > low else low + 1)


def _areas(axes: Axes, options: Mapping[str, Any]) -> None:
    if "custom.thresholdsStyle" not in options:
        return
    low, high = axes.get_ylim()
    steps = options["thresholds"]["steps"]
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        start = low if step["value"] is None else max(low, step["value"])
        end = high if after is None else min(high, after["value"])
        if step["color"] != "transparent" and end > start:
            axes.axhspan(start, end, color=color(step["color"]), alpha=0.08, linewidth=0)
        if step["value"] is not None and low < step["value"] < high:
            axes.axhline(step["value"], color=color("orange"), linewidth=0.8, alpha=0.7)


def states(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """A row of colours over time for each series; a state holds until the next value, null or not."""
    found = filled(panel, view)
    if not found:
        empty(axes, panel)
        return
    mappings = shown.properties(panel, "")["mappings"]
    seen: dict[str, str] = {}
    for index, each in enumerate(found):
        known = [None if value is None else shown.mapped(value, mappings) for value in each.values]
        starts = [at for at in range(len(known)) if at == 0 or known[at] != known[at - 1]]
        for start, after in zip(starts, [*starts[1:], None], strict=True):
            state = known[start]
            if state is None:
                continue
            seen.setdefault(*state)
            left = max(each.times_s[start], view.start_s)
            right = view.end_s if after is None else each.times_s[after]
            if right > left:
                axes.barh(
                    index,
                    when(right - left),
                    left=when(left),
                    height=0.8,
                    color=color(state[1]),
                    linewidth=0,
                )
    axes.set_yticks(range(len(found)), [shortened(each.name, 13) for each in found])
    axes.set_ylim(len(found) - 0.45, -0.55)
    time_axis(axes, view)
    axes.grid(False)
    axes.tick_params(axis="y", labelcolor=INK)
    legend(axes, [Patch(color=color(paint)) for paint in seen.values()], list(seen))


def heat(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """A heatmap of buckets over time."""
    found = filled(panel, view)
    if not found:
        empty(axes, panel)
        return
    width_s = _interval_s(panel, view)
    times = np.arange(found[0].times_s[0], view.end_s + width_s, width_s)
    cells = np.full((len(found), len(times) - 1), np.nan)
    for row, each in enumerate(found):
        for at, value in zip(each.times_s, each.values, strict=True):
            column = round((at - times[0]) / width_s)
            if value and column < cells.shape[1]:
                cells[row, column] = value
    edges = [when(at) for at in times]
    drawn = axes.pcolormesh(edges, range(len(found) + 1), np.sqrt(cells), cmap="Blues", vmin=0)
    drawn.set_edgecolor("face")
    axes.set_yticks(range(len(found)), [each.name for each in found])
    time_axis(axes, view)
