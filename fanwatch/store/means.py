"""What a mean is: the queries that make points of policy `means` from raw ones.

A window is 10 minutes long, begins at a multiple of that in UTC, and is called by its beginning in ns since the epoch.
Means are read here and written back, and not with INTO: InfluxDB spends the same on both, 2.x has no INTO,
and a window becomes one whole point, its zeros among it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fanwatch.sensors import COUNTED as COUNTED_SENSOR
from fanwatch.sensors import FEATURES
from fanwatch.store.influx import Store, point, quoted

if TYPE_CHECKING:
    from influxdb_client.client.write.point import Point

WINDOW_NS = 600 * 10**9
DAY_NS = 86_400 * 10**9

TELEMETRY = "telemetry"
ANOMALY = "anomaly"
SCORES = "scores"
COUNTED = {TELEMETRY: COUNTED_SENSOR, ANOMALY: "quality"}
"""The field that each raw point of a measurement has."""
_BUCKETS = 10

_TELEMETRY_FIELDS = ", ".join(
    [f'count("{COUNTED_SENSOR}") AS "n"']
    + [f'{what}("{name}") AS "{name}_{what}"' for name in FEATURES for what in ("mean", "min", "max")]
)
_RESULT_FIELDS = (
    'count("quality") AS "n", sum("fault") AS "faults", mean("probability") AS "probability_mean"'
)

# What tells whether a window's points are those that its means were computed from: their number, and what they add up
# to, so that a point that was written again with other values shows too.
_PRINTS = {
    TELEMETRY: f'count("{COUNTED_SENSOR}") AS "n", '
    + " + ".join(f'sum("{name}")' for name in FEATURES)
    + ' AS "total"',
    ANOMALY: 'count("quality") AS "n", sum("probability") AS "total", sum("fault") AS "faults"',
}


class Print:
    """Of one measurement's points in one window: how many there are, and a text that changes when they do."""

    __slots__ = ("points", "text")

    def __init__(self, row: dict[str, Any]) -> None:
        self.points = int(row["n"])
        # InfluxDB adds up in parallel, so the last digits of a sum are another time others.
        total = "" if row["total"] is None else f"{row['total']:.11g}"
        self.text = ":".join([str(row["n"]), total, str(row.get("faults"))])


def period(start: int, end: int, fans: Iterable[str] = ()) -> str:
    """The condition for points from `start` to before `end`, in ns, of these fans; of all where none is named."""
    condition = f"time >= {start} AND time < {end}"
    named = " OR ".join(f'"deviceID" = {quoted(fan)}' for fan in fans)
    return f"{condition} AND ({named})" if named else condition


def prints(store: Store, measurement: str, where: str) -> dict[int, Print]:
    """By window, of those that have points."""
    rows = store.query(
        f'SELECT {_PRINTS[measurement]} FROM "{measurement}" WHERE {where} GROUP BY time(10m) fill(none)'
    )
    # A window in which no point has the counted field comes with a count of 0.
    return {row["time"]: Print(row) for row in rows if row["n"]}


def telemetry(store: Store, where: str) -> "list[Point]":
    """Points of `telemetry`, one a fan and window that has raw ones."""
    rows = store.query(
        f'SELECT {_TELEMETRY_FIELDS} FROM "telemetry" WHERE {where} GROUP BY time(10m), "deviceID" fill(none)'
    )
    return [_fan_point(TELEMETRY, row) for row in rows if row["n"]]


def anomalies(store: Store, where: str) -> "list[Point]":
    """Points of `anomaly`, one a fan and window that has raw ones."""
    grouped = 'GROUP BY time(10m), "deviceID" fill(none)'
    rows = store.query(
        f'SELECT {_RESULT_FIELDS}, max("probability") AS "probability_max" FROM "anomaly" WHERE {where} {grouped}'
    )
    found = {(row["time"], row["deviceID"]): row for row in rows if row["n"]}
    for row in found.values():
        row |= {"faults": row["faults"] or 0, "extrapolated": 0, "implausible": 0}
    for quality in ("extrapolated", "implausible"):
        counted = store.query(
            f'SELECT count("quality") AS "n" FROM "anomaly" WHERE "quality" = \'{quality}\' AND {where} {grouped}'
        )
        for row in counted:
            # A fan's first reading of a window may have come since the query before this one.
            if (row["time"], row["deviceID"]) in found:
                found[row["time"], row["deviceID"]][quality] = row["n"]
    return [_fan_point(ANOMALY, row) for row in found.values()]


def scores(store: Store, where: str) -> "list[Point]":
    """Points of `scores`, one a model and window that has results."""
    models = [
        row["distinct"] for row in store.query(f'SELECT distinct("model") FROM "anomaly" WHERE {where}')
    ]
    points: list[Point] = []
    for model in models:
        # One model is the rule, and comparing strings takes half of the time.
        only = f'{where} AND "model" = {quoted(model)}' if len(models) > 1 else where
        points += _scores_of(store, model, only)
    return points


def _scores_of(store: Store, model: str, where: str) -> "list[Point]":
    def select(fields: str, condition: str = "") -> list[dict[str, Any]]:
        text = f'SELECT {fields} FROM "anomaly" WHERE {where}{condition} GROUP BY time(10m) fill(none)'
        return [row for row in store.query(text) if row["n"]]

    found = {row["time"]: row for row in select(_RESULT_FIELDS)}
    conditions = {name: f" AND \"quality\" = '{name}'" for name in ("extrapolated", "implausible")}
    for bucket in range(_BUCKETS):
        # The last one has the probability 1 as well.
        above = f' AND "probability" < {(bucket + 1) / _BUCKETS}' if bucket < _BUCKETS - 1 else ""
        conditions[f"p{bucket}"] = f' AND "probability" >= {bucket / _BUCKETS}{above}'
    for row in found.values():
        row |= {"faults": row["faults"] or 0} | dict.fromkeys(conditions, 0)
    for name, condition in conditions.items():
        for row in select('count("quality") AS "n"', condition):
            if row["time"] in found:
                found[row["time"]][name] = row["n"]
    return [_point(SCORES, {"model": model}, row) for row in found.values()]


def _fan_point(measurement: str, row: dict[str, Any]) -> "Point":
    return _point(measurement, {"deviceID": row.pop("deviceID")}, row)


def _point(measurement: str, tags: dict[str, str], row: dict[str, Any]) -> "Point":
    time_ns = row.pop("time")
    fields = {
        # JSON writes a float that happens to be whole as an int.
        name: float(value) if value is not None and name.endswith(("_mean", "_min", "_max")) else value
        for name, value in row.items()
    }
    return point(measurement, tags, fields, time_ns)


def worked_until(store: Store, runs: str, now: int) -> int | None:
    """Up to when the last run has worked, in ns; None where none has. Not of one whose clock was ahead of `now`."""
    rows = store.query(f'SELECT last("until") AS "until" FROM "{runs}" WHERE time <= {now}')
    return int(rows[0]["until"]) if rows else None


def first_points(store: Store) -> list[int]:
    """The times of the first reading and the first result, in ns, as far as there are any."""
    texts = (f'SELECT first("{field}") FROM "{name}"' for name, field in COUNTED.items())
    return [int(row["time"]) for text in texts for row in store.query(text)]


def remembered(store: Store, measurement: str, kind: str, first: int, last: int) -> dict[int, str]:
    """By window, in ns, what its points were like when `kind` was made of them."""
    where = f"time >= {first} AND time <= {last}"
    rows = store.query(f'SELECT "{kind}" FROM "{measurement}" WHERE {where}')
    return {row["time"]: row[kind] for row in rows}
