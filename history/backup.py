"""Backup and restore of InfluxDB 1.8, by its own `influxd backup` and `influxd restore`, both while it runs."""

import socket
import subprocess
import time
from pathlib import Path

from fanwatch.errors import FanwatchError
from fanwatch.store import admin
from fanwatch.store.influx import Refused, Store

_CONNECT_S = 5.0
_OPEN_S = 60.0
_POLL_S = 0.1
_OPENING = ("shard is disabled", "engine is closed")
"""What InfluxDB says of a shard while it takes in what was restored."""
_LIMIT_S = 4 * 3600.0
"""Seconds after which a backup or restore is given up."""


def backup(influxd: str, address: str, database: str, directory: Path) -> int:
    """Writes the database of the InfluxDB whose backup port is `address` into a new directory; its size in bytes.

    Everything that was stored before the call is in it. FanwatchError where that fails, which leaves a part of it.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FanwatchError(f"{directory} is there already: give a new or empty directory for the backup.")
    _require_listening(address)
    _run([influxd, "backup", "-portable", "-host", address, "-db", database, str(directory)])
    return sum(path.stat().st_size for path in directory.iterdir())


def restore(influxd: str, address: str, store: Store, directory: Path, into: str | None = None) -> None:
    """Makes the database from a backup, `into` another name where one is given. FanwatchError where it has points."""
    if not list(directory.glob("*.manifest")):
        raise FanwatchError(f"{directory} holds no backup: there is no .manifest file in it.")
    _require_listening(address)
    name = into or store.database
    if name in admin.databases(store):
        if admin.has_points(store, name):
            raise FanwatchError(
                f"Database {name} has points, and a restore never overwrites. Restore beside it with --into NAME, "
                "or into an empty InfluxDB."
            )
        # The set-up's, and empty; InfluxDB restores into no database that is there.
        admin.drop_database(store, name)
    # The backup names the database it was made of.
    argv = [influxd, "restore", "-portable", "-host", address, "-db", store.database]
    _run([*argv, *(["-newdb", into] if into else []), str(directory)])
    _await_shards(store, name)


def _await_shards(store: Store, database: str) -> None:
    """`influxd restore` ends when it has sent everything, a moment before InfluxDB reads from it."""
    deadline = time.monotonic() + _OPEN_S
    for row in admin.policies(store, database):
        while True:
            try:
                admin.read_one(store, database, row["name"])
                break
            except Refused as error:
                if not any(state in str(error) for state in _OPENING) or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)


def _require_listening(address: str) -> None:
    """influxd itself tries for minutes, and does not say so."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_S):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise FanwatchError(
            f"Nothing takes backups at {address} ({error}): it is bind-address of influxdb.conf, HOST:PORT."
        ) from error


def _run(argv: list[str]) -> None:
    what = " ".join(argv[1:2])
    try:
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_LIMIT_S, check=False
        )
    except OSError as error:
        raise FanwatchError(f"{argv[0]} cannot be run: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise FanwatchError(
            f"The {what} was not done after {_LIMIT_S / 3600:g} h and was given up."
        ) from error
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise FanwatchError(f"The {what} failed: {said[-1] if said else 'it says nothing'}.")
