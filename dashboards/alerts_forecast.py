"""Rules about the forecast: that it goes on, and for every fan. What it says of the fans is in alerts_fans."""

from typing import Final

from dashboards.alerts_model import Above, Group
from dashboards.alerts_model import pipeline_rule as rule
from dashboards.alerts_queries import increase, latest, within
from dashboards.queries import RETAINED, raw, select, union
from fanwatch.fleet.faulty import VERDICT_S

MISSED: Final = f"{VERDICT_S // 60}m"
"""Two runs of those that stack.yml's schedule asks for."""
LASTING: Final = "12m"
"""After a start, an outage or the playing of days, the next run comes within ten minutes; then it is over by itself."""
_PLAYED_IN = 0.5
"""Where more than this share of what arrives is history, days are played in; the forecast may wait for their end."""
_RUN = 'count("clock_ms")'


def group() -> Group:
    """All of them."""
    seen = union(
        select(f'{_RUN} AS "v"', raw("forecast"), within(MISSED)),
        select(f'{_RUN} * 0 AS "v"', raw("forecast"), within(RETAINED)),
    )
    rules = (
        rule(
            "forecasts-stopped",
            "Forecasts stopped",
            {
                # 0 where there was a run since points are kept, and none lately; no row where nobody forecasts.
                "runs": select('sum("v") AS "v"', seen),
                "results": increase("telegraf", "gathered", "10m", "\"input\" = 'anomaly'"),
                "arrived": increase("telegraf", "gathered", MISSED, "\"input\" = 'telemetry'"),
                "history": increase("delayed", "readings", MISSED),
            },
            f"$runs == 0 && $results > 0 && $history <= $arrived * {_PLAYED_IN}",
            reach_s=31 * 86_400,
            lasting=LASTING,
            severity="warning",
            summary="No fan is forecast any more",
            description=(
                "Readings are scored, but forecast-fan has finished no run for half an hour. What is known of each fan "
                "is as old as that: who was well then counts as not judged."
            ),
        ),
        rule(
            "fans-not-forecast",
            "Fans not forecast",
            {"failed": latest("forecast", "failed", "25m")},
            Above(0),
            reach_s=1500,
            lasting=LASTING,
            severity="warning",
            summary="forecast-fan cannot work some fans up",
            description=(
                "{{ .Values.failed }} fans could not be worked up by the last run, nor some by the one before. Their "
                "state is not judged, and its reason names the error; the others are forecast."
            ),
        ),
    )
    return Group("forecast", "1m", rules)
