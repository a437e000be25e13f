"""InfluxQL that dashboards and alert rules are made of: each question stands here once.

Written against the measurements of infra/telegraf and the means of `fanwatch history rollup`. What asks for "now" uses
now() and not the dashboard's range. `$timeFilter`, `$__interval` and `$__interval_ms` are Grafana's.
"""

from typing import Final

from fanwatch.fleet import faulty
from fanwatch.sensors import COUNTED, FEATURES

SILENT_AFTER: Final = "1m"
"""A fan without a reading for so long is silent."""
USABLE: Final = 1_000_000
"""What one reading counts that can be used, in `heard`: more than all of a minute that cannot."""
KNOWN_FOR: Final = "24h"
"""A fan is missed for so long; then it is taken for gone."""
FAULTY_SHARE: Final = faulty.FAULTY_SHARE
"""An interval is faulty where so much of its results, or more, are faults."""
_LATELY: Final = f"{faulty.FAULTY_S}s"
"""Results that say whether a fan's readings are faulty now."""
_JUDGED: Final = f"{faulty.VERDICT_S}s"
"""So old forecast-fan's last run may be before nobody is judged any more."""
_OUT_OF_REACH: Final = 1_000_000
"""More than there are fans: added to a number of them, it is another case."""
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
FINE, UNJUDGED, ODD, SENSOR, WARNED, UNUSABLE, SILENT, FAULTY, ALARMED, STOPPED = range(10)
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
    each = select(f'count("{COUNTED}") AS "n"', raw("telemetry"), since(SILENT_AFTER), by=(EACH_FAN,))
    return select('count("n") AS "fans"', union(each))


def heard(where: str = "") -> str:
    """What came within SILENT_AFTER by fan: `n`, 0 for a fan that was known within KNOWN_FOR and is silent.

    Below USABLE came only what cannot be used: it was refused, or its time is long past.
    """
    usable = f'count("{COUNTED}") * {USABLE} AS "n"'
    recent = select(usable, raw("telemetry"), since(SILENT_AFTER), where, by=(EACH_FAN,))
    unusable = select(
        'count("unusable") AS "n"', raw("telemetry"), since(SILENT_AFTER), where, by=(EACH_FAN,)
    )
    known = select('sum("n") * 0 AS "n"', means("telemetry"), since(KNOWN_FOR), where, by=(EACH_FAN,))
    new = select(f'count("{COUNTED}") * 0 AS "n"', raw("telemetry"), since(_NEW), where, by=(EACH_FAN,))
    return select('sum("n") AS "n"', union(recent, unusable, known, new), by=(EACH_FAN,))


def silent_fans() -> str:
    """How many fans are silent: `fans`; no row where none is."""
    return select('count("n") AS "fans"', union(heard()), '"n" = 0')


def _faulty(what: str) -> str:
    """One row for each fan whose readings are faulty, by the rule of fanwatch/fleet/faulty.py."""
    counts = 'sum("fault") AS "faults", count("fault") AS "n"'
    each = select(counts, raw("anomaly"), since(_LATELY), by=(EACH_FAN,))
    # A quotient of whole numbers is compared as if it were one.
    return select(what, union(each), f'"faults" >= {faulty.FAULTS}', f'"faults" * {1 / FAULTY_SHARE:g} > "n"')


def faulty_fans() -> str:
    """How many fans are faulty: `fans`; no row where none is."""
    return select('count("n") AS "fans"', union(_faulty('"n"')))


def last_severity(where: str = "") -> str:
    """What forecast-fan said last by fan: `severity`."""
    return select('last("severity") AS "severity"', raw("alarm"), since(RETAINED), where, by=(EACH_FAN,))


# --- who is judged: of measurement `anomaly` alone, among whose results Telegraf keeps what was said of each fan, and
# forecast-fan that it went on, for InfluxQL keeps measurements apart, in a union too ----------------------------------


def _marked(value: int, *severities: str) -> str:
    """`v` for each fan of which forecast-fan said last what has such a severity."""
    said = select('last("alarm_severity") AS "s"', raw("anomaly"), since(RETAINED), by=(EACH_FAN,))
    return select(f'"s" * 0 + {value} AS "v"', union(said), *severities)


_CALLED_WELL: Final = '"s" = 0'
_TOLD_OTHERWISE: Final = f'("s" < 0 OR "s" >= {INSTRUMENT})'


def _reports() -> str:
    """`v` = 1 for each fan with a result within SILENT_AFTER."""
    return select('count("quality") * 0 + 1 AS "v"', raw("anomaly"), since(SILENT_AFTER), by=(EACH_FAN,))


def _judges(value: int) -> str:
    """`v` where forecast-fan goes on judging; no row where it has stopped."""
    return select(f'count("{faulty.RAN}") * 0 + {value} AS "v"', raw("anomaly"), since(_JUDGED))


