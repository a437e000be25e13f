"""InfluxQL that alert rules share. Each query has an end, so that tests can ask it for any time that has passed.

now() is the store's clock, and Grafana's `$timeFilter` is not used: how far a rule looks back is part of its meaning.
"""

from dashboards.queries import EACH_FAN, means, raw, select, union

NOW = "now()"
IN_HAND = 10
"""Taken off the severity of what somebody has acknowledged or snoozed."""


def within(age: str, until: str = "") -> str:
    """Times younger than `age`, and not younger than `until`."""
    return f"time > now() - {age} AND time <= now()" + (f" - {until}" if until else "")


def increase(measurement: str, field: str, age: str, where: str = "", by: str = "") -> str:
    """Increase of a counter within `age`, by the tags `by`: `v`. Where a restart sets it back, that adds nothing."""
    each = select(
        f'non_negative_difference("{field}") AS "v"', raw(measurement), where, within(age), by=("*",)
    )
    return select('sum("v") AS "v"', union(each), by=tuple(f'"{tag}"' for tag in by.split()))


def latest(measurement: str, field: str, age: str, where: str = "", by: str = "", of: str = "last") -> str:
    """The last value within `age`, or another one of them: `v`."""
    grouped = tuple(f'"{tag}"' for tag in by.split())
    return select(f'{of}("{field}") AS "v"', raw(measurement), where, within(age), by=grouped)


def fans_of(query: str) -> str:
    """How many series, one a fan, a query yields: `v`."""
    return select('count("v") AS "v"', union(query))


# --- what forecast-fan says, as Telegraf stores it among the results: `alarm_severity` with `alarm_in_hand` ---------

_WORDS = raw("anomaly")
_EVER = within("31d")
"""forecast-fan says something only where something changes."""


def last_severity() -> str:
    """What forecast-fan said last, by fan: `v`, below 0 for what somebody has in hand."""
    last = select(
        'last("alarm_severity") AS "severity", "alarm_in_hand" AS "in_hand"', _WORDS, _EVER, by=(EACH_FAN,)
    )
    return select(f'"severity" - {IN_HAND} * "in_hand" AS "v"', union(last), by=(EACH_FAN,))


def out_of_service(known: str) -> str:
    """Below 0 by fan that is out of service, 0 for those without a word that query `known`: `v`."""
    last = select('last("alarm_severity") AS "severity"', _WORDS, _EVER, by=(EACH_FAN,))
    out = select('"severity" * 1.0 AS "v"', union(last), '"severity" < 0', by=(EACH_FAN,))
    return select('sum("v") AS "v"', union(out, no_fault((EACH_FAN,)), known), by=(EACH_FAN,))


def confirmed_severity(confirmed: str, silent: str) -> str:
    """The same plus a tenth of what was said until `confirmed` ago: `v`; 0 for fans without a word that query `silent`.

    So 3.3 and more is a warning that was one then, or an alarm; 3.0 to 3.2 is a warning that was none.
    """
    before = select('last("alarm_severity") * 0.1 AS "v"', _WORDS, within("31d", confirmed), by=(EACH_FAN,))
    return select('sum("v") AS "v"', union(last_severity(), before, silent), by=(EACH_FAN,))


def no_fault(by: tuple[str, ...] = ()) -> str:
    """0 for all fans that ever had a result, or for each of them: `v`. Means, for raw points of a month are dear."""
    return select('last("n") * 0.0 AS "v"', means("anomaly"), _EVER, by=by)
