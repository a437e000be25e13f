"""What is remembered of episodes beyond the alarm: when the fan stopped, when it was over, what people found.

Measurements `forecast_episode` and `label` have one point an episode, at the time at which it began, and are kept as
long as means are; a label stands in policy raw as well, for as long as that keeps points of its time.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fanwatch import text
from fanwatch.messages.alarm import Alarm, instrument_mode
from fanwatch.messages.command import LONGEST_NOTE, Command
from fanwatch.messages.reasons import Reason, as_text, of_text, reason
from fanwatch.store.influx import MEANS, RAW, Refused, Store, point, quoted

EPISODES = "forecast_episode"
LABELS = "label"
_MS = 1_000_000
_FORMER = 10
"""So many answers are kept of those that were corrected."""


class EpisodeEvent(NamedTuple):
    """An episode has come to a turn."""

    alarm: Alarm
    """One of that episode."""
    what: str
    """`stopped_ms` or `ended_ms`."""
    at_ms: int


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody found; times in ms since the epoch."""

    deviceID: str  # noqa: N815 - the tag's name
    since_ms: int
    found: str
    mode: str | None = None
    note: str | None = None
    by: str = ""
    stopped_ms: int | None = None
    """When the fan stopped; None where it did not, or nobody saw it."""
    ended_ms: int | None = None
    """When the episode was over."""
    seen_mode: str | None = None
    """Of an episode of a sensor: which one it was, and what was seen of it."""
    outcome: str | None = None
    """What they said of a fault: `failed`, or `prevented` where it was repaired before; None where they did not."""
    outcome_ms: int | None = None
    """When, as they said."""

    @property
    def event_mode(self) -> str | None:
        """What it was; of a sensor fault of which nobody said which, what was seen. None where that is not known."""
        return self.mode or (self.seen_mode if self.found == "instrument" else None)

    @property
    def failure_ms(self) -> int | None:
        """When the fan failed: people's word first, for a fan is stopped for its repair, too; then what was seen."""
        if self.found != "fault" or self.outcome == "prevented":
            return None
        said = self.outcome_ms if self.outcome == "failed" else None
        return said or self.stopped_ms

    @property
    def repaired_ms(self) -> int | None:
        """When it was well again; None where nobody knows, or that would be before it failed."""
        at_ms = self.outcome_ms if self.outcome == "prevented" else None
        at_ms = at_ms or self.ended_ms
        return None if at_ms is None or at_ms < (self.failure_ms or self.since_ms) else at_ms


def record(store: Store, turns: Iterable[EpisodeEvent]) -> None:
    """Writes down when fans stopped and episodes ended; fields of a point that is there already stay."""
    points = [
        point(
            EPISODES,
            {"deviceID": turn.alarm.deviceID},
            {
                "episode": turn.alarm.episode,
                "state": turn.alarm.state,
                turn.what: turn.at_ms,
                "reasons": as_text(turn.alarm.told),
                **_instrument(turn.alarm),
            },
            turn.alarm.since_ms * _MS,
        )
        for turn in turns
    ]
    if points:
        store.write(points, MEANS)


def _instrument(alarm: Alarm) -> dict[str, str]:
    """What was seen of a sensor, as an events file names it."""
    if alarm.state != "instrument" or alarm.cause is None:
        return {}
    return {"mode": instrument_mode(alarm.cause, alarm.sensor if alarm.sensor else None)}


def known(store: Store, device: str, since_ms: int) -> bool:
    """Whether that fan had an episode that began then."""
    at, fan = since_ms * _MS, quoted(device)
    return any(
        store.query(f'SELECT "episode" FROM "{measurement}" WHERE time = {at} AND "deviceID" = {fan}', policy)
        for measurement, policy in ((EPISODES, MEANS), (LABELS, MEANS), ("episode", RAW))
    )


