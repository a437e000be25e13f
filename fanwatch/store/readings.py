"""Readings as they are stored. Times in ms since the epoch, unless a name says otherwise."""

from typing import Any, Final

from fanwatch.sensors import COUNTED, FEATURES
from fanwatch.store.influx import Store, quoted

_MS: Final = 1_000_000
_VALUES: Final = ", ".join(f'"{name}"' for name in FEATURES)
Values = list[list[Any]]


def page(store: Store, from_ns: int, until_ns: int, most: int, skip: int) -> Values:
    """Readings of a time in order: time in ns, values, fan. `skip` so many of them, `most` at most."""
    found = store.series(
        f'SELECT {_VALUES}, "deviceID" FROM "telemetry" WHERE time >= {from_ns} AND time < {until_ns} '
        f"LIMIT {most} OFFSET {skip}"
    )
    return found[0].values if found else []


def first_of_each(store: Store, from_ms: int, until_ms: int, every_ms: int) -> list[tuple[str, Values]]:
    """By fan, the first reading in each `every_ms`: the time in ns at which that begins, and values."""
    others = _VALUES.partition(", ")[2]
    found = store.series(
        f'SELECT first("{FEATURES[0]}"), {others} FROM "telemetry" '
        f"WHERE time >= {from_ms * _MS} AND time < {until_ms * _MS} "
        f'GROUP BY time({every_ms}ms), "deviceID" fill(none)'
    )
    return [(each.tags["deviceID"], each.values) for each in found]


def fans(store: Store) -> int:
    """How many fans have readings."""
    return len(store.query('SHOW TAG VALUES FROM "telemetry" WITH KEY = "deviceID"'))


def newest(store: Store, fan: str, since_ms: int) -> int | None:
    """When the newest reading of a fan was measured; None where there is none since then."""
    rows = store.query(
        f'SELECT last("{COUNTED}") FROM "telemetry" WHERE "deviceID" = {quoted(fan)} AND time >= {since_ms * _MS}'
    )
    return int(rows[0]["time"]) // _MS if rows else None


def newest_of_each(store: Store, from_ms: int, before_ms: int) -> dict[str, int]:
    """The newest stored reading of each device between two times, in ms. FanwatchError where nobody can say."""
    rows = store.query(
        f'SELECT last("{COUNTED}") FROM "telemetry" WHERE time >= {from_ms * _MS} AND time < {before_ms * _MS} '
        'GROUP BY "deviceID"'
    )
    return {str(row["deviceID"]): int(row["time"]) // _MS for row in rows}


def scored(store: Store, from_ms: int, until_ms: int) -> int:
    """Stored results of readings from `from_ms` up to and with `until_ms`."""
    rows = store.query(
        f'SELECT count("quality") AS n FROM "anomaly" WHERE time >= {from_ms * _MS} AND time <= {until_ms * _MS}'
    )
    return int(rows[0]["n"]) if rows else 0


def newest_beyond(store: Store, fan: str, since_ms: int, limits: dict[str, float]) -> int | None:
    """When the newest reading was measured in which any of these sensors shows its limit or more."""
    beyond = " OR ".join(f'"{name}" >= {limit}' for name, limit in limits.items())
    where = f'"deviceID" = {quoted(fan)} AND time >= {since_ms * _MS} AND ({beyond})'
    rows = store.query(f'SELECT last("{COUNTED}") FROM "telemetry" WHERE {where}')
    return int(rows[0]["time"]) // _MS if rows else None


def points(store: Store, since_ns: int | None = None, before_ns: int | None = None) -> dict[str, int]:
    """How many readings, results and dead letters are stored, by measurement; all, or those of a time."""
    fields = {"telemetry": COUNTED, "anomaly": "quality", "dead_letter": "id"}
    bounds = (("time >=", since_ns), ("time <", before_ns))
    named = " AND ".join(f"{what} {bound}" for what, bound in bounds if bound is not None)
    where = f" WHERE {named}" if named else ""
    return {
        measurement: sum(
            int(row["n"]) for row in store.query(f'SELECT count("{field}") AS n FROM "{measurement}"{where}')
        )
        for measurement, field in fields.items()
    }


def by_fan(
    store: Store, what: str, measurement: str, since_ms: int, until_ms: int, where: str = ""
) -> dict[str, Any]:
    """Of each fan one row with these fields of `measurement`."""
    period = f"time > {since_ms * _MS} AND time <= {until_ms * _MS}"
    rows = store.query(
        f'SELECT {what} FROM "{measurement}" WHERE {period} AND "deviceID" != \'\'{where} GROUP BY "deviceID"'
    )
    return {row["deviceID"]: row for row in rows}
