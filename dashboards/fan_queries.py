"""InfluxQL about a few fans, by default those that the dashboard's variable chooses."""

from typing import Final

from dashboards.queries import EACH_FAN, INTERVAL, RETAINED, means, raw, select, since, union

CHOSEN: Final = '"deviceID" =~ /^$deviceID$/'

# Up to here raw points are cheap for a few fans; from here on a window of the means fills each interval.
_COARSE_MS: Final = 600_000


_FAN_TIME: Final = (INTERVAL, EACH_FAN)
_FINE: Final = f"$__interval_ms < {_COARSE_MS}"
_COARSE: Final = f"$__interval_ms >= {_COARSE_MS}"


def points(what: str, measurement: str, *where: str) -> str:
    """Of raw points, as long as an interval is shorter than a window of the means."""
    return select(what, raw(measurement), "$timeFilter", *where, _FINE, by=_FAN_TIME, fill="none")


def windows(what: str, measurement: str, where: str) -> tuple[str, str]:
    """Of the means, where an interval is no shorter than their windows, and where raw points are gone."""
    gone = f"time < now() - {RETAINED}"
    return (
        select(what, means(measurement), "$timeFilter", where, _COARSE, by=_FAN_TIME, fill="none"),
        select(what, means(measurement), "$timeFilter", where, _FINE, gone, by=_FAN_TIME, fill="none"),
    )


def over_time(function: str, *parts: str) -> str:
    """What the parts have as column `v`, one series a fan; null where nothing came, so that gaps show."""
    return select(f'{function}("v") AS "v"', union(*parts), "$timeFilter", by=_FAN_TIME, fill="null")


def signal(sensor: str) -> str:
    """A signal of the chosen fans over time: `v`."""
    older = windows(f'mean("{sensor}_mean") AS "v"', "telemetry", CHOSEN)
    return over_time("mean", points(f'mean("{sensor}") AS "v"', "telemetry", CHOSEN), *older)


def probability() -> str:
    """Mean score of the chosen fans over time: `v`."""
    older = windows('mean("probability_mean") AS "v"', "anomaly", CHOSEN)
    return over_time("mean", points('mean("probability") AS "v"', "anomaly", CHOSEN), *older)


def threshold() -> str:
    """The highest threshold in force over time, of all chosen fans: `v`; the means do not keep it."""
    each = points('max("threshold") AS "v"', "anomaly", CHOSEN)
    return select('max("v") AS "v"', union(each), "$timeFilter", by=(INTERVAL,), fill="none")


NO_VERDICT: Final = -1


def fault_shares(where: str = CHOSEN) -> str:
    """Share of faults of a few fans over time, 0 to 1: `v`; NO_VERDICT where all results were implausible."""
    nothing = 'count("quality") * 0 - 1 AS "v"'
    judged = 'sum("faults") AS "faults", sum("n") - sum("implausible") AS "judged"'
    older = union(*windows(judged, "anomaly", where))
    return over_time(
        "max",
        points('mean("fault") AS "v"', "anomaly", where),
        points(nothing, "anomaly", where, "\"quality\" = 'implausible'"),
        select('"faults" / "judged" AS "v"', older, '"judged" > 0'),
        select(f'"judged" + {NO_VERDICT} AS "v"', older, '"judged" = 0'),
    )


def causes() -> str:
    """Cause of the last fault in each interval of the chosen fans: `cause`; null where there was none."""
    return select(
        'last("cause") AS "cause"', raw("anomaly"), "$timeFilter", CHOSEN, by=_FAN_TIME, fill="null"
    )


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
    """What forecast-fan said of the chosen fans: `severity`. From before the range too, for it holds until the next."""
    when = f"time >= ${{__from}}ms - {RETAINED} AND time <= ${{__to}}ms"
    return select('"severity"', raw("alarm"), when, CHOSEN, by=(EACH_FAN,))


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
    """Where faults begin: the first minute in which a chosen fan is faulty, once a run: `deviceID`.

    Single results begin nothing: of a sensor that sends every ten minutes each fault would be a line.
    """
    by = ("time(1m)", EACH_FAN)
    minutes = select(
        'round(mean("fault")) AS "faulty", count("fault") AS "n"',
        raw("anomaly"),
        "$timeFilter",
        CHOSEN,
        by=by,
        fill="none",
    )
    changes = select('difference("faulty") AS "began"', union(minutes), '"n" >= 3', by=(EACH_FAN,))
    return select('"deviceID"', union(changes), '"began" > 0', tail="LIMIT 200")
