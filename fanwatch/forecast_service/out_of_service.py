"""Fans that stand, or send nothing, after somebody has closed their episode: out of service until they turn.

The stop belongs to the episode that was closed, also where the forecast sees it only later: one stop is one episode and
one label. Nobody is told of the fan any more; once it turns it is as any other, and its next stop is a new episode.
"""

from typing import Final, NamedTuple

import msgspec

from fanwatch.fleet.standstill import SURE_MS, TURNING
from fanwatch.fleet.unusable import says_unusable
from fanwatch.forecast import BIN_MS, Verdict
from fanwatch.messages.alarm import Alarm
from fanwatch.store import readings
from fanwatch.store.checkpoints import Note
from fanwatch.store.influx import Store

AFTER_MS: Final = 3_600_000
"""Whoever has found a fault stops the fan to repair it: a stop within so long belongs to the episode they closed."""
_LOOK_MS: Final = 2 * 3_600_000
"""So far before its last reading a fan is looked at."""
_MS: Final = 1_000_000
NONE: Final = 1
"""No stop is awaited: before any time that a fan can stop at."""


class Seen(NamedTuple):
    """What a fan's own readings say, of which the forecast may not know the newest yet. Times in ms."""

    newest_ms: int
    """Of the newest reading; 0 where there is none."""
    stood_ms: int
    """Since when it stands still; 0 where it turns, or nobody can tell."""


def seen(store: Store, fan: str, since_ms: int) -> Seen:
    """Whether the fan stands by its last readings, none of them older than `since_ms`."""
    newest_ms = readings.newest(store, fan, since_ms)
    if newest_ms is None:
        return Seen(0, 0)
    from_ms = newest_ms - _LOOK_MS
    turned_ms = readings.newest_beyond(store, fan, from_ms, TURNING)
    turned_ms = from_ms if turned_ms is None else turned_ms
    return Seen(newest_ms, turned_ms if newest_ms - turned_ms >= SURE_MS else 0)


def closing(note: Note, before: Alarm, found: str, known_ms: int, stopped_ms: int | None, own: Seen) -> Note:
    """The note of a fan whose open episode `before` is closed; `known_ms` is up to where the forecast knows it.

    `stopped_ms` is when the forecast saw it stop in that episode; None where it did not.
    """
    newest_ms = max(known_ms, own.newest_ms)
    silent = before.state == "instrument" and says_unusable(before)
    if before.state == "stopped" or silent:
        out_ms, unseen, awaited_ms = stopped_ms or before.since_ms, False, known_ms
    elif own.stood_ms:
        # By then its first bin without a turn is known.
        out_ms, unseen, awaited_ms = own.stood_ms, True, newest_ms + 2 * BIN_MS
    else:
        out_ms, unseen, awaited_ms = 0, False, newest_ms + AFTER_MS if found == "fault" else NONE
    return msgspec.structs.replace(note, out_ms=out_ms, out_unseen=unseen, awaited_ms=awaited_ms)


def after(note: Note, verdict: Verdict, at_ms: int) -> Note:
    """The note as of a bin that ends at `at_ms`: `out_ms` says since when the fan is out of service, or 0."""
    if not verdict.turns and (note.out_ms or _belongs(note, verdict)):
        # What is seen of a stop is known better than when it was said.
        seen_ms = verdict.stopped_ms or verdict.silent_ms
        out_ms = note.out_ms or seen_ms or at_ms
        return msgspec.structs.replace(note, out_ms=out_ms, out_unseen=note.out_unseen and seen_ms is None)
    if note.out_ms and not (note.out_unseen and at_ms < note.awaited_ms):
        # It turns. A stop that begins from now on is another one.
        return msgspec.structs.replace(
            note, out_ms=0, out_unseen=False, awaited_ms=min(note.awaited_ms, at_ms)
        )
    return note


def _belongs(note: Note, verdict: Verdict) -> bool:
    """Whether what is seen of the fan began in time for the episode that was closed last."""
    since_ms = verdict.silent_ms if verdict.stopped_ms is None else verdict.stopped_ms
    # Notes of before there was this have the time of the closing only.
    return since_ms is not None and since_ms < (note.awaited_ms or note.closed_ms)
