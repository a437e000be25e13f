"""What the store knows of each part and of the readings that went through, asked for in a few bounded queries."""

from typing import Any, Final

import msgspec

from fanwatch.sensors import COUNTED
from fanwatch.store.influx import Store
from fanwatch.store.takeovers import taken
from fanwatch.store.unusable_readings import unused

WINDOW_S: Final = 900
"""The ledger is about readings of the last 15 minutes ..."""
SETTLE_S: Final = 30
"""... but those of the last seconds, whose results may still be on their way."""
FRESH_S: Final = 120
"""What was measured before says nothing about now."""
FORECAST_S: Final = 7200
"""A forecast is due every few minutes; one that is older than this has stopped."""

_PREFIX: Final = "fanwatch_connector_"
COUNTERS: Final = {
    "received": "received_total",
    "scored": "scored_total",
    "dead-lettered": "dead_lettered_total",
    "duplicated": "duplicated_total",
    "retried": "retried_total",
    "held": "held",
    "in flight": "in_flight",
    "without a function": "waiting",
    "connected": "connected",
    "paused": "breaker_open",
    "id taken": "id_taken",
}
"""The connector's own figures, by what a person calls them."""
_MACHINE: Final = ("cpu_percent", "memory_used_percent", "disk_used_percent", "disk_free_bytes")

Numbers = dict[str, float]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Each part's last figures of the last two minutes; empty where nothing was measured."""

    up: dict[str, int] = {}
    """1 or 0 by part: connector, gateway, scoring, store."""
    connector: Numbers = {}
    broker: Numbers = {}
    broker_dropped: float = 0
    """Messages that the broker dropped within the ledger's window."""
    telegraf: Numbers = {}
    machine: Numbers = {}
    forecast: Numbers = {}
    """Of the last run within FORECAST_S: when it was (at_ms), fans, failed, behind."""
    taken: list[str] = []
    """Client ids that several clients use."""
    certificates: dict[str, float] = {}
    """Days left by where they are, such as `console:8093`; both of ours have the broker's common name."""


class Ledger(msgspec.Struct, frozen=True):
    """Readings of the window: stored, scored, and those that became dead letters."""

    stored: int
    scored: int
    dead: int
    why: str = ""
    """Of the dead letters: what is wrong, and with which fans; a part of a sentence."""
    dead_stored: int = 0
    """Dead letters that count among those stored, for they could be read."""

    @property
    def came(self) -> int:
        """All of them."""
        return self.stored + self.dead - self.dead_stored


def measured(store: Store) -> Measured:
    """Asks for all of it. Unavailable where the store does not answer."""
    return Measured(
        up={row["part"]: int(row["up"]) for row in _last(store, "up", {"up": "up"}, by='"part"')},
        connector=_summed(store, "connector", {name: _PREFIX + field for name, field in COUNTERS.items()}),
        broker=_one(_last(store, "broker", _same("stored_messages", "clients_connected", "uptime_s"))),
        broker_dropped=_dropped(store),
        telegraf=_one(
            _last(store, "telegraf", _same("storing", "buffer_size", "memory_bytes"), where="\"input\" = ''")
        ),
        machine=_one(_last(store, "machine", _same(*_MACHINE))),
        forecast=_forecast(store),
        taken=taken(store),
        certificates=_certificates(store),
    )


def ledger(store: Store) -> Ledger:
    """Counts the window's readings in the store; at 1,000 readings a second that takes it under a second."""
    window = f"time > now() - {WINDOW_S}s AND time <= now() - {SETTLE_S}s"

    def count(measurement: str, field: str) -> int:
        rows = store.query(f'SELECT count("{field}") AS n FROM "{measurement}" WHERE {window}')
        return int(rows[0]["n"]) if rows else 0

    dead = unused(store, window)
    return Ledger(
        count("telemetry", COUNTED), count("anomaly", "quality"), dead.count, dead.words, dead.stored
    )


def _dropped(store: Store) -> float:
    rows = store.query(
        f'SELECT spread("publish_dropped") AS n FROM "broker" WHERE time > now() - {WINDOW_S}s'
    )
    return float(rows[0]["n"] or 0) if rows else 0.0


def _certificates(store: Store) -> dict[str, float]:
    left: dict[str, float] = {}
    for row in _last(store, "x509_cert", {"left": "expiry"}, by='"source", "common_name"'):
        place = row["source"].rpartition("://")[2]
        left[place] = min(left.get(place, float("inf")), row["left"] / 86_400)
    return left


def _forecast(store: Store) -> Numbers:
    fields = '"fans", "failed", "behind", "clock_ms"'
    rows = store.query(
        f'SELECT {fields} FROM "forecast" WHERE time > now() - {FORECAST_S}s ORDER BY time DESC LIMIT 1'
    )
    return _one(rows) | {"at_ms": rows[0]["time"] / 1e6} if rows else {}


def _last(
    store: Store, measurement: str, fields: dict[str, str], *, by: str = "", where: str = ""
) -> list[dict[str, Any]]:
    what = ", ".join(f'last("{field}") AS "{name}"' for name, field in fields.items())
    condition = f"time > now() - {FRESH_S}s" + (f" AND {where}" if where else "")
    group = f" GROUP BY {by}" if by else ""
    return store.query(f'SELECT {what} FROM "{measurement}" WHERE {condition}{group}')


def _summed(store: Store, measurement: str, fields: dict[str, str]) -> Numbers:
    """The last of each series, summed: counters of several functions or reasons are one figure."""
    each = ", ".join(f'last("{field}") AS "{name}"' for name, field in fields.items())
    total = ", ".join(f'sum("{name}") AS "{name}"' for name in fields)
    inner = (
        f'SELECT {each} FROM "{measurement}" WHERE time > now() - {FRESH_S}s GROUP BY "function", "reason"'
    )
    return _one(store.query(f"SELECT {total} FROM ({inner})"))


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _one(rows: list[dict[str, Any]]) -> Numbers:
    if not rows:
        return {}
    return {name: float(value) for name, value in rows[0].items() if value is not None and name != "time"}
