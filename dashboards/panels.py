"""Panels as all dashboards have them: the SDK's builders with one look."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models.dashboard import FieldColorModeId, ValueMapping
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.influxql import SOURCE, Query
from dashboards.look import BLUE, steps
from dashboards.sdk import bargauge, common, dashboard, heatmap, stat, statetimeline, table, timeseries

Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel | heatmap.Panel | bargauge.Panel
P = TypeVar(
    "P", timeseries.Panel, stat.Panel, statetimeline.Panel, table.Panel, heatmap.Panel, bargauge.Panel
)

NOTHING = "Nothing in this range"


def _filled(panel: P, title: str, description: str, targets: Iterable[Query], empty: str) -> P:
    panel = panel.title(title).description(description).datasource(SOURCE).no_value(empty)
    for target in targets:
        panel = panel.with_target(target)
    return panel


def _legend(calcs: Sequence[str] = ()) -> common.VizLegendOptions:
    mode = models.LegendDisplayMode.TABLE if calcs else models.LegendDisplayMode.LIST
    # Below, a table would leave no room for the lines.
    placement = models.LegendPlacement.RIGHT if calcs else models.LegendPlacement.BOTTOM
    return (
        common.VizLegendOptions().show_legend(True).display_mode(mode).placement(placement).calcs(list(calcs))
    )


def _last(field: str = "") -> common.ReduceDataOptions:
    return common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields(field)


def series(
    title: str, description: str, unit: str, *targets: Query, empty: str = NOTHING, calcs: Sequence[str] = ()
) -> timeseries.Panel:
    """Lines over time; `calcs` are figures of each line in the legend."""
    many = models.TooltipDisplayMode.MULTI
    return (
        _filled(timeseries.Panel(), title, description, targets, empty)
        .unit(unit)
        .draw_style(models.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(0)
        .show_points(models.VisibilityMode.AUTO)
        # Readings come apart; what lacks for two minutes is a gap.
        .span_nulls(120_000)
        .legend(_legend(calcs))
        .tooltip(common.VizTooltipOptions().mode(many).sort(models.SortOrder.DESCENDING))
        .interval("10s")
    )


def shaded(panel: timeseries.Panel, thresholds: dashboard.ThresholdsConfig) -> timeseries.Panel:
    """The same with its thresholds as coloured areas behind the lines."""
    style = common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.LINE_AND_AREA)
    return panel.thresholds(thresholds).thresholds_style(style)


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """The same as stacked bars."""
    stacking = common.StackingConfig().mode(models.StackingMode.NORMAL).group("A")
    return panel.draw_style(models.GraphDrawStyle.BARS).fill_opacity(80).line_width(0).stacking(stacking)


def figure(
    title: str,
    description: str,
    unit: str,
    target: Query,
    *thresholds: tuple[float | None, str],
    empty: str = "0",
    decimals: int | None = 0,
    text: str = "",
    mappings: list[ValueMapping] | None = None,
) -> stat.Panel:
    """One large number a series, coloured by thresholds or words; `text` names a field that is text."""
    panel = (
        _filled(stat.Panel(), title, description, [target], empty)
        .unit(unit)
        .thresholds(steps(*thresholds))
        .reduce_options(_last(f"/^{text}$/" if text else ""))
        .color_mode(models.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(models.BigValueGraphMode.NONE)
        .justify_mode(models.BigValueJustifyMode.CENTER)
        .text_mode(models.BigValueTextMode.AUTO)
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel if mappings is None else panel.mappings(mappings)


def timeline(
    title: str,
    description: str,
    target: Query,
    mappings: list[ValueMapping],
    *,
    unit: str = "short",
    empty: str,
) -> statetimeline.Panel:
    """A row of coloured states over time for each series; blank where nothing came."""
    return (
        _filled(statetimeline.Panel(), title, description, [target], empty)
        .unit(unit)
        .mappings(mappings)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .show_value(models.VisibilityMode.NEVER)
        .row_height(0.8)
        .merge_values(True)
        .line_width(0)
        .fill_opacity(85)
        .legend(_legend())
        # A state shorter than a minute is nothing that a person acts upon; more points than these nobody sees.
        .interval("1m")
        .max_data_points(288)
    )


def rows(title: str, description: str, *targets: Query, empty: str = NOTHING) -> table.Panel:
    """A table."""
    return _filled(table.Panel(), title, description, targets, empty).cell_height(models.TableCellHeight.SM)


def buckets(title: str, description: str, unit: str, target: Query, *, empty: str = NOTHING) -> heatmap.Panel:
    """A heatmap of series that are buckets, the lowest first, each named by where it begins."""
    color = (
        heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").exponent(0.5).steps(64)
    )
    return (
        _filled(heatmap.Panel(), title, description, [target], empty)
        .unit(unit)
        .calculate(False)
        .color(color.fill("dark-blue").reverse(False))
        .rows_frame(heatmap.RowsHeatmapOptions().layout(models.HeatmapCellLayout.GE))
        .cell_values(heatmap.CellValues().unit(unit))
        .y_axis(heatmap.YAxisConfig().unit("short").decimals(1).axis_placement(models.AxisPlacement.LEFT))
        .show_legend()
    )


def bars(title: str, description: str, unit: str, *targets: Query, empty: str = "0") -> bargauge.Panel:
    """A bar for each series, its number beside it."""
    return (
        _filled(bargauge.Panel(), title, description, targets, empty)
        .unit(unit)
        .reduce_options(_last())
        .orientation(models.VizOrientation.HORIZONTAL)
        .display_mode(models.BarGaugeDisplayMode.BASIC)
        .value_mode(models.BarGaugeValueMode.TEXT)
        .thresholds(steps((None, BLUE)))
    )
