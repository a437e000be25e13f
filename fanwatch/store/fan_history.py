"""What one fan showed over a time. Raw points for short times; for long ones means, and raw points behind them.

Rows have `time` in ns since the epoch. Each function raises what `fanwatch.store.influx.Store` raises.
"""

from typing import Any, Final

from fanwatch.sensors import FEATURES
from fanwatch.store.influx import MEANS, RAW, Store, quoted

_MS: Final = 1_000_000
Rows = list[dict[str, Any]]


def signals(store: Store, device: str, start_ms: int, end_ms: int, step_s: int, *, means: bool) -> Rows:
    """Means of each signal a step; with `means` of policy MEANS, and raw ones where it does not reach yet."""
    raw = ", ".join(f'mean("{name}") AS "{name}"' for name in FEATURES)
    kept = ", ".join(f'mean("{name}_mean") AS "{name}"' for name in FEATURES)
    return _completed(store, "telemetry", device, (start_ms, end_ms, step_s), raw, kept if means else "")


def scores(store: Store, device: str, start_ms: int, end_ms: int, step_s: int, *, means: bool) -> Rows:
    """Means of the score a step as `score`, likewise."""
    raw, kept = 'mean("probability") AS "score"', 'mean("probability_mean") AS "score"'
    return _completed(store, "anomaly", device, (start_ms, end_ms, step_s), raw, kept if means else "")


def risks(store: Store, device: str, start_ms: int, end_ms: int, step_s: int) -> Rows:
    """The highest `risk` a step, as the forecast said it."""
    period = (start_ms, end_ms, max(step_s, 60))
    return _steps(store, "alarm", device, period, 'max("risk") AS "risk"', RAW)


def episodes(store: Store, device: str, most: int) -> tuple[Rows, Rows, Rows]:
    """The newest episodes of a fan, what was found of them, and when it stopped, when each was over, and why."""
    where = f'WHERE "deviceID" = {quoted(device)} ORDER BY time DESC LIMIT {most}'
    return (
        store.query(f'SELECT * FROM "episode" {where}'),
        store.query(f'SELECT * FROM "label" {where}'),
        store.query(f'SELECT "stopped_ms", "ended_ms", "reasons" FROM "forecast_episode" {where}', MEANS),
    )


def _completed(
    store: Store, measurement: str, device: str, period: tuple[int, int, int], raw: str, kept: str
) -> Rows:
    start_ms, end_ms, step_s = period
    rows = _steps(store, measurement, device, period, kept, MEANS) if kept else []
    after_ms = int(rows[-1]["time"]) // _MS + step_s * 1000 if rows else start_ms
    return rows + _steps(store, measurement, device, (after_ms, end_ms, step_s), raw, RAW)


def _steps(
    store: Store, measurement: str, device: str, period: tuple[int, int, int], fields: str, policy: str
) -> Rows:
    start_ms, end_ms, step_s = period
    return store.query(
        f'SELECT {fields} FROM "{measurement}" WHERE "deviceID" = {quoted(device)} AND '
        f"time >= {start_ms}ms AND time <= {end_ms}ms GROUP BY time({step_s}s) fill(none)",
        policy,
    )
