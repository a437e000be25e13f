"""Rules about the pipeline: that readings arrive, are scored and stored, and that nothing is about to stop that."""

from dashboards.alerts_fans import SILENT_AFTER_S
from dashboards.alerts_model import Above, Below, Group, Rule
from dashboards.alerts_model import pipeline_rule as rule
from dashboards.alerts_queries import increase, latest, within
from dashboards.queries import KNOWN_FOR, means, queue_share, raw, select, union
from fanwatch.sensors import COUNTED

METRICS_EVERY_S = 10
"""Seconds between two looks of Telegraf at the parts."""
_BACKLOG = 1000
_TAKEN = 4
"""So often within two minutes no client takes over its own old connection."""
_NEARLY_FULL = 0.75
"""Of what the broker queues for one client: as much as it stores for all of them is more than any one's."""
_PLAYED_IN = 0.1
"""Where so much of what arrives is history, that makes the backlog."""
_THERE = 0.6
"""For so much of ten minutes connector and scoring must have answered: without them a backlog is their absence."""
# Of ten minutes of Telegraf's own figures so many must be there before they are compared with others': a restart takes
# a few seconds of its counters with it, a longer absence makes them say nothing.
_SAMPLES = int(600 / METRICS_EVERY_S * 0.92)


def group(silent_s: int = SILENT_AFTER_S) -> Group:
    """All of them. `silent_s`: after so many seconds without a reading a fan is silent."""
    rules = (*_away(), _ingest(silent_s), *_lost(), _behind(), *_backlog())
    return Group("pipeline", "30s", rules)


def _ingest(silent_s: int) -> Rule:
    age, before = f"{2 * silent_s}s", f"{3 * silent_s}s"
    telemetry = "\"input\" = 'telemetry'"
    known = union(
        select('count("n") AS "v"', means("telemetry"), within(KNOWN_FOR)),
        select(f'count("{COUNTED}") AS "v"', raw("telemetry"), within("20m")),
    )
    return rule(
        "ingest-stopped",
        "Ingest stopped",
        {
            # By what arrives and not by its times: history that is played in is no silence.
            "arrived": increase("telegraf", "gathered", age, telemetry),
            "known": select('sum("v") AS "v"', known),
            # Telegraf was there before, too: after a start, the fans have yet to find the way back.
            "before": select('count("gathered") AS "v"', raw("telegraf"), telemetry, within(before, age)),
        },
        "$arrived == 0 && $known > 0 && $before > 0",
        reach_s=86_400,
        lasting="30s",
        severity="critical",
        summary="No readings arrive",
        description=f"Not one reading of any fan arrived within the last {age}. Single silent fans are not reported.",
    )


def _away() -> tuple[Rule, ...]:
    others = "\"part\" != 'scoring' AND \"part\" != 'store'"
    seen = union(
        select('count("written") AS "v"', raw("telegraf"), within("2m")),
        select('count("written") * 0 AS "v"', raw("telegraf"), within(KNOWN_FOR)),
    )
    return (
        rule(
            "store-away",
            "Store away",
            {"up": latest("up", "up", "2m", "\"part\" = 'store'", of="max")},
            Below(1),
            reach_s=120,
            lasting="30s",
            severity="critical",
            summary="InfluxDB does not answer",
            description=(
                "Queries fail. Readings are scored all the same and the broker keeps what is to be stored; until "
                "InfluxDB is back, no other rule can see anything."
            ),
            on_error="Alerting",
        ),
        rule(
            "storing-stopped",
            "Storing stopped",
            # 0 where Telegraf has written within a day, and not now; no row on a new machine.
            {"seen": select('sum("v") AS "v"', seen)},
            Below(1),
            reach_s=86_400,
            lasting="1m",
            severity="critical",
            summary="Telegraf writes nothing",
            description=(
                "InfluxDB answers and has had nothing from Telegraf for two minutes, not even Telegraf's own "
                "figures. The broker keeps what is to be stored; rules about parts see nothing meanwhile."
            ),
        ),
        rule(
            "scoring-away",
            "Scoring away",
            {"up": latest("up", "up", "1m", "\"part\" = 'scoring'", of="max")},
            Below(1),
            reach_s=60,
            lasting="1m",
            severity="critical",
            summary="Nothing is scored",
            description=(
                "score-fan has not been ready for a minute. Readings wait in the broker and are scored later; "
                "until then a fan that fails is not seen."
            ),
        ),
        rule(
            "part-down",
            "Part down",
            {"up": latest("up", "up", "1m", others, "part", of="max")},
            Below(1),
            reach_s=60,
            lasting="1m",
            severity="critical",
            summary="{{ .Labels.part }} is down",
            description=(
                "{{ .Labels.part }} has not answered for a minute, or is not ready: `fanwatch status` says why. "
                "Readings wait in the broker meanwhile."
            ),
        ),
        rule(
            "client-id-used-twice",
            "Client id used twice",
            # Those of our own parts: whose else it is, the page says.
            {"taken": latest("takeover", "value", "2m", "\"client\" != ''", "client", of="count")},
            Above(_TAKEN),
            reach_s=120,
            severity="critical",
            summary="Another client uses the id {{ .Labels.client }}",
            description=(
                "Each ends the other's connection, and what comes goes to one or the other. End it; a second connector "
                "needs an id of its own (FANWATCH_CONNECTOR_ID), a second Telegraf a broker of its own."
            ),
        ),
    )


