"""`python -m dashboards.draw` draws each dashboard as one picture, from its own queries on a real store.

A reader sees what to expect before there is a Grafana. What stands in the pictures is whatever the store holds.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from dashboards.bundle import ROOT
from dashboards.draw import plots, tiles
from dashboards.draw.canvas import INK, LEGEND_PX, View
from dashboards.expansion import duration_ms, panels
from dashboards.source import Source, committed
from fanwatch.errors import FanwatchError
from fanwatch.settings import StoreSettings
from fanwatch.store import Store

_DPI: Final = 100
_UNIT_PX: Final = 38
_WIDTH_PX: Final = 1366
_GAP_PX: Final = 8
_HEAD_PX: Final = 44
_DRAW: Final = {
    "stat": tiles.figure,
    "bargauge": tiles.gauges,
    "table": tiles.grid,
    "timeseries": plots.lines,
    "state-timeline": plots.states,
    "heatmap": plots.heat,
}


def draw(source: Source, dashboard: Mapping[str, Any], path: Path) -> None:
    """One dashboard as a PNG, a laptop's screen wide and as long as the page."""
    units = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height_px = units * _UNIT_PX + _HEAD_PX + _GAP_PX
    page = Figure(figsize=(_WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, facecolor="#F4F5F7")
    title: dict[str, Any] = {"fontweight": "bold", "color": INK, "va": "center"}
    page.text(0.008, 1 - _HEAD_PX / 2 / height_px, dashboard["title"], fontsize=14, **title)
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            middle = 1 - ((panel["gridPos"]["y"] + 0.55) * _UNIT_PX + _HEAD_PX) / height_px
            page.text(0.008, middle, panel["title"], fontsize=11, **title)
    events = source.events()
    for panel in panels(dashboard):
        _panel(page, height_px, panel, source, events if panel["type"] == "timeseries" else [])
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    page.savefig(drawn, dpi=_DPI, facecolor=page.get_facecolor())
    # Few colours keep a picture small enough for a repository.
    Image.open(drawn).convert("RGB").quantize(256, kmeans=1).save(path, optimize=True)


def _panel(
    page: Figure,
    height_px: int,
    panel: Mapping[str, Any],
    source: Source,
    events: list[tuple[float, float, str]],
) -> None:
    spot, column_px = panel["gridPos"], (_WIDTH_PX - _GAP_PX) / 24
    left, top = _GAP_PX + spot["x"] * column_px, _HEAD_PX + spot["y"] * _UNIT_PX
    wide, high = spot["w"] * column_px - _GAP_PX, spot["h"] * _UNIT_PX - _GAP_PX

    def area(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
        return x / _WIDTH_PX, 1 - (y + height) / height_px, width / _WIDTH_PX, height / height_px

    x, y, width, height = area(left, top, wide, high)
    card = Rectangle(
        (x, y),
        width,
        height,
        facecolor="white",
        edgecolor="#DDE1E6",
        linewidth=0.8,
        transform=page.transFigure,
        zorder=-1,
    )
    page.add_artist(card)
    page.text(
        x + 8 / _WIDTH_PX,
        1 - (top + 15) / height_px,
        panel["title"],
        fontsize=9,
        fontweight="bold",
        color=INK,
        va="center",
    )
    # Room for names on the left of an axis, and for times and the legend below it.
    names_px = {"timeseries": 62, "state-timeline": 84, "heatmap": 40, "bargauge": 150}.get(panel["type"], 8)
    below_px = {"timeseries": 46, "state-timeline": 40, "heatmap": 24}.get(panel["type"], 8)
    beside_px = LEGEND_PX if panel["options"].get("legend", {}).get("placement") == "right" else 0
    if beside_px:
        below_px = 24
    inner = area(left + names_px, top + 32, wide - names_px - 12 - beside_px, high - 32 - below_px)
    axes = page.add_axes(inner)
    view = View(source.rows(panel), source.start_ms / 1000, source.end_ms / 1000, events)
    _DRAW[panel["type"]](axes, panel, view)


def _span(text: str) -> tuple[str, str]:
    name, _, time = text.partition("=")
    duration_ms(time)
    return name, time


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 where the store cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.draw", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8086", help="InfluxDB")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs/images/dashboards", help="directory of the pictures"
    )
    parser.add_argument(
        "--fan", action="append", default=[], help="a fan for the fan's dashboard; several by several"
    )
    parser.add_argument(
        "--now", type=int, help="the time of the picture in ms since the epoch; by default now"
    )
    parser.add_argument(
        "--span",
        action="append",
        default=[],
        type=_span,
        metavar="NAME=TIME",
        help="another range than a dashboard's own, such as fan=7d; several by several",
    )
    chosen = parser.parse_args(arguments)
    store, spans = Store(StoreSettings(influx_url=chosen.url)), dict(chosen.span)
    try:
        for uid, dashboard in committed().items():
            name = uid.removeprefix("fanwatch-")
            target = chosen.out / f"{name}.png"
            source = Source(store, dashboard, fans=chosen.fan, now_ms=chosen.now, span=spans.get(name, ""))
            draw(source, dashboard, target)
            print(f"{target} ({target.stat().st_size / 1000:.0f} kB)")
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
