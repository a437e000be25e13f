"""InfluxQL that dashboards and alert rules are made of: each question stands here once.

Written against the measurements of infra/telegraf and the means of `fanwatch history rollup`. What asks for "now" uses
now() and not the dashboard's range. `$timeFilter`, `$__interval` and `$__interval_ms` are Grafana's.
"""

from typing import Final

SENSORS: Final = ("rotation", "temperature", "vibration", "sound")

SILENT_AFTER: Final = "1m"
"""A fan without a reading for so long is silent."""
USABLE: Final = 1_000_000
"""What one reading counts that can be used, in `heard`: more than all of a minute that cannot."""
KNOWN_FOR: Final = "24h"
"""A fan is missed for so long; then it is taken for gone."""
FAULTY_SHARE: Final = 0.5
"""A fan is faulty where so much of its last minute's results, or more, are faults."""
RETAINED: Final = "31d"
"""How far back raw points go."""

# What is younger is read from raw points, what is older from the means. They are made every ten minutes, so this
# bridges two runs that failed; an hour would cost a thousand fans a tenth of a second more in each query.
_RECENT: Final = "30m"
# Fans that the means do not know yet are looked for in raw points of the last minutes.
_NEW: Final = "20m"

EACH_FAN: Final = '"deviceID"'
INTERVAL: Final = "time($__interval)"

# Of `severity`, as alarms carry it.
OUT_OF_SERVICE, INSTRUMENT, WARNING, ALARM = -1, 2, 3, 4

# What a fan needs, by urgency; a fraction on top is its score, which orders fans of one need.
FINE, ODD, SENSOR, WARNED, UNUSABLE, SILENT, FAULTY, ALARMED, STOPPED = range(9)
OUT: Final = -100
"""Added where the fan is out of service: whatever else holds of it, it needs nobody."""


def raw(measurement: str) -> str:
    """Points as they came."""
    return f'"raw"."{measurement}"'


def means(measurement: str) -> str:
    """Windows of ten minutes."""
    return f'"means"."{measurement}"'


def union(*queries: str) -> str:
    """Several queries as one source."""
    return ", ".join(f"({query})" for query in queries)


def select(
    what: str, source: str, *where: str, by: tuple[str, ...] = (), fill: str = "", tail: str = ""
) -> str:
    """One SELECT; empty conditions are left out."""
    conditions = " AND ".join(condition for condition in where if condition)
    return " ".join(
        part
        for part in (
            f"SELECT {what} FROM {source}",
            f"WHERE {conditions}" if conditions else "",
            f"GROUP BY {', '.join(by)}" if by else "",
            f"fill({fill})" if fill else "",
            tail,
        )
        if part
    )


def since(age: str) -> str:
    """Younger than `age`."""
    return f"time > now() - {age}"


# --- the fleet, now -------------------------------------------------------------------------------------------------


def reporting() -> str:
    """How many fans sent a reading within SILENT_AFTER: `fans`."""
    each = select('count("rotation") AS "n"', raw("telemetry"), since(SILENT_AFTER), by=(EACH_FAN,))
    return select('count("n") AS "fans"', union(each))


def heard(where: str = "") -> str:
    """What came within SILENT_AFTER by fan: `n`, 0 for a fan that was known within KNOWN_FOR and is silent.

    Below USABLE came only what cannot be used: it was refused, or its time is long past.
    """
    usable = f'count("rotation") * {USABLE} AS "n"'
    recent = select(usable, raw("telemetry"), since(SILENT_AFTER), where, by=(EACH_FAN,))
    unusable = select(
        'count("unusable") AS "n"', raw("telemetry"), since(SILENT_AFTER), where, by=(EACH_FAN,)
    )
    known = select('sum("n") * 0 AS "n"', means("telemetry"), since(KNOWN_FOR), where, by=(EACH_FAN,))
    new = select('count("rotation") * 0 AS "n"', raw("telemetry"), since(_NEW), where, by=(EACH_FAN,))
    return select('sum("n") AS "n"', union(recent, unusable, known, new), by=(EACH_FAN,))


def silent_fans() -> str:
    """How many fans are silent: `fans`; no row where none is."""
    return select('count("n") AS "fans"', union(heard()), '"n" = 0')


def fault_share(age: str = "1m", where: str = "") -> str:
    """Share of faults in the last results by fan: `share`, 0 to 1, and `score`, their mean probability."""
    what = 'mean("fault") AS "share", mean("probability") AS "score"'
    return select(what, raw("anomaly"), since(age), where, by=(EACH_FAN,))


def faulty_fans() -> str:
    """How many fans are faulty: `fans`; no row where none is."""
    return select('count("share") AS "fans"', union(fault_share()), f'"share" >= {FAULTY_SHARE}')


def last_severity(where: str = "") -> str:
    """What forecast-fan said last by fan: `severity`."""
    return select('last("severity") AS "severity"', raw("alarm"), since(RETAINED), where, by=(EACH_FAN,))


def alarmed_fans(least: int, most: int = 9) -> str:
    """How many fans have a severity from `least` to `most`: `fans`; no row where none has."""
    return select(
        'count("severity") AS "fans"',
        union(last_severity()),
        f'"severity" >= {least}',
        f'"severity" <= {most}',
    )


def reading_rate() -> str:
    """Readings stored a second, over the last minute: `rate`."""
    return select('count("rotation") / 60 AS "rate"', raw("telemetry"), since("1m"))


