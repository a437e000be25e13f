"""A page that has just started knows what InfluxDB remembers: last values and the last hour's trends.

Read in pieces of ten minutes, the newest first, so that a large fleet neither waits for all of it nor has to be held in
memory as rows. What has come live meanwhile is newer, and stays.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from console.live.fleet import KNOWN_MS, Fleet
from console.live.trends import MINUTES
from console.store import StoreReader
from fanwatch.errors import FanwatchError
from fanwatch.fleet.faulty import FAULTY_S
from fanwatch.logs import Log
from fanwatch.messages.topics import DEVICE_ID
from fanwatch.sensors import FEATURES
from fanwatch.store import latest
from fanwatch.store.checkpoints import note_of

_PIECE_S: Final = 600
_KNOWN_S: Final = KNOWN_MS // 1000
_AGAIN_S: Final = 5.0
_MS: Final = 1_000_000


async def recall(fleet: Fleet, store: StoreReader, log: Log) -> None:
    """Returns once everything was read. InfluxDB may be away or have no database yet; live values come meanwhile."""
    said = False
    while not store.off:
        try:
            await _all(fleet, store, at_once=not said)
        except FanwatchError as error:
            if not said:
                log.warning("nothing could be read of the time before, trying again", reason=str(error))
            said = True
            await asyncio.sleep(_AGAIN_S)
        else:
            log.info("read what InfluxDB remembers", fans=len(fleet))
            return


async def _all(fleet: Fleet, store: StoreReader, *, at_once: bool) -> None:
    # Later, the last minutes have been seen live.
    minutes = await store.ask(latest.faults, FAULTY_S) if at_once else []
    away = retired(await store.ask(latest.notes))
    last(fleet, await store.ask(latest.mean_values, _KNOWN_S), away)
    last(fleet, await store.ask(latest.values, 3600), away)
    results(fleet, minutes)
    end_s = time.time_ns() // 1_000_000_000
    end_s -= end_s % 60  # the minute under way is seen live
    for piece in range(MINUTES * 60 // _PIECE_S):
        to_s = end_s - piece * _PIECE_S
        for question in (latest.signal_minutes, latest.score_minutes):
            trend(fleet, await store.ask(question, to_s - _PIECE_S, to_s))
    with fleet.lock:
        fleet.remembers = True
        fleet.tidy(time.time_ns() // 1_000_000)


def retired(rows: list[dict[str, Any]]) -> dict[str, int]:
    """By fan, when it was retired, of forecast-fan's notes: what is older does not bring it back."""
    found = {row["deviceID"]: note_of(row.get("note")).retired_ms for row in rows}
    return {device: ms for device, ms in found.items() if ms}


def last(fleet: Fleet, rows: list[dict[str, Any]], away: Mapping[str, int] | None = None) -> None:
    """Takes rows of last values; `away` is as from `retired`."""
    away = away or {}
    with fleet.lock:
        for row in rows:
            if _whole(row) and int(row["time"]) // _MS > away.get(row["deviceID"], 0):
                values = tuple(float(row[name]) for name in FEATURES)
                fleet.recall(row["deviceID"], int(row["time"]) // _MS, values)


def results(fleet: Fleet, rows: list[dict[str, Any]]) -> None:
    """Takes how many of the last minutes' results were faults: who was suspect before a restart is so after it."""
    with fleet.lock:
        for row in rows:
            place = fleet.find(row["deviceID"])
            if place is not None and row.get("results"):
                newest_ms = int(fleet.read_ms[place])
                fleet.recall_results(place, newest_ms, int(row["faults"]), int(row["results"]))


def trend(fleet: Fleet, rows: list[dict[str, Any]]) -> None:
    """Takes rows of means a minute."""
    with fleet.lock:
        for row in rows:
            device = row["deviceID"]
            # Whoever has a trend was heard of; one that was retired meanwhile does not come back for it.
            place = fleet.find(device)
            if place is None:
                continue
            minute = int(row["time"]) // (60_000 * _MS)
            for channel, name in enumerate((*FEATURES, "probability")):
                if row.get(name) is not None:
                    fleet.trends.fill(place, minute, channel, float(row[name]))


def _whole(row: dict[str, Any]) -> bool:
    return bool(DEVICE_ID.fullmatch(row["deviceID"])) and all(row.get(name) is not None for name in FEATURES)
