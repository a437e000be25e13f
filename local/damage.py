"""What in the state directory a broker or a store cannot read, in one line: what to move away, and what is lost by it.

Both programs say it in their own words or not at all; what they do then was tried with files that were cut off,
overwritten and emptied.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from local.layout import Layout

_NOT_OPENED = "Couldn't open database"
_META = "run: create server:"
_SERIES = ("Unable to open series file", "open tsdb store:")


def of_broker(layout: Layout) -> str | None:
    """Why Mosquitto does not start, where its log says that it is for its store; None otherwise."""
    store = layout.state / "mosquitto/mosquitto.db"
    said = "\n".join(layout.last_lines("mosquitto"))
    if not store.exists() or _NOT_OPENED not in said.rpartition("\n")[2] or _refused(said):
        return None
    return (
        f"The broker cannot read what it kept: {store} is damaged, or of another version of Mosquitto. "
        f"Move it away and start again: `mv {_q(store)} {_q(store)}.damaged`. Lost with it are the messages in it: "
        "readings that wait to be scored or stored. Alarms are announced anew by the next forecast."
    )


def of_store(layout: Layout) -> str | None:
    """Why InfluxDB does not start, or why it could store nothing; None where nothing is known to be wrong."""
    home = layout.state / "influxdb"
    said = "\n".join(layout.last_lines("influxd"))
    if _refused(said):
        return None
    if _META in said:
        return (
            f"InfluxDB cannot read its list of databases: {home}/meta/meta.db is damaged. "
            f"Move all of its data away: `mv {_q(home)} {_q(home)}.damaged`. Lost with it are the readings, results "
            "and alarms that were stored; `fanwatch history restore` brings them back from a backup."
        )
    if any(words in said for words in _SERIES):
        databases = home / "data"
        return (
            f"InfluxDB cannot read its list of series, below {databases}. Remove it, and the indexes that are made of "
            f"it: `cd {_q(databases)} && rm -r */_series */*/*/index`. Nothing is lost: InfluxDB makes them anew."
        )
    return None


def of_indexes(layout: Layout) -> str | None:
    """Shards whose index is damaged, while InfluxDB does not run: it starts with them, and stores nothing there."""
    damaged = sorted({path.parents[1] for path in _broken_manifests(layout)})
    if not damaged:
        return None
    named = " ".join(map(_q, damaged))
    return (
        f"InfluxDB cannot read the index of {len(damaged)} of its shards, and is not started with it. "
        f"Remove it: `rm -r {named}`. Nothing is lost: InfluxDB makes it anew."
    )


def set_aside(layout: Layout) -> str | None:
    """Files with stored values that InfluxDB could not read and has renamed; it runs without them."""
    found = sorted((layout.state / "influxdb/data").glob("*/*/*/*.tsm.bad"))
    if not found:
        return None
    return (
        f"InfluxDB could not read {len(found)} of its files and goes on without the values in them: "
        f"{found[0]}{' and more' if len(found) > 1 else ''}. `fanwatch history restore` brings them back from a "
        "backup; remove the files, and this line is gone."
    )


def _refused(said: str) -> bool:
    """Whether it is no damage: the system does not let it read or write."""
    return any(
        words in said.lower() for words in ("permission denied", "no space left", "read-only file system")
    )


def _q(path: Path) -> str:
    return shlex.quote(str(path))


def _broken_manifests(layout: Layout) -> Iterator[Path]:
    for path in (layout.state / "influxdb/data").glob("*/*/*/index/*/MANIFEST"):
        try:
            named = json.loads(path.read_bytes())["files"] or []
            whole = all((path.parent / name).is_file() for name in named)
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            yield path
