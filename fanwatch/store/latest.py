"""What was known last of each fan of a fleet. Rows have `deviceID`, and `time` in ns since the epoch."""

from typing import Any, Final

from fanwatch.sensors import COUNTED, FEATURES
from fanwatch.store.influx import MEANS, Store

Rows = list[dict[str, Any]]
_EACH: Final = 'GROUP BY "deviceID"'


def values(store: Store, within_s: int) -> Rows:
    """The newest reading of each fan."""
    others = "".join(f', "{name}"' for name in FEATURES[1:])
    fields = f'last("{COUNTED}") AS "{COUNTED}"{others}'
    return store.query(f'SELECT {fields} FROM "telemetry" WHERE time >= now() - {within_s}s {_EACH}')


def mean_values(store: Store, within_s: int) -> Rows:
    """The newest ten-minute means of each fan's readings, which are kept for longer."""
    others = "".join(f', "{name}_mean" AS "{name}"' for name in FEATURES[1:])
    fields = f'last("{COUNTED}_mean") AS "{COUNTED}"{others}'
    return store.query(f'SELECT {fields} FROM "telemetry" WHERE time >= now() - {within_s}s {_EACH}', MEANS)


def faults(store: Store, within_s: int) -> Rows:
    """How many `results` each fan had, and how many of them were `faults`."""
    fields = 'sum("fault") AS "faults", count("fault") AS "results"'
    return store.query(f'SELECT {fields} FROM "anomaly" WHERE time >= now() - {within_s}s {_EACH}')


def signal_minutes(store: Store, from_s: int, to_s: int) -> Rows:
    """Means a minute of each fan's signals between two times in s since the epoch."""
    return _minutes(
        store, ", ".join(f'mean("{name}") AS "{name}"' for name in FEATURES), "telemetry", from_s, to_s
    )


def score_minutes(store: Store, from_s: int, to_s: int) -> Rows:
    """Means a minute of each fan's score as `probability`, likewise."""
    return _minutes(store, 'mean("probability") AS "probability"', "anomaly", from_s, to_s)


def _minutes(store: Store, fields: str, measurement: str, from_s: int, to_s: int) -> Rows:
    where = f"time >= {from_s}s AND time < {to_s}s"
    return store.query(
        f'SELECT {fields} FROM "{measurement}" WHERE {where} GROUP BY time(1m), "deviceID" fill(none)'
    )


def last_run_ms(store: Store) -> int:
    """When forecast-fan judged the fleet last, in ms since the epoch; 0 if never. A clock that was ahead is none."""
    rows = store.query('SELECT last("clock_ms") FROM "forecast" WHERE time <= now()')
    return int(rows[0]["time"]) // 1_000_000 if rows else 0


def judged_until(store: Store) -> dict[str, int]:
    """By fan, up to when its readings were judged, in ms since the epoch."""
    fields, since = 'max("told_ms") AS "told_ms"', "time >= now() - 3d"
    rows = store.query(f'SELECT {fields} FROM "forecast_state" WHERE {since} {_EACH}')
    return {row["deviceID"]: int(row["told_ms"]) for row in rows}


def notes(store: Store) -> Rows:
    """What forecast-fan has noted of each fan. A point stands at its checkpoint, a while before the last reading."""
    return store.query(
        f'SELECT last("note") AS "note" FROM "forecast_state" WHERE time >= now() - 3d {_EACH}'
    )
