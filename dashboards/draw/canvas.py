"""What all pictures of panels share: colours, axes and legends."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D

from dashboards.draw import shown
from dashboards.draw.frames import Rows, Series, series

INK: Final = "#24292E"
FAINT: Final = "#6B7280"
LINE: Final = "#E4E7EB"
LEGEND_PX: Final = 270
"""Room for a legend beside its panel."""
_PLAIN: Final[dict[str, Any]] = {
    "fontsize": 7,
    "frameon": False,
    "handlelength": 1.2,
    "columnspacing": 1.2,
    "labelcolor": INK,
    "borderaxespad": 0,
    "borderpad": 0,
}


class View(NamedTuple):
    """What a panel is drawn from: rows by refId, the range in seconds, and events (time, end, colour)."""

    rows: Mapping[str, Rows]
    start_s: float
    end_s: float
    events: Sequence[tuple[float, float, str]] = ()


def color(name: str) -> str:
    """The colour of a Grafana name."""
    return shown.COLORS.get(name, name)


def when(seconds: float) -> float:
    """A time as matplotlib counts it: days since the epoch."""
    return seconds / 86_400


def filled(panel: Mapping[str, Any], view: View) -> list[Series]:
    """The panel's series that have a value."""
    return [
        each
        for target in panel["targets"]
        for each in series(target, view.rows[target["refId"]])
        if any(value is not None for value in each.values)
    ]


def empty(axes: Axes, panel: Mapping[str, Any]) -> None:
    """What Grafana writes where there is nothing."""
    axes.axis("off")
    text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    axes.text(0.5, 0.5, text, ha="center", va="center", color=FAINT, fontsize=9, transform=axes.transAxes)


def time_axis(axes: Axes, view: View) -> None:
    """Times below, a faint grid, no frame."""
    axes.set_xlim(when(view.start_s), when(view.end_s))
    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.tick_params(labelsize=7, colors=FAINT, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def shortened(text: str, most: int) -> str:
    """The text, cut where it is longer than so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def legend(axes: Axes, handles: list[Any], names: list[str]) -> None:
    """Names below, in as many columns as there is room for."""
    wide = axes.get_window_extent().width
    columns = max(1, min(len(names), int(wide // (max(map(len, names), default=1) * 4.2 + 28))))
    axes.legend(handles, names, loc="upper left", ncols=columns, bbox_to_anchor=_below(axes), **_PLAIN)


def _below(axes: Axes) -> tuple[float, float]:
    return 0.0, -22 / max(axes.get_window_extent().height, 1)


def beside(axes: Axes, handles: list[Any], names: list[str], figures: list[dict[str, str]]) -> None:
    """Names with their figures, as a table to the right."""
    height, width = axes.get_window_extent().height, axes.get_window_extent().width
    right = 1 + (LEGEND_PX - 4) / width
    for index, (handle, name, found) in enumerate(zip(handles, names, figures, strict=True), start=1):
        y = 1 - (index * 17 + 8) / height
        left = 1 + 12 / width
        dash = Line2D([left, left + 12 / width], [y, y], color=handle.get_color(), linewidth=2, clip_on=False)
        dash.set_transform(axes.transAxes)
        axes.add_line(dash)
        style: dict[str, Any] = {"fontsize": 7, "color": INK, "va": "center", "transform": axes.transAxes}
        axes.text(left + 18 / width, y, shortened(name, 50 - 12 * len(found)), **style)
        for place, (calc, text) in enumerate(reversed(found.items())):
            x = right - place * 58 / width
            axes.text(x, y, text, ha="right", **style)
            if index == 1:
                head = style | {"color": FAINT}
                axes.text(x, 1 - 8 / height, calc, ha="right", **head)
