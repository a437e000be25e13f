"""Fleet: is all well, and if not, which fan needs a person first?"""

from grafana_foundation_sdk.models.dashboard import Dashboard, VariableHide, VariableOption, VariableRefresh

from dashboards import fan_queries, look, queries
from dashboards.bundle import Bundle
from dashboards.fan_panels import PER_SECOND, fans_table, sensor_panel
from dashboards.influxql import SOURCE, Query
from dashboards.look import BLUE, GREEN, ORANGE, PURPLE, RED, YELLOW, fixed, prop
from dashboards.page import FLEET, page, pairs
from dashboards.panels import figure, timeline
from dashboards.sdk import dashboard, stat, statetimeline, table, timeseries
from fanwatch.fleet import faulty
from fanwatch.sensors import FEATURES

# So many fans of each kind are cheap to read from raw points, and few enough to look at.
_ATTENTION = 10


def fleet(bundle: Bundle) -> Dashboard:
    """The dashboard."""
    return page(
        FLEET,
        "Fanwatch: fleet",
        "Whether all fans are well, and which needs a person first.",
        [
            (3, [(3, panel) for panel in _figures()]),
            (9, [(24, _worst(bundle))]),
            (7, [(24, _states())]),
            "Signals of all fans",
            *pairs(7, [_signal(bundle, name) for name in FEATURES]),
        ],
        span="1h",
        variables=[_attention()],
    )


def _attention() -> dashboard.QueryVariable:
    """The fans in the timeline: not chosen by a person, so it does not show."""
    everyone = VariableOption(text="All", value="$__all", selected=True)
    return (
        dashboard.QueryVariable("attention")
        .label("Fans that need attention")
        .datasource(SOURCE)
        .query(queries.neediest(_ATTENTION))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(VariableHide.HIDE_VARIABLE)
        .multi(True)
        .include_all(True)
        .current(everyone)
    )


def _figures() -> list[stat.Panel]:
    after = f"{queries.SILENT_AFTER} ago"
    return [
        figure(
            "Fans reporting",
            f"Fans with a reading since {after}, whatever the range above.",
            "none",
            Query(queries.reporting()),
            (None, RED),
            (1, GREEN),
        ),
        figure(
            "Well",
            "Fans that report, whose readings are not faulty, and that forecast-fan judges to be well. None once it "
            f"has not judged for {faulty.VERDICT_S // 60} minutes.",
            "none",
            Query(queries.well_fans()),
            (None, YELLOW),
            (1, GREEN),
        ),
        figure(
            "Not judged",
            "Fans that report and have no verdict: too little is known of them, they stood still lately, or "
            f"forecast-fan has not judged any fan for {faulty.VERDICT_S // 60} minutes. Nobody knows whether they are "
            "well.",
            "none",
            Query(queries.unjudged_fans()),
            (None, GREEN),
            (1, YELLOW),
        ),
        figure(
            "Silent",
            f"Fans heard within {queries.KNOWN_FOR} but not since {after}: power, network or sensor box.",
            "none",
            Query(queries.silent_fans()),
            (None, GREEN),
            (1, BLUE),
        ),
        figure(
            "Faulty",
            f"Fans of which more than half of the last {faulty.FAULTY_S // 60} minutes' results are faults, "
            f"{faulty.FAULTS} at least.",
            "none",
            Query(queries.faulty_fans()),
            (None, GREEN),
            (1, RED),
        ),
        figure(
            "In alarm",
            "Fans that forecast-fan expects to fail, or says have stopped: warning, alarm or stopped.",
            "none",
            Query(queries.alarmed_fans(queries.WARNING)),
            (None, GREEN),
            (1, ORANGE),
        ),
        figure(
            "Broken sensors",
            "Fans whose sensor, not whose bearing, needs a person, as forecast-fan says.",
            "none",
            Query(queries.alarmed_fans(queries.INSTRUMENT, queries.INSTRUMENT)),
            (None, GREEN),
            (1, PURPLE),
        ),
        figure(
            "Readings stored",
            "Readings stored a second, over the last minute.",
            PER_SECOND,
            Query(queries.reading_rate()),
            (None, RED),
            (0.01, GREEN),
            decimals=1,
        ),
    ]


def _worst(bundle: Bundle) -> table.Panel:
    return fans_table(
        "What needs a person first",
        "Every fan heard within a day, the worst first: stopped, alarm, faulty, silent, not usable (it sends, and "
        "nothing of it can be used), warning, sensor broken, odd readings, not judged, fine, out of service; within "
        "each the highest score first. Score, cause and quality are of the last ten minutes. Fine is what forecast-fan "
        "said last; the figure Not judged says whether that still counts. A click on a fan opens it.",
        bundle.threshold,
    )


def _states() -> statetimeline.Panel:
    return timeline(
        "State over time of the fans that need attention",
        f"The {_ATTENTION} fans with most faults in this range, and as many that are silent and in alarm. State is "
        "the share of an interval's results that are faults: fine below 10 %, faulty from 50 % on. Blank: nothing "
        "came.",
        Query(fan_queries.fault_shares('"deviceID" =~ /^$attention$/'), alias="$tag_deviceID"),
        look.FAULT_SHARES,
        unit="percentunit",
        empty="No result in this range",
    ).per_page(20)


def _signal(bundle: Bundle, name: str) -> timeseries.Panel:
    extremes = [
        prop("custom.lineWidth", 0),
        prop("custom.fillOpacity", 15),
        prop("custom.fillBelowTo", "lowest"),
    ]
    return (
        sensor_panel(
            bundle.sensors[name],
            "Mean of all fans, the lowest and highest of any; the last half hour by the minute, older by ten minutes.",
            Query(queries.fleet("mean", name), ref="A", alias="mean"),
            Query(queries.fleet("max", name), ref="B", alias="highest"),
            Query(queries.fleet("min", name), ref="C", alias="lowest"),
        )
        # What a query of a thousand fans costs grows with the number of steps, and 240 are as many as one can see.
        .interval("1m")
        .max_data_points(240)
        .override_by_name("mean", [fixed("dark-blue"), prop("custom.lineWidth", 2)])
        .override_by_name("highest", [fixed(BLUE), *extremes])
        .override_by_name("lowest", [fixed(BLUE)])
    )
