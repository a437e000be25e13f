"""A dashboard: rows of panels on Grafana's grid of 24 columns, links between dashboards, and stable JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
)

from dashboards.panels import Panel
from dashboards.sdk import dashboard

TAG: Final = "fanwatch"
_COLUMNS: Final = 24

FLEET, FAN, PIPELINE, MODEL = "fanwatch-fleet", "fanwatch-fan", "fanwatch-pipeline", "fanwatch-model"
"""The dashboards' uids."""

# A row of the page: its height in grid units (30 pixels and a gap), and its panels with their widths.
Row = tuple[int, Sequence[tuple[int, Panel]]]
"""Height of a row, and its panels with their widths."""


def page(
    uid: str,
    title: str,
    description: str,
    content: Iterable[Row | str],
    *,
    span: str,
    refresh: str = "10s",
    variables: Sequence[dashboard.QueryVariable] = (),
    annotations: Sequence[dashboard.AnnotationQuery] = (),
) -> Dashboard:
    """Lays the rows out from top to bottom; a string among them is a heading. `span` is the range by default."""
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time(f"now-{span}", "now")
        .refresh(refresh)
        .timepicker(dashboard.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
        # One crosshair on all panels: what happened together is seen together.
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(_others())
        .annotations(list(annotations))
        .variables(list(variables))
    )
    number, top = 0, 0
    for row in content:
        if isinstance(row, str):
            number += 1
            heading = dashboard.Row(row).id(number).grid_pos(GridPos(h=1, w=_COLUMNS, x=0, y=top))
            built = built.with_row(heading)
            top += 1
            continue
        height, panels = row
        left = 0
        for width, panel in panels:
            number += 1
            built = built.with_panel(panel.id(number).grid_pos(GridPos(h=height, w=width, x=left, y=top)))
            left += width
        if left != _COLUMNS:
            raise ValueError(f"{title}: the row at {top} is {left} columns wide, not {_COLUMNS}")
        top += height
    return built.build()


def pairs(height: int, panels: Sequence[Panel]) -> list[Row]:
    """Rows of two panels each; the last one has the width for itself where they are an odd number."""
    rows = [panels[at : at + 2] for at in range(0, len(panels), 2)]
    return [(height, [(_COLUMNS // len(row), panel) for panel in row]) for row in rows]


def link_to_fan(field: str) -> dict[str, str]:
    """A link from a cell to the fan that `field` of its row names, over the same time."""
    return {
        "title": "Open this fan",
        "url": f"/d/{FAN}?var-deviceID=${{__data.fields.{field}}}&${{__url_time_range}}",
    }


def text(content: Dashboard) -> str:
    """The JSON that is committed: sorted keys, nothing that changes from run to run."""
    plain = json.loads(json.dumps(content, cls=JSONEncoder))
    # The SDK would move links and annotations into a menu, where nobody sees them.
    for placed in [*plain["links"], *plain["annotations"]["list"]]:
        placed.pop("placement", None)
    return json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Fanwatch")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .as_dropdown(False)
    )
