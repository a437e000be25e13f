"""Rules about what has to be looked after: means, disk, certificates."""

from dashboards.alerts_model import Above, Below, Group
from dashboards.alerts_model import pipeline_rule as rule
from dashboards.alerts_queries import latest, within
from dashboards.queries import means, raw, select, union
from fanwatch.sensors import COUNTED

_DISK_BYTES = 5_000_000_000
_VOLUME = 0.8
"""Of the store's volume: merging a day's files needs room for both for a while."""
_CERTIFICATE_S = 14 * 86_400


def group() -> Group:
    """All of them."""
    windows = union(
        select('count("n") AS "v"', means("telemetry"), within("40m")),
        # Readings that have had the time to get their mean.
        select(f'count("{COUNTED}") * 0 AS "v"', raw("telemetry"), within("40m", "30m")),
    )
    full = select('last("disk_free_bytes") AS "v"', raw("machine"), '"disk_used_percent" > 80', within("5m"))
    rules = (
        rule(
            "means-behind",
            "Means behind",
            {"windows": select('sum("v") AS "v"', windows)},
            Below(1),
            reach_s=2400,
            # A backlog brings readings of back then at once; their means come with the next run.
            lasting="15m",
            severity="warning",
            summary="The 10-minute means are not made",
            description="Readings from half an hour ago have no means. Raw points go after 30 days, means stay.",
        ),
        rule(
            "disk-nearly-full",
            "Disk nearly full",
            {"free": full},
            Below(_DISK_BYTES),
            reach_s=300,
            lasting="5m",
            severity="critical",
            summary="The store's disk is nearly full",
            description="Less than 5 GB and a fifth of the disk are left. InfluxDB stops writing when none is.",
        ),
        rule(
            "store-volume-nearly-full",
            "Store volume nearly full",
            # No row where Telegraf was not told how large the volume is: there the disk is the measure.
            {
                "share": select(
                    'last("disk_bytes") / last("disk_limit_bytes") AS "v"', raw("store"), within("5m")
                )
            },
            Above(_VOLUME),
            reach_s=300,
            lasting="5m",
            severity="critical",
            summary="The store's volume is nearly full",
            description=(
                "InfluxDB's files take {{ humanizePercentage .Values.share.Value }} of its volume. It stops writing "
                "when none of it is left."
            ),
        ),
        rule(
            "certificate-near-its-end",
            "Certificate near its end",
            {"left": latest("x509_cert", "expiry", "2h", by="source common_name")},
            Below(_CERTIFICATE_S),
            reach_s=7200,
            severity="warning",
            summary="Certificate of {{ .Labels.source }} ends soon",
            description="{{ .Labels.common_name }} is valid for {{ humanizeDuration .Values.left.Value }} more.",
        ),
    )
    return Group("upkeep", "1m", rules)
