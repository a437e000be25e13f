"""Most of the fleet that falls silent, or stops, at once: one message, not one a fan."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from fanwatch import text
from fanwatch.fleet import outage
from fanwatch.fleet.unusable import was_silent
from fanwatch.messages.alarm import Alarm
from fanwatch.messages.timestamps import format_ms
from fanwatch.store.checkpoints import Row

LISTED: Final = 100
"""Fans that the message names; it counts all."""
_AGAIN_MS: Final = 20 * 60_000


class Many(msgspec.Struct, frozen=True):
    """Fans that are told of by one message."""

    key: str
    """Of the message; no episode has such a name."""
    alarms: tuple[Alarm, ...]
    """Of all of them, whether they were told of or not."""
    since_ms: int
    """Since when they are gone, half of them earlier and half later."""
    known: int
    """Fans that were looked at."""
    again: int
    """Those of them that send again."""

    def content(self) -> dict[str, object]:
        """What is sent."""
        silent = sum(alarm.state == "instrument" for alarm in self.alarms)
        kind = outage.kind_of(silent, len(self.alarms) - silent)
        since = format_ms(self.since_ms)
        devices = sorted(alarm.deviceID for alarm in self.alarms)
        return {
            "text": text.why(outage.told(kind, len(devices), self.known, self.since_ms, self.again)),
            "state": kind,
            "since": since,
            "fans": len(devices),
            "known": self.known,
            "deviceIDs": devices[:LISTED],
        }


def many(fleet: Iterable[Row], scored: Mapping[str, int], now_ms: int) -> Many | None:
    """Those that went at once, lately, where they are most of the fans that the last run has looked at; else None.

    `scored` is up to when each fan's readings were scored, in ms.
    """
    rows = [row for row in fleet if row.alarm is not None]
    head_ms = max((row.told_ms for row in rows), default=0)
    # Fans that this run has left for the next one are not known to be there.
    current = [row for row in rows if row.told_ms == head_ms]
    gone = [row for row in current if _gone(row) and now_ms - row.note.opened_ms < outage.TOGETHER_MS]
    if not outage.is_one(len(gone), len(current)):
        return None
    since_ms = sorted(row.note.gone_ms for row in gone)[len(gone) // 2]
    # One may have gone long before, and a run seen it only now.
    gone = [row for row in gone if abs(row.note.gone_ms - since_ms) < outage.TOGETHER_MS]
    if not outage.is_one(len(gone), len(current)):
        return None
    clock_ms = max(scored.values(), default=0)
    silent = [row.fan for row in gone if row.alarm is not None and row.alarm.state == "instrument"]
    again = sum(clock_ms - scored.get(fan, 0) < _AGAIN_MS for fan in silent)
    began_ms = min(row.note.opened_ms for row in gone)
    alarms = tuple(row.alarm for row in gone if row.alarm is not None)
    return Many(f"most fans/{format_ms(began_ms)}", alarms, since_ms, len(current), again)


def _gone(row: Row) -> bool:
    # A stop that its wear had announced is the fan's own.
    return row.note.gone_ms > 0 and (outage.unannounced(row.alarm) or was_silent(row.alarm))
