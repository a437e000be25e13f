"""Pipeline: is everything that fans send scored and stored, how fast, and what is in the way?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look
from dashboards.counters import increase, level, mean_time, rate, slower
from dashboards.fan_panels import PER_SECOND
from dashboards.influxql import Query
from dashboards.look import BLUE, GREEN, ORANGE, RED, prop
from dashboards.outcome import CONNECTOR, ledger, letters, reasons, refused, trouble
from dashboards.page import PIPELINE, page
from dashboards.panels import figure, series, timeline
from dashboards.parts import forecasts, machine, parts, processes, stores
from dashboards.queries import INTERVAL, queue_share, raw, select, since
from dashboards.sdk import stat, statetimeline, timeseries

_SLOW_S = 1
_OF_LIMIT = "in the broker, of a queue's limit"


def pipeline() -> Dashboard:
    """The dashboard."""
    return page(
        PIPELINE,
        "Fanwatch: pipeline",
        "Whether everything that fans send is scored and stored, how fast, and what is in the way.",
        [
            (3, [(4, panel) for panel in _figures()]),
            (8, [(12, _rates()), (12, _backlog())]),
            (7, [(12, _latency()), (12, _slow())]),
            (4, [(12, parts()), (12, _breaker())]),
            (6, [(24, forecasts())]),
            "What became of it",
            (7, [(8, ledger()), (8, trouble()), (8, refused())]),
            (7, [(8, reasons()), (16, letters())]),
            "Store and broker",
            (7, [(8, panel) for panel in stores()]),
            "Processes and machine",
            (7, [(8, panel) for panel in processes()]),
            (3, [(6, panel) for panel in machine()]),
        ],
        span="1h",
    )


def _figures() -> list[stat.Panel]:
    return [
        figure(
            "Waiting in the broker",
            "Messages that the broker keeps for its clients, without those it retains: nothing is lost, but late. "
            "A few dozen are under way at any time.",
            "short",
            Query(select(_queued("last"), raw("broker"), since("1m"))),
            (None, GREEN),
            (1_000, ORANGE),
            (100_000, RED),
            empty="no word from the broker",
        ),
        figure(
            "Scored",
            "Readings scored a second, over the last minute.",
            PER_SECOND,
            _per_second("connector", CONNECTOR + "scored_total"),
            (None, BLUE),
            decimals=1,
        ),
        figure(
            "Stored results",
            "Results that Telegraf took from the broker a second, over the last minute. Stays close to what is scored.",
            PER_SECOND,
            _per_second("telegraf", "gathered", "\"input\" = 'anomaly'"),
            (None, BLUE),
            decimals=1,
        ),
        figure(
            "Dead letters",
            "Messages that could not be scored, in this range: `fanwatch dead-letters` lists and resends them.",
            "short",
            Query(select('count("id") AS "letters"', raw("dead_letter"), "$timeFilter")),
            (None, GREEN),
            (1, ORANGE),
        ),
        figure(
            "Dropped by the broker",
            "Messages that the broker threw away in this range: a queue was full. These readings are lost.",
            "short",
            Query(increase("broker", "publish_dropped")),
            (None, GREEN),
            (1, RED),
        ),
        figure(
            "Certificate ends in",
            "The certificate that ends first.",
            "s",
            Query(select('min("expiry") AS "left"', raw("x509_cert"), "time > now() - 10m")),
            (None, RED),
            (7 * 86_400, ORANGE),
            (30 * 86_400, GREEN),
            empty="no TLS",
            decimals=1,
        ),
    ]


def _queued(of: str) -> str:
    return f'{of}("stored_messages") - {of}("retained_messages") AS "v"'


def _per_second(measurement: str, field: str, where: str = "") -> Query:
    each = select(
        f'non_negative_difference("{field}") AS "d"', raw(measurement), "time > now() - 70s", where, by=("*",)
    )
    return Query(f'SELECT sum("d") / 60 AS "rate" FROM ({each})')


def _rates() -> timeseries.Panel:
    return series(
        "Rate at each hop",
        "What the broker took from publishers (readings, results and dead letters), what the connector received, what "
        "was scored, what Telegraf stored. Received, scored and both kinds stored run on one line while all is well.",
        PER_SECOND,
        Query(rate("broker", "publish_received"), ref="A", alias="taken by the broker, all topics"),
        Query(rate("connector", CONNECTOR + "received_total"), ref="B", alias="received by the connector"),
        Query(rate("connector", CONNECTOR + "scored_total"), ref="C", alias="scored"),
        Query(rate("telegraf", "gathered", "\"input\" = 'telemetry'"), ref="D", alias="readings stored"),
        Query(rate("telegraf", "gathered", "\"input\" = 'anomaly'"), ref="E", alias="results stored"),
        calcs=["lastNotNull", "max"],
    ).min(0)


def _backlog() -> timeseries.Panel:
    return (
        series(
            "Backlog",
            "Messages under way or waiting: in the broker's queues, in the connector's memory, for a function not yet "
            "deployed, in Telegraf's buffer. What grows without end names the hop behind it as the slow one. Right: "
            "the bytes that the broker holds, of what it queues for one client; at 100 % it may begin to drop.",
            "short",
            Query(
                select(_queued("max"), raw("broker"), "$timeFilter", by=(INTERVAL,), fill="none"),
                ref="A",
                alias="in the broker",
            ),
            Query(level("connector", CONNECTOR + "held"), ref="B", alias="held by the connector"),
            Query(level("connector", CONNECTOR + "waiting"), ref="C", alias="waiting for a function"),
            Query(
                level("connector", CONNECTOR + "dead_letters_waiting"), ref="D", alias="dead letters waiting"
            ),
            Query(level("telegraf", "buffer_size"), ref="E", alias="in Telegraf"),
            Query(
                select(queue_share("max"), raw("broker"), "$timeFilter", by=(INTERVAL,), fill="none"),
                ref="F",
                alias=_OF_LIMIT,
            ),
            calcs=["lastNotNull", "max"],
        )
        .min(0)
        .decimals(0)
        .override_by_name(_OF_LIMIT, [prop("unit", "percentunit"), prop("custom.axisPlacement", "right")])
    )


def _latency() -> timeseries.Panel:
    return series(
        "Latency",
        "Means. Acknowledged: from a message's arrival until it was settled, of each call the one that waited longest. "
        "Call: of the connector's calls of functions.",
        "s",
        Query(
            mean_time("connector", CONNECTOR + "settled_seconds", "function"),
            ref="A",
            alias="acknowledged, $tag_function",
        ),
        Query(
            mean_time("connector", CONNECTOR + "call_seconds", "function"),
            ref="B",
            alias="call, $tag_function",
        ),
        calcs=["lastNotNull", "max"],
    ).min(0)


def _slow() -> timeseries.Panel:
    return series(
        "Share slower than a second",
        "Of arrivals until acknowledgement, and of calls.",
        "percentunit",
        Query(
            slower("connector", CONNECTOR + "settled_seconds", _SLOW_S),
            ref="A",
            alias="acknowledged",
        ),
        Query(slower("connector", CONNECTOR + "call_seconds", _SLOW_S), ref="B", alias="calls"),
        calcs=["lastNotNull", "max"],
    ).min(0)


def _breaker() -> statetimeline.Panel:
    return timeline(
        "Breaker open",
        "Whether the connector takes a function to be away and only probes it; readings wait in the broker meanwhile.",
        Query(
            level("connector", CONNECTOR + "breaker_open", by=("function",), fill="null"),
            alias="$tag_function",
        ),
        look.SWITCH,
        empty="The connector has not called a function",
    )
