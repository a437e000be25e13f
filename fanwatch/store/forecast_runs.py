"""Runs of forecast-fan, and of what people were told. Times in ms since the epoch."""

from typing import Any, Final

from fanwatch.store.influx import Store

RUNS: Final = "forecast"
"""One point a run."""
TOLD: Final = "forecast_told"
"""One point for each episode that people were told of."""
_MS: Final = 1_000_000


def last(store: Store, until_ms: int) -> dict[str, Any] | None:
    """`clock_ms` and `moved_ms` of the last run; not of one whose clock was ahead of `until_ms`."""
    fields = 'last("clock_ms") AS "clock_ms", "moved_ms"'
    rows = store.query(f'SELECT {fields} FROM "{RUNS}" WHERE time <= {until_ms * _MS}')
    return rows[0] if rows else None


def late_arrival(store: Store, since_ms: int) -> int:
    """When the last reading arrived that was late, of days from `since_ms` on; 0 where none was."""
    rows = store.query(f'SELECT max("seen") AS "seen" FROM "late" WHERE time >= {since_ms * _MS}')
    return int(rows[0]["seen"]) // _MS if rows else 0


def told(store: Store, since_ms: int) -> set[str]:
    """Episodes that people were told of since then."""
    rows = store.query(f'SELECT "episode" FROM "{TOLD}" WHERE time > {since_ms * _MS}')
    return {row["episode"] for row in rows}
