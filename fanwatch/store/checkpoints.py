"""What forecast-fan remembers of each fan, in measurement `forecast_state`: one point a fan and UTC day.

A run overwrites the point of the day that its checkpoint is in, so a fan takes the room of one point a day, and the
last checkpoint of each day stays, to build a fan anew from when readings of an earlier day arrive. Every write has all
fields: InfluxDB would keep the old value of one that is left out.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.store.fan_names import among
from fanwatch.store.influx import Store, point, quoted

if TYPE_CHECKING:
    from influxdb_client.client.write.point import Point

MEASUREMENT = "forecast_state"
DAY_MS = 86_400_000
_MS = 1_000_000
_STANDS_MS = 3_600_000
"""The forecast sees a stop 20 to 30 minutes later; what stops after that has run meanwhile."""
T = TypeVar("T")
_NUMBERS = ("from_ms", "checkpoint_ms", "through_ms", "told_ms", "taken")
_FIELDS = (*_NUMBERS, "state", "kept", "alarm", "note")
_WRITTEN = '("checkpoint_ms" > 0 OR "told_ms" > 0)'
"""All points but erased ones: a void one has told something, or there was nothing to lose."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the alarm on the wire does not say. Times in ms since the epoch."""

    said_ms: int = 0
    """Up to when readings were known as the alarm was published."""
    opened_ms: int = 0
    """When, by the clock here, the episode was published first, or was open again; 0 where none is open."""
    gone_ms: int = 0
    """Since when the fan of the open episode stands still, or nothing comes of it; 0 where neither is so."""
    lapsed: str = ""
    """Who had acknowledged the open episode before its fan stopped, with which that ended."""
    stands_ms: int = 0
    """When, by the clock here, somebody acknowledged that its fan stands, before the forecast had seen that."""
    closed: str = ""
    """The episode that a person has closed last."""
    closed_ms: int = 0
    """Up to when readings were known then: there, the fan's state forgets the episode."""
    closed_why: str = ""
    """Who closed it as what, a sentence, in notes of earlier versions."""
    closed_reasons: Reasons = ()
    """Who closed it as what."""
    labelled: str = ""
    """The episode, over by itself, of which somebody has said last what it was."""
    out_ms: int = 0
    """Since when the fan stands, or sends nothing, that is out of service until it turns; 0 where it is not."""
    out_unseen: bool = False
    """It is so by its last readings, which the forecast did not know yet."""
    awaited_ms: int = 0
    """A stop that begins before belongs to the episode that was closed last; 0 in notes of earlier versions."""
    retired_ms: int = 0
    """The fan was retired; what is not newer does not bring it back."""

    @property
    def closed_told(self) -> Reasons:
        """Who closed it as what, whichever version wrote it down."""
        return self.closed_reasons or ((reason("said", text=self.closed_why),) if self.closed_why else ())

    def stop_known(self, now_ms: int) -> bool:
        """Whether a stop that is seen now is the one that has been acknowledged already."""
        return 0 <= now_ms - self.stands_ms < _STANDS_MS


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fan. Times in ms since the epoch."""

    fan: str
    from_ms: int = 0
    """Where what this point accounts for begins: where that of an earlier day ends, or the fan's first bin."""
    checkpoint_ms: int = 0
    """`state` knows all bins before; 0 for a point that has become void."""
    through_ms: int = 0
    """`kept` are the bins from the checkpoint up to here."""
    told_ms: int = 0
    """The alarm is that of here; a fan that is built anew repeats nothing that was said before."""
    taken: int = 0
    """Points of the store from `from_ms` up to the checkpoint: with more of them there, some came later."""
    state: bytes = b""
    kept: bytes = b""
    alarm: Alarm | None = None
    """As it was published."""
    note: Note = Note()
    day_ms: int = 0
    """Where the point stands that this was read from; written is by the checkpoint."""

    @property
    def void(self) -> bool:
        """Whether there is no state to go on from."""
        return not self.checkpoint_ms or not self.state


