"""Episodes of the past, as Telegraf has stored them, with what was found and when their fans stopped.

Rows have `time` in ns since the epoch, which is when the episode began.
"""

from typing import Any, Final, NamedTuple

from fanwatch.store.influx import MEANS, Store, quoted

_MS: Final = 1_000_000
Rows = list[dict[str, Any]]


class Past(NamedTuple):
    """The newest episodes, and what is known beside them."""

    episodes: Rows
    stored: int
    """How many there are in all."""
    labels: Rows
    turns: Rows
    """`stopped_ms`, `ended_ms` and `reasons` as JSON."""


def newest(store: Store, device: str, days: int, most: int) -> Past:
    """Of one fan, or of all where `device` is empty; of the last days, `most` at most."""
    where = f"time > now() - {days}d" + (f' AND "deviceID" = {quoted(device)}' if device else "")
    order = f"ORDER BY time DESC LIMIT {most}"
    episodes = store.query(f'SELECT * FROM "episode" WHERE {where} {order}')
    stored = len(episodes)
    if stored >= most:
        stored = int(store.query(f'SELECT count("updated_ms") AS "n" FROM "episode" WHERE {where}')[0]["n"])
        # What is older belongs to episodes that are not listed, and would stand there without any.
        where += f" AND time >= {int(episodes[-1]['time']) // _MS}ms"
    labels = store.query(f'SELECT * FROM "label" WHERE {where} {order}')
    fields = '"stopped_ms", "ended_ms", "reasons", "deviceID"'
    turns = store.query(f'SELECT {fields} FROM "forecast_episode" WHERE {where} {order}', MEANS)
    return Past(episodes, stored, labels, turns)


def told(store: Store, since_ms: int) -> Rows:
    """The `episode`, last `state` and `why` of all that began since then."""
    fields = '"episode", "state", "why"'
    return store.query(f'SELECT {fields} FROM "episode" WHERE time >= {since_ms * _MS} GROUP BY "deviceID"')
