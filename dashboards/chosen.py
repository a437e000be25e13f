"""InfluxQL about a few fans, by default those that the dashboard's variable chooses."""

from typing import Final

from dashboards.queries import EACH_FAN, INTERVAL, RETAINED, means, raw, select, since, union

CHOSEN: Final = '"deviceID" =~ /^$deviceID$/'

# Up to here raw points are cheap for a few fans; from here on a window of the means fills each interval.
_COARSE_MS: Final = 600_000


def fans(point: str, window: str, measurement: str, where: str = CHOSEN, function: str = "mean") -> str:
    """A figure of a few fans over time, one series a fan: `v`, null where nothing came.

    `point` is taken of raw points as long as an interval is shorter than a window of the means, `window` of the means
    where it is not, or where raw points are gone. Each yields a column `v`.
    """
    by = (INTERVAL, EACH_FAN)
    fine, coarse = f"$__interval_ms < {_COARSE_MS}", f"$__interval_ms >= {_COARSE_MS}"
    parts = [select(point, raw(measurement), "$timeFilter", where, fine, by=by, fill="none")]
    if window:
        gone = f"time < now() - {RETAINED}"
        parts.append(select(window, means(measurement), "$timeFilter", where, coarse, by=by, fill="none"))
        parts.append(select(window, means(measurement), "$timeFilter", where, fine, gone, by=by, fill="none"))
    return select(f'{function}("v") AS "v"', union(*parts), "$timeFilter", by=by, fill="null")


def signal(sensor: str) -> str:
    """A signal of the chosen fans over time: `v`."""
    return fans(f'mean("{sensor}") AS "v"', f'mean("{sensor}_mean") AS "v"', "telemetry")


def fault_shares(where: str = CHOSEN) -> str:
    """Share of faults of a few fans over time, 0 to 1: `v`."""
    return fans('mean("fault") AS "v"', 'sum("faults") / sum("n") AS "v"', "anomaly", where)


def causes() -> str:
    """Cause of the last fault in each interval of the chosen fans: `cause`; no row where there was none."""
    by = (INTERVAL, EACH_FAN)
    return select('last("cause") AS "cause"', raw("anomaly"), "$timeFilter", CHOSEN, by=by, fill="none")


def not_ok(quality: str) -> str:
    """How many results of the chosen fans were `quality` in each interval: `v`."""
    return select(
        'count("quality") AS "v"',
        raw("anomaly"),
        "$timeFilter",
        CHOSEN,
        f"\"quality\" = '{quality}'",
        by=(INTERVAL, EACH_FAN),
    )


def severities() -> str:
    """What forecast-fan said of the chosen fans over time, as far as the next time: `severity`."""
    by = (INTERVAL, EACH_FAN)
    what = 'last("severity") AS "severity"'
    return select(what, raw("alarm"), "$timeFilter", CHOSEN, by=by, fill="previous")


def episodes() -> str:
    """Alarm episodes of the chosen fans, the newest first, whatever the range."""
    columns = (
        "deviceID",
        "state",
        "cause",
        "sensor",
        "why",
        "risk",
        "earliest_ms",
        "latest_ms",
        "acknowledgedBy",
    )
    what = ", ".join(f'"{column}"' for column in (*columns, "updated_ms"))
    return select(what, raw("episode"), since(RETAINED), CHOSEN, tail="ORDER BY time DESC LIMIT 50")


def episode_events() -> str:
    """Alarm episodes of the chosen fans that touch the range: `text`, `state`, `deviceID`, `updated_ms`."""
    started = f"time > now() - {RETAINED} AND time <= ${{__to}}ms"
    what = '"why", "state", "deviceID", "updated_ms"'
    return select(what, raw("episode"), started, CHOSEN, '"updated_ms" >= ${__from}', tail="LIMIT 100")


def fault_events() -> str:
    """Where faults begin: the first minute in which a chosen fan is faulty, once a run: `deviceID`, `began` (1)."""
    by = ("time(1m)", EACH_FAN)
    minutes = select(
        'round(mean("fault")) AS "faulty"', raw("anomaly"), "$timeFilter", CHOSEN, by=by, fill="none"
    )
    changes = select('difference("faulty") AS "began"', union(minutes), by=(EACH_FAN,))
    return select('"deviceID", "began"', union(changes), '"began" > 0', tail="LIMIT 200")