def stopped_ms(store: Store, device: str, since_ms: int) -> int | None:
    """When the fan was seen to stop in the episode that began then; None where it was not."""
    where = f'WHERE time = {since_ms * _MS} AND "deviceID" = {quoted(device)}'
    rows = store.query(f'SELECT "stopped_ms" FROM "{EPISODES}" {where}', MEANS)
    return next((int(row["stopped_ms"]) for row in rows if row["stopped_ms"] is not None), None)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has said of an episode already, as it is stored: empty or 0 where they did not."""

    found: str
    mode: str = ""
    outcome: str = ""
    outcome_ms: int = 0
    note: str = ""
    by: str = ""
    closed_ms: int = 0
    former: str = ""
    """What others had said before, which was corrected."""
    former_reasons: str = ""
    """The same in codes, as JSON."""

    def same(self, command: Command) -> bool:
        """Whether the command says nothing else."""
        new = (command.found or "", command.mode or "", command.outcome or "", command.outcome_ms or 0)
        said = (self.found, self.mode, self.outcome, self.outcome_ms)
        return (new, command.note or "", command.by) == (said, self.note, self.by)

    @property
    def told(self) -> Reason:
        """Who closed it when, and as what."""
        said = {name: getattr(self, name) or None for name in ("found", "mode", "outcome", "note")}
        return reason("closed-before", by=self.by, at=self.closed_ms, **said)


def said_of(store: Store, device: str, since_ms: int) -> Said | None:
    """What was said of the episode that began then; None where nobody has said anything."""
    where = f'WHERE time = {since_ms * _MS} AND "deviceID" = {quoted(device)}'
    rows = store.query(f'SELECT {_names(Said)} FROM "{LABELS}" {where}', MEANS)
    return msgspec.convert({key: value for key, value in rows[0].items() if value}, Said) if rows else None


def _names(of: type[msgspec.Struct]) -> str:
    return ", ".join(f'"{name}"' for name in of.__struct_fields__)


def write_label(
    store: Store, command: Command, since_ms: int, now_ms: int, before: Said | None = None
) -> None:
    """What was found, in place of what was said `before`. All fields, for none of it shall stay.

    What another person had said is kept beside it.
    """
    former = () if before is None else of_text(before.former_reasons, before.former)
    if before is not None and before.by != command.by:
        ended = (reason("ended"),) if former and former[-1].code == "said" else ()
        former = (*former, *ended, before.told)[-_FORMER:]
    fields: dict[str, object] = {
        "episode": command.episode,
        "found": command.found or "",
        "mode": command.mode or "",
        "outcome": command.outcome or "",
        "outcome_ms": command.outcome_ms or 0,
        "note": command.note or "",
        "former": text.why(former)[-LONGEST_NOTE:],
        "former_reasons": as_text(former) if former else "",
        "by": command.by,
        "since_ms": since_ms,
        "closed_ms": now_ms,
    }
    label = point(LABELS, {"deviceID": command.device}, fields, since_ms * _MS)
    store.write([label], MEANS)
    try:
        store.write([label])
    except Refused:
        # Raw points of that time are no longer kept.
        return


def labels(store: Store) -> list[Label]:
    """All labels, the oldest first."""
    what = '"since_ms", "found", "mode", "note", "by", "outcome", "outcome_ms"'
    found = store.query(f'SELECT {what} FROM "{LABELS}" GROUP BY "deviceID"', MEANS)
    turns = {
        (row["deviceID"], row["time"]): row
        for row in store.query(
            f'SELECT "episode", "stopped_ms", "ended_ms", "mode" FROM "{EPISODES}" GROUP BY "deviceID"', MEANS
        )
    }
    made = [_label(row, turns.get((row["deviceID"], row["time"]), {})) for row in found]
    return sorted(made, key=lambda label: (label.since_ms, label.deviceID))


def _label(row: dict[str, object], turn: dict[str, object]) -> Label:
    return msgspec.convert(
        {name: value or None for name, value in row.items() if name != "time"}
        | {"by": row.get("by") or ""}
        | {name: turn.get(name) for name in ("stopped_ms", "ended_ms")}
        | {"seen_mode": turn.get("mode")},
        Label,
    )


def ended(store: Store, alarm: Alarm, at_ms: int) -> None:
    """Somebody has closed it."""
    record(store, [EpisodeEvent(alarm, "ended_ms", at_ms)])
