"""Panels without a time axis as pictures: numbers, bars and tables."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from dashboards.draw import shown
from dashboards.draw.canvas import FAINT, INK, LINE, View, color, empty, filled
from dashboards.draw.frames import table

_ROW_PX = 25


def figure(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """A large number on a coloured tile."""
    axes.axis("off")
    lines = filled(panel, view)
    options = shown.properties(panel, lines[0].name if lines else "")
    value = next((found for found in reversed(lines[0].values) if found is not None), None) if lines else None
    label = options["noValue"] if value is None else shown.text(value, options, view.end_s)
    number = value if isinstance(value, int | float) else 0
    word = shown.mapped(value, options.get("mappings", []))
    back = word[1] if word else shown.threshold_color(number, options["thresholds"])
    if value is None and not label.isdigit():
        back = "#9AA5B1"
    axes.add_patch(_tile(axes, color(back)))
    size = 19 if len(label) < 10 else 12
    axes.text(
        0.5,
        0.48,
        label,
        ha="center",
        va="center",
        color="white",
        fontsize=size,
        fontweight="bold",
        transform=axes.transAxes,
    )


def _tile(axes: Axes, back: str) -> Any:
    return FancyBboxPatch(
        (0.01, 0.04),
        0.98,
        0.92,
        boxstyle="round,pad=0,rounding_size=0.02",
        transform=axes.transAxes,
        color=back,
        linewidth=0,
    )


def gauges(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """A bar for each series."""
    found = filled(panel, view)
    if not found:
        empty(axes, panel)
        return
    options = shown.properties(panel, "")
    values = [float(each.values[-1]) for each in found]
    most = max([*values, 1])
    axes.barh(range(len(found)), [most] * len(found), color="#F0F2F5", height=0.7)
    axes.barh(range(len(found)), values, color=color("blue"), height=0.7)
    for row, value in enumerate(values):
        axes.text(
            most * 1.02, row, shown.text(value, options, view.end_s), va="center", fontsize=8, color=INK
        )
    axes.set_yticks(range(len(found)), [each.name for each in found], fontsize=8, color=INK)
    axes.set_ylim(max(len(found), 3) - 0.4, -0.6)
    axes.set_xlim(0, most * 1.18)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def grid(axes: Axes, panel: Mapping[str, Any], view: View) -> None:
    """A table, as many rows as there is room for."""
    headings, rows = table(panel, view.rows)
    if not rows:
        empty(axes, panel)
        return
    box = axes.get_window_extent()
    axes.axis("off")
    axes.set_xlim(0, box.width)
    axes.set_ylim(box.height, 0)
    options = {heading: shown.properties(panel, heading) for heading in headings}
    fixed = {heading: float(options[heading].get("custom.width", 0)) for heading in headings}
    open_ended = sum(not width for width in fixed.values())
    spare = max(box.width - sum(fixed.values()), 60 * open_ended)
    widths = [fixed[heading] or spare / open_ended for heading in headings]
    scale = min(1.0, box.width / sum(widths))
    room = int(box.height // _ROW_PX) - 1
    shown_rows = rows if len(rows) <= room else rows[: room - 1]
    left = 0.0
    for heading, wide in zip(headings, widths, strict=True):
        width = wide * scale
        axes.text(
            left + 6,
            _ROW_PX / 2,
            heading,
            va="center",
            fontsize=8,
            color=color("blue"),
            fontweight="bold",
            clip_on=True,
        )
        for index, row in enumerate(shown_rows, start=1):
            _cell(axes, (left, index * _ROW_PX, width), row.get(heading), options[heading], view.end_s)
        left += width
    for index in range(1, len(shown_rows) + 2):
        axes.plot([0, box.width], [index * _ROW_PX] * 2, color=LINE, linewidth=0.7)
    if len(shown_rows) < len(rows):
        rest = f"{len(rows) - len(shown_rows)} more below"
        axes.text(6, (len(shown_rows) + 1.5) * _ROW_PX, rest, va="center", fontsize=8, color=FAINT)


def _cell(
    axes: Axes, place: tuple[float, float, float], value: Any, options: Mapping[str, Any], now_s: float
) -> None:
    left, top, width = place
    if value is None:
        return
    # Of the store's times, columns that end in _ms are in ms, a point's own in ns.
    dated = str(options.get("unit", "")).startswith("dateTime")
    number = value / (1e9 if value > 1e15 else 1e3) if dated else value
    label = shown.text(number, options, now_s)
    kind = options.get("custom.cellOptions", {}).get("type", "")
    word = shown.mapped(value, options.get("mappings", []))
    paint = word[1] if word else None
    if paint is None and kind and "thresholds" in options and not isinstance(value, str):
        paint = shown.threshold_color(value, options["thresholds"])
    if kind == "color-background" and paint:
        axes.add_patch(
            Rectangle((left + 1, top + 1.5), width - 3, _ROW_PX - 3, color=color(paint), linewidth=0)
        )
    text_color = "white" if kind == "color-background" and paint else color(paint) if kind and paint else INK
    fits = max(int((width - 6) / 6.1), 3)
    short = label if len(label) <= fits else label[: fits - 1] + "…"
    axes.text(left + 6, top + _ROW_PX / 2, short, va="center", fontsize=8, color=text_color, clip_on=True)