# InfluxQL keeps measurements apart, in a union too, so what a fan needs comes from three queries; the highest counts.


def need_by_results(where: str = "") -> str:
    """FINE, ODD or FAULTY by fan, plus the score of its last minute as a fraction: `by_results`."""
    shares = union(fault_share(where=where))
    odd = select(
        f'count("quality") * 0 + {ODD} AS "need"',
        raw("anomaly"),
        since("1m"),
        "\"quality\" = 'implausible'",
        where,
        by=(EACH_FAN,),
    )
    # Rounding a share says whether it is at least FAULTY_SHARE, without asking for it twice.
    judged = select(f'{FAULTY} * round("share") + "score" * 0.9 AS "need"', shares)
    return select('max("need") AS "by_results"', union(judged, odd), by=(EACH_FAN,))


def need_by_readings(where: str = "") -> str:
    """FINE, UNUSABLE or SILENT by fan: `by_readings`."""
    heard_of = union(heard(where))
    fine = select(f'"n" * 0 + {FINE} AS "need"', heard_of)
    silent = select(f'"n" + {SILENT} AS "need"', heard_of, '"n" = 0')
    unusable = select(f'"n" * 0 + {UNUSABLE} AS "need"', heard_of, '"n" > 0', f'"n" < {USABLE}')
    return select('max("need") AS "by_readings"', union(fine, unusable, silent), by=(EACH_FAN,))


def need_by_alarms(where: str = "") -> str:
    """ODD, SENSOR, WARNED, ALARMED or STOPPED by fan, as forecast-fan said last: `by_alarms`; no row for the others."""
    said = union(last_severity(where))
    # Severities unknown, instrument and warning are needs 1 to 3 as they are; alarm and stopped come last.
    low = select('"severity" * 1 AS "need"', said, '"severity" >= 1', f'"severity" < {ALARM}')
    high = select(f'"severity" + {ALARMED - ALARM} AS "need"', said, f'"severity" >= {ALARM}')
    return select('max("need") AS "by_alarms"', union(low, high), by=(EACH_FAN,))


def out_of_service(where: str = "") -> str:
    """OUT by fan that is out of service: `out`; no row for the others."""
    return select(
        f'"severity" * {OUT // OUT_OF_SERVICE} AS "out"',
        union(last_severity(where)),
        f'"severity" <= {OUT_OF_SERVICE}',
        by=(EACH_FAN,),
    )


def last_reading(where: str = "") -> str:
    """The last reading of each fan, at its own time: the four signals."""
    rest = ", ".join(f'"{sensor}"' for sensor in SENSORS[1:])
    return select(
        f'last("rotation") AS "rotation", {rest}',
        raw("telemetry"),
        since(KNOWN_FOR),
        where,
        by=(EACH_FAN,),
    )


def last_result(where: str = "") -> str:
    """Of the last ten minutes' results by fan: `score` (mean), `cause` of the last fault, last `quality`."""
    what = 'mean("probability") AS "score", last("cause") AS "cause", last("quality") AS "quality"'
    return select(what, raw("anomaly"), since("10m"), where, by=(EACH_FAN,))


def last_alarm(where: str = "") -> str:
    """What forecast-fan said last of each fan: `state`, `why`, `earliest_ms`."""
    what = 'last("severity") AS "severity", "state", "why", "earliest_ms"'
    return select(what, raw("alarm"), since(RETAINED), where, by=(EACH_FAN,))


def neediest(most: int) -> str:
    """Names of the fans that need attention, `most` of each kind: most faults within the range, silent, in alarm."""
    older = select(
        'sum("faults") AS "w"', means("anomaly"), "$timeFilter", f"time < now() - {_RECENT}", by=(EACH_FAN,)
    )
    newer = select(
        'sum("fault") AS "w"', raw("anomaly"), "$timeFilter", f"time >= now() - {_RECENT}", by=(EACH_FAN,)
    )
    silent = select('"n" * 0 + 1 AS "w"', union(heard()), f'"n" < {USABLE}')
    alarm = select('"severity" * 1 AS "w"', union(last_severity()), f'"severity" >= {INSTRUMENT}')
    each = select('sum("w") AS "w"', union(older, newer, silent, alarm), by=(EACH_FAN,))
    return select('"deviceID"', union(select(f'top("w", "deviceID", {most})', union(each))))


# --- the pipeline ---------------------------------------------------------------------------------------------------


def queue_share(of: str) -> str:
    """What the broker stores, of what it queues for one client: the most of its limit that any queue can be at."""
    return f'{of}("stored_bytes") / {of}("queue_limit_bytes") AS "v"'


# --- over time ------------------------------------------------------------------------------------------------------


def fleet(function: str, sensor: str) -> str:
    """mean, min or max of a signal over all fans: `v`. The last half hour from raw points, what is older from means."""
    field = f"{sensor}_{function}"
    older = select(
        f'{function}("{field}") AS "v"',
        means("telemetry"),
        f"time < now() - {_RECENT}",
        "$timeFilter",
        by=(INTERVAL,),
        fill="none",
    )
    newer = select(
        f'{function}("{sensor}") AS "v"',
        raw("telemetry"),
        f"time >= now() - {_RECENT}",
        "$timeFilter",
        by=(INTERVAL,),
        fill="none",
    )
    return select(f'{function}("v") AS "v"', union(older, newer), "$timeFilter", by=(INTERVAL,), fill="none")
