"""One fan, or a few: what is it doing, since when, and why?"""

from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh, VariableSort

from dashboards import fan_queries, look
from dashboards.bundle import Bundle
from dashboards.fan_panels import JOINED_MS, fans_table, renamed, sensor_panel
from dashboards.influxql import SOURCE, Events, Query
from dashboards.look import ORANGE, PURPLE, RED, YELLOW, fixed, prop
from dashboards.page import FAN, page, pairs
from dashboards.panels import rows, series, stacked, timeline
from dashboards.sdk import dashboard, statetimeline, table, timeseries
from fanwatch.sensors import FEATURES


def fan(bundle: Bundle) -> Dashboard:
    """The dashboard."""
    return page(
        FAN,
        "Fanwatch: one fan",
        "What the chosen fans are doing, since when, and why.",
        [
            (4, [(24, _now(bundle))]),
            (7, [(16, _probability()), (8, _quality())]),
            (4, [(12, _states()), (12, _causes())]),
            *pairs(7, [_signal(bundle, name) for name in FEATURES]),
            "Alarms",
            (4, [(24, _severities())]),
            (6, [(24, _episodes())]),
        ],
        span="1h",
        variables=[_chosen()],
        annotations=_events(),
    )


def _chosen() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("deviceID")
        .label("Fan")
        .description("Fans heard within a day")
        .datasource(SOURCE)
        .query('SHOW TAG VALUES FROM "raw"."telemetry" WITH KEY = "deviceID" WHERE time > now() - 1d')
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(False)
        # A fan that has been gone for longer can be typed in.
        .allow_custom_value(True)
    )


def _events() -> list[dashboard.AnnotationQuery]:
    began = Events(fan_queries.fault_events(), text="deviceID")
    alarms = Events(fan_queries.episode_events(), text="why", tags="state,deviceID", end="episode.updated_ms")
    return [
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(color)
        .target(target)
        for name, color, target in (("Faults begin", RED, began), ("Alarm episodes", ORANGE, alarms))
    ]


def _now(bundle: Bundle) -> table.Panel:
    return fans_table(
        "Now",
        "What the chosen fans need. Score, cause of the last fault and quality are of the last ten minutes.",
        bundle.threshold,
        fan_queries.CHOSEN,
    )


def _probability() -> timeseries.Panel:
    dashes = prop("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})
    return (
        series(
            "Probability of a fault",
            "Mean score of each interval. A result whose score reaches the threshold (dashed) is a fault. Single "
            "faults happen to healthy fans; a line that stays above does not.",
            "percentunit",
            Query(fan_queries.probability(), ref="A", alias="$tag_deviceID"),
            Query(fan_queries.threshold(), ref="B", alias="threshold"),
        )
        .span_nulls(JOINED_MS)
        .min(0)
        .max(1)
        .override_by_name("threshold", [fixed(RED), dashes])
    )


def _quality() -> timeseries.Panel:
    panel = series(
        "Results that are not ok",
        "Extrapolated: outside what the model was trained on, scored as the nearest it knows. Implausible: no working "
        "sensor gives this, so there is no score.",
        "short",
        *(
            Query(fan_queries.not_ok(quality), ref=ref, alias=f"{quality} $tag_deviceID")
            for ref, quality in (("A", "extrapolated"), ("B", "implausible"))
        ),
        empty="All results are ok",
    )
    return (
        stacked(panel)
        .interval("1m")
        .min(0)
        .decimals(0)
        .override_by_regexp("/^extrapolated/", [fixed(YELLOW)])
        .override_by_regexp("/^implausible/", [fixed(PURPLE)])
    )


def _states() -> statetimeline.Panel:
    return timeline(
        "State by score",
        "Share of each interval's results that are faults: fine below 10 %, faulty from 50 % on. Blank: nothing came.",
        Query(fan_queries.fault_shares(), alias="$tag_deviceID"),
        look.FAULT_SHARES,
        unit="percentunit",
        empty="No result in this range",
    )


def _causes() -> statetimeline.Panel:
    return timeline(
        "Cause of faults",
        "The signal that speaks most for the last fault in each interval. Blank: no fault.",
        Query(fan_queries.causes(), alias="$tag_deviceID"),
        look.CAUSES,
        empty="No fault in this range",
    )


def _signal(bundle: Bundle, name: str) -> timeseries.Panel:
    return sensor_panel(
        bundle.sensors[name],
        "Mean of each interval. Where one is ten minutes or more, or older than 31 days, of means of ten minutes.",
        Query(fan_queries.signal(name), alias="$tag_deviceID"),
    )


def _severities() -> statetimeline.Panel:
    return timeline(
        "What forecast-fan said",
        "State of the fan's alarm, from when it was said until the next time.",
        Query(fan_queries.severities(), alias="$tag_deviceID"),
        look.SEVERITIES,
        empty="forecast-fan has said nothing of this fan in this range",
    )


def _episodes() -> table.Panel:
    when = [prop("unit", "dateTimeAsIso"), prop("custom.width", 125)]
    colored = {"type": "color-background", "mode": "basic"}
    panel = rows(
        "Alarm episodes",
        "The last 50 episodes of the chosen fans, whatever the range: since when, why, and when failure is expected.",
        Query(fan_queries.episodes(), table=True),
        empty="No alarm in the last 31 days",
    )
    names = {
        "Time": "Since",
        "deviceID": "Fan",
        "state": "State",
        "cause": "Cause",
        "sensor": "Sensor",
        "risk": "Risk",
        "earliest_ms": "Failure from",
        "latest_ms": "Failure until",
        "acknowledgedBy": "Known to",
        "updated_ms": "Last update",
        "why": "Why",
    }
    for column in ("Since", "Failure from", "Failure until", "Last update"):
        panel = panel.override_by_name(column, when)
    for column in ("Fan", "State", "Cause", "Sensor", "Known to"):
        panel = panel.override_by_name(column, [prop("custom.width", 90)])
    return (
        panel.unit("short")
        .override_by_name(
            "Risk", [prop("unit", "percentunit"), prop("decimals", 0), prop("custom.width", 70)]
        )
        .override_by_name("State", [prop("mappings", look.STATES), prop("custom.cellOptions", colored)])
        .with_transformation(renamed(names))
    )