def _those(least: float, what: str, *marks: str) -> str:
    """How many fans have marks that come to more than `least`: `v`, no row where none has."""
    each = select('sum("v") AS "v"', union(*marks), by=(EACH_FAN,))
    return select(f'{what} AS "v"', union(each), f'"v" > {least}')


def well_fans() -> str:
    """How many fans are well: `fans`; no row where none is. They report, their readings are not faulty, and they were
    judged by a forecast-fan that goes on."""
    marks = _reports(), _marked(1, _CALLED_WELL), _faulty('"n" * 0 - 1 AS "v"')
    well = _those(1.5, f'count("v") - {_OUT_OF_REACH}', *marks)
    total = select('sum("v") AS "fans"', union(well, _judges(_OUT_OF_REACH)))
    # Where nobody is well, what is left is not how many they are.
    return select('"fans"', union(total), '"fans" > 0', f'"fans" < {_OUT_OF_REACH}')


def unjudged_fans() -> str:
    """How many fans report and have no verdict that counts: `fans`; no row where all have."""
    marks = _reports(), _marked(-1, _TOLD_OTHERWISE)
    unjudged = _those(0.5, 'count("v")', *marks, _marked(-1, _CALLED_WELL))
    # Once forecast-fan has stopped, those that it called well are so no longer.
    stopped = select('sum("v") AS "v"', union(_those(0.5, 'count("v")', *marks), _judges(-_OUT_OF_REACH)))
    most = select('max("v") AS "fans"', union(unjudged, stopped))
    return select('"fans"', union(most), '"fans" > 0')


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
    return select(f'count("{COUNTED}") / 60 AS "rate"', raw("telemetry"), since("1m"))


# InfluxQL keeps measurements apart, in a union too, so what a fan needs comes from three queries; the highest counts.


def need_by_results(where: str = "") -> str:
    """FINE, UNJUDGED, ODD or FAULTY by fan, plus the score of its last minutes as a fraction: `by_results`.

    Whoever was not called well is not judged; what else was said of it comes from `need_by_alarms`.
    """
    what = 'mean("fault") AS "share", mean("probability") AS "score"'
    shares = union(select(what, raw("anomaly"), since(_LATELY), where, by=(EACH_FAN,)))
    odd = select(
        f'count("quality") * 0 + {ODD} AS "need"',
        raw("anomaly"),
        since("1m"),
        "\"quality\" = 'implausible'",
        where,
        by=(EACH_FAN,),
    )
    results = select(
        f'count("quality") * 0.0 + {UNJUDGED} AS "v"', raw("anomaly"), since(_LATELY), where, by=(EACH_FAN,)
    )
    scored = select('"score" * 0.9 AS "v"', shares)
    known = select(
        'sum("v") AS "need"', union(results, _marked(-UNJUDGED, _CALLED_WELL), scored), by=(EACH_FAN,)
    )
    known = select('"need"', union(known), f'"need" >= {FINE}')
    # Rounding says whether a share is more than FAULTY_SHARE, without asking for it twice.
    faulty = select(f'{FAULTY} * round("share" - 0.0001) + "score" * 0.9 AS "need"', shares)
    return select('max("need") AS "by_results"', union(known, odd, faulty), by=(EACH_FAN,))


def need_by_readings(where: str = "") -> str:
    """FINE, UNUSABLE or SILENT by fan: `by_readings`."""
    heard_of = union(heard(where))
    fine = select(f'"n" * 0 + {FINE} AS "need"', heard_of)
    silent = select(f'"n" + {SILENT} AS "need"', heard_of, '"n" = 0')
    unusable = select(f'"n" * 0 + {UNUSABLE} AS "need"', heard_of, '"n" > 0', f'"n" < {USABLE}')
    return select('max("need") AS "by_readings"', union(fine, unusable, silent), by=(EACH_FAN,))


def need_by_alarms(where: str = "") -> str:
    """UNJUDGED, SENSOR, WARNED, ALARMED or STOPPED by fan, as forecast-fan said last: `by_alarms`; or no row."""
    said = union(last_severity(where))
    # Severities instrument and warning are needs that follow each other, too; alarm and stopped come last.
    unjudged = select(f'"severity" * {UNJUDGED} AS "need"', said, '"severity" = 1')
    low = select(
        f'"severity" + {SENSOR - INSTRUMENT} AS "need"',
        said,
        f'"severity" >= {INSTRUMENT}',
        f'"severity" < {ALARM}',
    )
    high = select(f'"severity" + {ALARMED - ALARM} AS "need"', said, f'"severity" >= {ALARM}')
    return select('max("need") AS "by_alarms"', union(unjudged, low, high), by=(EACH_FAN,))


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
    rest = ", ".join(f'"{sensor}"' for sensor in FEATURES[1:])
    return select(
        f'last("{COUNTED}") AS "{COUNTED}", {rest}',
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