def latest(store: Store, since_ms: int) -> dict[str, Row]:
    """By fan, the newest point since then."""
    text = f'{_select()} WHERE time >= {since_ms * _MS} AND {_WRITTEN} GROUP BY "deviceID" ORDER BY time DESC LIMIT 1'
    rows = map(_row, store.query(text))
    return {row.fan: row for row in rows}


def of(store: Store, fan: str, since_ms: int) -> Row | None:
    """The newest point of one fan; None for one that is not known."""
    where = f'time >= {since_ms * _MS} AND "deviceID" = {quoted(fan)} AND {_WRITTEN}'
    found = store.query(f'{_select()} WHERE {where} GROUP BY "deviceID" ORDER BY time DESC LIMIT 1')
    return _row(found[0]) if found else None


def days(store: Store, fans: Sequence[str], since_ms: int) -> dict[str, list[Row]]:
    """All points of these fans that are not void, the oldest first; without what they keep."""
    what = '"from_ms", "checkpoint_ms", "through_ms", "taken", "state"'
    text = f'SELECT {what} FROM "{MEASUREMENT}" WHERE time >= {since_ms * _MS} AND {among(fans)} GROUP BY "deviceID"'
    found: dict[str, list[Row]] = {}
    for values in store.query(text):
        row = _row(values)
        if not row.void:
            found.setdefault(row.fan, []).append(row)
    return found


def save(store: Store, rows: Iterable[Row]) -> None:
    """Writes these; each overwrites the point of its fan and day."""
    store.write(to_point(row, row.checkpoint_ms or row.through_ms) for row in rows)


def make_void(store: Store, rows: Iterable[Row]) -> None:
    """Says of points that their states count no longer; alarm and note go on to count."""
    store.write(
        to_point(Row(fan=row.fan, told_ms=row.told_ms, alarm=row.alarm, note=row.note), row.checkpoint_ms)
        for row in rows
    )


def erase(store: Store, rows: Iterable[Row]) -> None:
    """Makes points, as they were read, ones that count for nothing at all."""
    store.write(to_point(Row(fan=row.fan), row.day_ms) for row in rows)


def _select() -> str:
    return "SELECT " + ", ".join(f'"{name}"' for name in _FIELDS) + f' FROM "{MEASUREMENT}"'


def to_point(row: Row, at_ms: int) -> "Point":
    """The point of a row, on the day of that time."""
    fields: dict[str, object] = {
        "from_ms": row.from_ms,
        "checkpoint_ms": row.checkpoint_ms,
        "through_ms": row.through_ms,
        "told_ms": row.told_ms,
        "taken": row.taken,
        "state": base64.b64encode(row.state).decode(),
        "kept": base64.b64encode(row.kept).decode(),
        "alarm": "" if row.alarm is None else msgspec.json.encode(row.alarm).decode(),
        "note": msgspec.json.encode(row.note).decode(),
    }
    return point(MEASUREMENT, {"deviceID": row.fan}, fields, at_ms // DAY_MS * DAY_MS * _MS)


def _row(values: Mapping[str, Any]) -> Row:
    """What was written; what cannot be read of it is as if it were not there, and the fan is built anew."""
    alarm = _json(values.get("alarm"), Alarm)
    numbers = {name: values.get(name) for name in _NUMBERS}
    whole = {name: int(value) if isinstance(value, int | float) else 0 for name, value in numbers.items()}
    return Row(
        fan=values["deviceID"],
        state=_bytes(values.get("state")),
        kept=_bytes(values.get("kept")),
        alarm=alarm,
        note=note_of(values.get("note")),
        day_ms=int(values["time"]) // _MS,
        **whole,
    )


def note_of(text: object) -> Note:
    """A note as it was written."""
    return _json(text, Note) or Note()


def _json(text: object, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(text, type=kind) if isinstance(text, str) and text else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        return b""
