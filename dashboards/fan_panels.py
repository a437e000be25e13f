"""What several dashboards show: a signal's panel and the table of fans."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, MatcherConfig

from dashboards import look, queries
from dashboards.bundle import Sensor
from dashboards.influxql import Query
from dashboards.look import prop
from dashboards.page import link_to_fan
from dashboards.panels import rows, series, shaded
from dashboards.sdk import table, timeseries
from fanwatch.sensors import SENSORS

_GRAFANA: Final = {"rpm": "rotrpm", "°C": "celsius", "": "none"}
UNITS: Final = {sensor.name: _GRAFANA.get(sensor.unit, sensor.unit) for sensor in SENSORS}
"""Grafana's names of units; a unit that it does not know is written behind each value."""

PER_SECOND: Final = "suffix: /s"

JOINED_MS: Final = 660_000
"""Readings that lie no further apart are one line, so that a fan that sends every ten minutes is not a row of dots."""

# Columns of the table of fans: field, heading, width in pixels (0: what is left).
_COLUMNS: Final = (
    ("deviceID", "Fan", 80),
    ("need", "Needs", 100),
    ("Time", "Last seen", 115),
    ("score", "Score", 55),
    ("cause", "Cause", 85),
    ("quality", "Quality", 85),
    *((sensor.name, sensor.label, max(65, 40 + 5 * len(sensor.label))) for sensor in SENSORS),
    ("state", "Alarm", 75),
    ("earliest_ms", "Failure from", 120),
    ("why", "Why", 0),
)


def sensor_panel(sensor: Sensor, description: str, *targets: Query) -> timeseries.Panel:
    """A signal over time; orange is outside what healthy fans do."""
    healthy = f"Healthy fans stay within {sensor.low:g} to {sensor.high:g}; outside is orange."
    unit = (
        f"{sensor.name.capitalize()}, {sensor.unit}"
        if UNITS[sensor.name] == "none"
        else sensor.name.capitalize()
    )
    margin = (sensor.high - sensor.low) * 0.1
    panel = series(unit, f"{description} {healthy}", UNITS[sensor.name], *targets)
    return (
        shaded(panel, look.band(sensor.low, sensor.high))
        .span_nulls(JOINED_MS)
        .axis_soft_min(round(sensor.low - margin, 2))
        .axis_soft_max(round(sensor.high + margin, 2))
    )


def fans_table(title: str, description: str, threshold: float, where: str = "") -> table.Panel:
    """A row a fan: what it needs, when it was seen last, score, cause, values, alarm. The worst comes first."""
    panel = rows(
        title,
        description,
        Query(queries.need_by_results(where), ref="Results", table=True),
        Query(queries.need_by_readings(where), ref="Readings", table=True),
        Query(queries.need_by_alarms(where), ref="Alarms", table=True),
        Query(queries.out_of_service(where), ref="Out", table=True),
        Query(queries.last_reading(where), ref="Reading", table=True),
        Query(queries.last_result(where), ref="Result", table=True),
        Query(queries.last_alarm(where), ref="Alarm", table=True),
        empty="No fan has been heard within a day",
    )
    for transformation in _joined():
        panel = panel.with_transformation(transformation)
    for _, heading, width in _COLUMNS:
        if width:
            panel = panel.override_by_name(heading, [prop("custom.width", width)])
    for sensor, unit in UNITS.items():
        panel = panel.override_by_name(sensor.capitalize(), [prop("unit", unit), prop("decimals", 1)])
    colored = {"type": "color-background", "mode": "basic"}
    return (
        panel.unit("short")
        .override_by_name("Fan", [prop("links", [link_to_fan("Fan")])])
        .override_by_name("Needs", [prop("mappings", look.NEEDS), prop("custom.cellOptions", colored)])
        .override_by_name("Last seen", [prop("unit", "dateTimeFromNow")])
        .override_by_name(
            "Score",
            [
                prop("unit", "percentunit"),
                prop("decimals", 0),
                prop("thresholds", look.steps((None, look.GREEN), (threshold, look.RED)).build()),
                prop("custom.cellOptions", {"type": "color-text"}),
            ],
        )
        .override_by_name(
            "Quality", [prop("mappings", look.QUALITIES), prop("custom.cellOptions", {"type": "color-text"})]
        )
        .override_by_name("Failure from", [prop("unit", "dateTimeAsIso")])
    )


_NEEDS: Final = ("by_results", "by_readings", "by_alarms")


def _joined() -> list[DataTransformerConfig]:
    """One row a fan out of seven tables; of their times only that of the last reading is kept."""
    names = {field: heading for field, heading, _ in _COLUMNS}
    others = MatcherConfig(id_val="byRefId", options="/^(?:Results|Readings|Alarms|Out|Result|Alarm)$/")
    highest = {"include": list(_NEEDS), "reducer": "max"}
    less = {"include": ["most", "out"], "reducer": "sum"}
    return [
        DataTransformerConfig(
            id_val="filterFieldsByName", filter_val=others, options={"exclude": {"names": ["Time"]}}
        ),
        DataTransformerConfig(id_val="joinByField", options={"byField": "deviceID", "mode": "outer"}),
        DataTransformerConfig(
            id_val="calculateField", options={"mode": "reduceRow", "reduce": highest, "alias": "most"}
        ),
        DataTransformerConfig(
            id_val="calculateField", options={"mode": "reduceRow", "reduce": less, "alias": "need"}
        ),
        DataTransformerConfig(
            id_val="sortBy", options={"fields": {}, "sort": [{"field": "need", "desc": True}]}
        ),
        renamed(names, without=(*_NEEDS, "out", "most", "severity")),
    ]


def renamed(names: dict[str, str], without: tuple[str, ...] = ()) -> DataTransformerConfig:
    """A table's columns in this order, under these headings, without some."""
    return DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": dict.fromkeys(without, True),
            "indexByName": {field: index for index, field in enumerate(names)},
            "renameByName": names,
        },
    )
