"""What became of the messages: panels of the pipeline's dashboard."""

from typing import Final

from dashboards.counters import increase, rate
from dashboards.fan_panels import PER_SECOND, renamed
from dashboards.influxql import Query
from dashboards.look import prop
from dashboards.panels import bars, rows, series, stacked
from dashboards.queries import INTERVAL, raw, select, union
from dashboards.sdk import bargauge, table, timeseries

CONNECTOR: Final = "fanwatch_connector_"
"""What the connector's metrics begin with."""
REASONS: Final = (
    "json",
    "field",
    "deviceID",
    "topic",
    "time",
    "clock",
    "oversized",
    "unscorable",
    "no-function",
)
"""Why a message becomes a dead letter; a reason is a field, which InfluxQL cannot group by."""


def ledger() -> bargauge.Panel:
    counters = ("received", "scored", "dead_lettered", "duplicated", "retried", "acknowledged")
    of_connector = [
        Query(increase("connector", f"{CONNECTOR}{name}_total"), ref=name, alias=name.replace("_", "-"))
        for name in counters
    ]
    stored = [
        Query(increase("telegraf", "gathered", f"\"input\" = '{kind}'"), ref=kind, alias=f"{words} stored")
        for kind, words in (("telemetry", "readings"), ("anomaly", "results"))
    ]
    return bars(
        "Ledger of this range",
        "By the parts' own counters, which begin anew with each start; a started part's first ten seconds are missing. "
        "Exact, and over any restart: `fanwatch dead-letters` and the measurements themselves.",
        "locale",
        *of_connector,
        *stored,
    ).decimals(0)


def trouble() -> timeseries.Panel:
    return series(
        "Retries, duplicates and failed calls",
        "Messages sent to a function once more, and messages that were settled after their connection had ended and "
        "come again. Neither loses or doubles a reading.",
        PER_SECOND,
        Query(rate("connector", CONNECTOR + "retried_total"), ref="A", alias="retried"),
        Query(rate("connector", CONNECTOR + "duplicated_total"), ref="B", alias="duplicated"),
        Query(
            rate("connector", CONNECTOR + "calls_total", "\"status\" != '200'", by=("status",)),
            ref="C",
            alias="calls, status $tag_status",
        ),
    ).min(0)


def refused() -> bargauge.Panel:
    return bars(
        "Messages that are no points",
        "What Telegraf could not store in this range, by kind and by what was wrong with it; a publisher sends it so.",
        "short",
        Query(_refused_ones(), alias="$tag_kind: $tag_reason"),
        empty="none",
    ).decimals(0)


def _refused_ones() -> str:
    """By kind and reason, where there was any."""
    each = increase("dropped", "count", by=("kind", "reason"))
    return select('"v"', union(each), '"v" > 0', by=('"kind"', '"reason"'))


def reasons() -> timeseries.Panel:
    panel = series(
        "Dead letters by reason",
        "Messages that could not be scored, by when they were first seen and why.",
        "short",
        *(Query(_letters_of(reason), ref=reason, alias=reason) for reason in REASONS),
        empty="none",
    )
    return stacked(panel).interval("1m").min(0).decimals(0)


def _letters_of(reason: str) -> str:
    """Dead letters in each interval, as stored: the connector's counter begins after the first of a reason."""
    return select(
        'count("id") AS "v"',
        raw("dead_letter"),
        f"\"reason\" = '{reason}'",
        "$timeFilter",
        by=(INTERVAL,),
        fill="none",
    )


def letters() -> table.Panel:
    columns = ("topic", "reason", "error", "attempts", "length")
    what = ", ".join(f'"{column}"' for column in columns)
    names = {
        "Time": "First seen",
        "topic": "Topic",
        "reason": "Reason",
        "attempts": "Attempts",
        "length": "Length",
        "error": "Error",
    }
    return (
        rows(
            "Latest dead letters",
            "The last 20 of this range. `fanwatch dead-letters` shows their payloads and resends them.",
            Query(
                select(what, raw("dead_letter"), "$timeFilter", tail="ORDER BY time DESC LIMIT 20"),
                table=True,
            ),
            empty="none",
        )
        .unit("short")
        .override_by_name("First seen", [prop("unit", "dateTimeAsIso"), prop("custom.width", 160)])
        .override_by_name("Reason", [prop("custom.width", 110)])
        .override_by_name("Attempts", [prop("custom.width", 80)])
        .override_by_name("Length", [prop("unit", "bytes"), prop("custom.width", 80)])
        .with_transformation(renamed(names))
    )
