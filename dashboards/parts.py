"""How the parts of the pipeline and the machine below them are: panels of the pipeline's dashboard."""

from dashboards import look
from dashboards.counters import latest, level, rate, total
from dashboards.fan_panels import PER_SECOND
from dashboards.influxql import Query
from dashboards.look import BLUE, GREEN, ORANGE, RED, prop
from dashboards.panels import figure, series, timeline
from dashboards.queries import KNOWN_FOR
from dashboards.sdk import stat, statetimeline, timeseries

_CPU = "process_cpu_seconds_total"
_MEMORY = "process_resident_memory_bytes"
_RUNS_JOINED_MS = 25 * 60_000
"""Runs of the forecast that lie no further apart are one line: they come every ten minutes, one may be missed."""


def parts() -> statetimeline.Panel:
    """Whether each part answers."""
    return timeline(
        "Parts that answer",
        "Health of each part as Telegraf sees it. Blank: Telegraf or the store was away itself.",
        Query(level("up", "up", by=("part",), of="min", fill="null"), alias="$tag_part"),
        look.UP,
        empty="Telegraf has said nothing in this range",
    )


def forecasts() -> timeseries.Panel:
    """What the runs of forecast-fan did."""
    fans = [prop("unit", "short"), prop("decimals", 0), prop("custom.axisPlacement", "right")]
    return (
        series(
            "Runs of the forecast",
            "A point a run: how long it took (left), and how many fans it has left for the next one (behind) or could "
            "not work up (failed), right. Where points end, forecast-fan or its schedule has stopped: then what is "
            "said of the fans is as old as the last one.",
            "s",
            Query(level("forecast", "seconds"), ref="A", alias="took"),
            Query(level("forecast", "behind"), ref="B", alias="fans behind"),
            Query(level("forecast", "failed"), ref="C", alias="fans failed"),
            empty="No run in this range",
            calcs=["lastNotNull", "max"],
        )
        .min(0)
        .span_nulls(_RUNS_JOINED_MS)
        .override_by_name("fans behind", fans)
        .override_by_name("fans failed", fans)
    )


def stores() -> list[timeseries.Panel]:
    """What the store and the broker do."""
    return [
        series(
            "Store",
            "Points written and queries answered by InfluxDB, and points or requests that it refused.",
            PER_SECOND,
            Query(rate("store", "points_written"), ref="A", alias="points written"),
            Query(rate("store", "queries"), ref="B", alias="queries"),
            Query(rate("store", "write_errors"), ref="C", alias="write errors"),
            Query(rate("telegraf", "dropped"), ref="D", alias="dropped by Telegraf"),
        ).min(0),
        series(
            "Disk of the store",
            "Bytes that InfluxDB's files take, and the size of its volume where it has one of its own (K3s).",
            "bytes",
            Query(level("store", "disk_bytes"), ref="A", alias="on disk"),
            Query(level("store", "disk_limit_bytes"), ref="B", alias="its volume"),
        ).min(0),
        series(
            "Broker",
            "Messages that Mosquitto received, sent and dropped, its own and those of the protocol included.",
            PER_SECOND,
            Query(rate("broker", "messages_received"), ref="A", alias="received"),
            Query(rate("broker", "messages_sent"), ref="B", alias="sent"),
            Query(rate("broker", "publish_dropped"), ref="C", alias="dropped"),
        ).min(0),
    ]


def processes() -> list[timeseries.Panel]:
    """What the processes take."""
    return [
        series(
            "CPU of the parts",
            "What each part takes of a core; 100 % is a whole one. Of functions, the sum of their replicas. Mosquitto "
            "and Telegraf do not say what they take: it is in the CPU of the machine, beside this.",
            "percentunit",
            Query(rate("connector", _CPU), ref="A", alias="connector"),
            Query(rate("gateway", _CPU), ref="B", alias="gateway"),
            Query(rate("function", _CPU, by=("function",)), ref="C", alias="$tag_function"),
            Query(rate("store", _CPU), ref="D", alias="InfluxDB"),
        ).min(0),
        series(
            "Memory of the parts",
            "Memory in use; of Mosquitto, InfluxDB and Telegraf what they say of their own heaps.",
            "bytes",
            Query(level("connector", _MEMORY), ref="A", alias="connector"),
            Query(level("gateway", _MEMORY), ref="B", alias="gateway"),
            Query(total("function", _MEMORY, by=("function",)), ref="C", alias="$tag_function"),
            Query(level("store", "memory_bytes"), ref="D", alias="InfluxDB"),
            Query(level("telegraf", "memory_bytes"), ref="E", alias="Telegraf"),
            Query(level("broker", "heap_bytes"), ref="F", alias="Mosquitto"),
        ).min(0),
        series(
            "Machine",
            "CPU and memory of the whole machine.",
            "percent",
            Query(level("machine", "cpu_percent", of="mean"), ref="A", alias="CPU"),
            Query(level("machine", "memory_used_percent"), ref="B", alias="memory"),
        )
        .min(0)
        .max(100),
    ]


def machine() -> list[stat.Panel]:
    """What is left of the machine, and who is connected."""
    return [
        figure(
            "Disk used",
            "Of the disk that the store writes to.",
            "percent",
            Query(latest("machine", "disk_used_percent")),
            (None, GREEN),
            (75, ORANGE),
            (90, RED),
            empty="no word from Telegraf",
        ),
        figure(
            "Disk free",
            "Left for the store.",
            "bytes",
            Query(latest("machine", "disk_free_bytes")),
            (None, RED),
            (2e9, ORANGE),
            (1e10, GREEN),
            decimals=1,
            empty="no word from Telegraf",
        ),
        figure(
            "Series in the store",
            "Grows with the number of fans only; four thousand are a thousand fans.",
            "short",
            Query(latest("store", "series")),
            (None, BLUE),
            empty="no word from the store",
        ),
        figure(
            "Clients of the broker",
            "Connected: fans or their boxes, the connector, score-fan, Telegraf. As the broker said last, which "
            "it does when their number changes.",
            "none",
            Query(latest("broker", "clients_connected", age=KNOWN_FOR)),
            (None, BLUE),
            empty="no word from the broker",
        ),
    ]
