"""InfluxQL that alert rules share. Each query has an end, so that tests can ask it for any time that has passed.

now() is the store's clock, and Grafana's `$timeFilter` is not used: how far a rule looks back is part of its meaning.
"""

from dashboards.queries import EACH_FAN, raw, select, union

NOW = "now()"


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


def last_severity() -> str:
    """What forecast-fan said last, by fan: `v`. It says something only where something changes."""
    return select('last("severity") AS "v"', raw("alarm"), within("31d"), by=(EACH_FAN,))
