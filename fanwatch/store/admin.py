"""Databases, retention policies and what is in them, on InfluxDB 1.x."""

from typing import Any

from fanwatch.store.influx import Store


def databases(store: Store) -> list[str]:
    """Their names."""
    return [row["name"] for row in store.execute("SHOW DATABASES")]


def create_database(store: Store, name: str, policy: str, clause: str) -> None:
    """Makes a database whose default policy is `policy`; `clause` as `policy_clause`, with WITH before it."""
    store.execute(f"CREATE DATABASE {named(name)} WITH {clause} NAME {named(policy)}")


def drop_database(store: Store, name: str) -> None:
    """Removes it with all that is in it."""
    store.execute(f"DROP DATABASE {named(name)}")


def has_points(store: Store, database: str) -> bool:
    """Whether anything was ever written to it."""
    return bool(store.execute(f"SHOW MEASUREMENTS ON {named(database)}"))


def policies(store: Store, database: str) -> list[dict[str, Any]]:
    """Each with `name`, `duration`, `shardGroupDuration` and `default`."""
    return store.execute(f"SHOW RETENTION POLICIES ON {named(database)}")


def set_policy(store: Store, database: str, name: str, clause: str, *, there: bool, default: bool) -> None:
    """Makes a retention policy, or alters the one that is `there`."""
    statement = "ALTER" if there else "CREATE"
    last = " DEFAULT" if default else ""
    store.execute(f"{statement} RETENTION POLICY {named(name)} ON {named(database)} {clause}{last}")


def policy_clause(keep_hours: int, shard_hours: int) -> str:
    """How long a policy keeps points."""
    return f"DURATION {keep_hours}h REPLICATION 1 SHARD DURATION {shard_hours}h"


def read_one(store: Store, database: str, policy: str) -> None:
    """Reads one reading. Refused while the shards are still being opened."""
    store.execute(f'SELECT * FROM {named(database)}.{named(policy)}."telemetry" LIMIT 1')


def named(text: str) -> str:
    """A name as InfluxQL takes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