def _behind() -> Rule:
    return rule(
        "stored-behind-scored",
        "Stored behind scored",
        {
            "scored": increase(
                "connector", "fanwatch_connector_scored_total", "10m", '"function" =~ /^score-fan/'
            ),
            "stored": increase("telegraf", "gathered", "10m", "\"input\" = 'anomaly'"),
            "samples": select(
                'count("gathered") AS "v"', raw("telegraf"), "\"input\" = 'anomaly'", within("10m")
            ),
        },
        f"$scored >= 100 && $scored - $stored > $scored * 0.2 && $samples >= {_SAMPLES}",
        reach_s=600,
        lasting="2m",
        severity="critical",
        summary="Results are scored and not stored",
        description="Of {{ .Values.scored }} results within ten minutes only {{ .Values.stored }} reached Telegraf.",
    )


def _lost() -> tuple[Rule, ...]:
    return (
        rule(
            "dead-letters",
            "Dead letters",
            {"letters": latest("dead_letter", "id", "1h", of="count")},
            Above(0),
            reach_s=3600,
            severity="warning",
            summary="Readings could not be scored",
            description="{{ .Values.letters }} readings within the last hour became dead letters. They are kept.",
        ),
        rule(
            "messages-dropped",
            "Messages dropped",
            {"dropped": increase("dropped", "count", "15m", by="kind reason")},
            Above(0),
            reach_s=900,
            severity="warning",
            summary="Messages of kind {{ .Labels.kind }} are no points ({{ .Labels.reason }})",
            description=(
                "{{ .Values.dropped }} messages within 15 minutes could not be stored, for their {{ .Labels.reason }}."
            ),
        ),
        rule(
            "points-refused",
            "Points refused",
            {"refused": increase("telegraf", "rejected", "15m")},
            Above(0),
            reach_s=900,
            severity="critical",
            summary="InfluxDB refuses points",
            description="{{ .Values.refused }} points within 15 minutes were refused by InfluxDB, and are lost.",
        ),
        rule(
            "broker-drops",
            "Broker drops",
            {"dropped": increase("broker", "publish_dropped", "10m")},
            Above(0),
            reach_s=600,
            severity="critical",
            summary="The broker throws messages away",
            description="{{ .Values.dropped }} messages within ten minutes were lost: a queue of the broker is full.",
        ),
    )


def _backlog() -> tuple[Rule, ...]:
    before = select('max("stored_messages") AS "v"', raw("broker"), within("10m", "8m"))
    working = "\"part\" = 'connector' OR \"part\" = 'scoring'"
    return (
        rule(
            "backlog-growing",
            "Backlog growing",
            # All of the last two minutes above all of two minutes before, and that for longer than they lie apart: no
            # burst, no backlog that shrinks, and none that came at once and stands.
            # History that is played in comes as fast as it can, and an outage has alerts of its own.
            {
                "now": latest("broker", "stored_messages", "2m", of="min"),
                "before": before,
                "arrived": increase("telegraf", "gathered", "10m", "\"input\" = 'telemetry'"),
                "history": increase("delayed", "readings", "10m"),
                "there": latest("up", "up", "10m", f"({working})", of="mean"),
            },
            f"$now - $before > {_BACKLOG} && $history <= $arrived * {_PLAYED_IN} && $there > {_THERE}",
            reach_s=600,
            lasting="10m",
            severity="warning",
            summary="More arrives than is worked off",
            description="The broker holds at least {{ .Values.now }} messages; it was {{ .Values.before }} before.",
        ),
        rule(
            "backlog-near-its-limit",
            "Backlog near its limit",
            # The last word and not two minutes of it: at 1,000 readings a second the rest is gone in two minutes.
            {"share": select(queue_share("last"), raw("broker"), within("1m"))},
            Above(_NEARLY_FULL),
            reach_s=60,
            severity="critical",
            summary="A queue of the broker may be nearly full",
            description=(
                "The broker holds {{ humanizePercentage .Values.share.Value }} of what it queues for one client that "
                "is away. Beyond its limit it throws away what is to be scored or stored."
            ),
        ),
    )
