"""Fans that are heard and cannot be used: their sender's messages are refused, or its clock is wrong.

forecast-fan says so half an hour after it began; the page hears it at once, and puts it in the same words. It also
takes back at once what was said of a silence that is over.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.live.table import Table
from fanwatch import text
from fanwatch.fleet import unusable
from fanwatch.fleet.unusable import Heard
from fanwatch.messages.alarm import Alarm
from fanwatch.sensors import FEATURES, Values

BEHIND_MS: Final = 300_000
"""What was measured so long before it came is not of now."""
SURE_MS: Final = 10_000
"""After which it is seen how a clock goes that is behind."""
_TIMELY, _BEHIND, _STANDS, _CATCHES_UP = range(4)
_MOVEMENTS: Final[dict[unusable.Movement, int]] = {
    "behind": _BEHIND,
    "stands": _STANDS,
    "catches up": _CATCHES_UP,
}
_NOTHING, _REFUSED, _OFF_CLOCK, _RESUMED = range(4)
_KEPT_BYTES: Final = 2000
_MINUTE_MS: Final = 60_000


class Refusal(NamedTuple):
    """The last message of a fan that was refused."""

    came_ms: int
    payload: bytes
    error: str
    clock: bool
    """Whether for a time that is not believed."""
    timezone: ZoneInfo


class Senders:
    """How each fan's sender is, and what that makes of the fan's alarm."""

    def __init__(self, table: Table, silent_s: float, *, read_ms: np.ndarray, heard_ms: np.ndarray) -> None:
        """What came `silent_s` seconds ago is not heard any more. Of each fan the fleet keeps, in two columns, when the
        newest reading was measured and when one came last.
        """
        self.silent_ms = round(silent_s * 1000)
        self._table, self._read_ms, self._heard_ms = table, read_ms, heard_ms
        self._refusals: list[Refusal | None] = table.objects()
        """What was refused since the last reading that was not."""
        self._clock_ms = 0
        """The newest time at which anything came, or was looked at."""
        self._late_ms = table.numbers()
        """When a reading came last that was measured long before, and when that was."""
        self._late_at = table.numbers()
        self._late_values = table.numbers(np.float64, shape=(len(FEATURES),))
        self._since_ms = table.numbers()
        """The same of an earlier one, by which it is seen how the clock goes."""
        self._since_at = table.numbers()
        self._moves = table.numbers(np.int8)
        self._heed = table.numbers(np.bool_)
        """Whether a reading that comes in time changes what is said."""
        self._told = table.numbers()
        """What is shown of an alarm, as `_key` has it; 0 where it is as forecast-fan says."""

    def tick(self, now_ms: int) -> None:
        """It is at least that late."""
        self._clock_ms = max(self._clock_ms, now_ms)

    def arrived(self, row: int, ms: int, values: Values, came_ms: int, said: Alarm | None) -> bool:
        """Takes a reading that came; it may have been measured long before. Whether `said` is to be shown anew."""
        self.tick(came_ms)
        if came_ms - ms > BEHIND_MS:
            self._late(row, ms, values, came_ms)
        elif self._heed[row]:
            self._refusals[row] = None
            self._moves[row] = _TIMELY
            self._since_ms[row] = 0
        else:
            return False
        return self._differs(row, said)

    def refused(self, row: int, refusal: Refusal, said: Alarm | None) -> bool:
        """Takes a message that was refused. Whether `said` is to be shown anew."""
        self._refusals[row] = refusal._replace(payload=refusal.payload[:_KEPT_BYTES])
        return self._differs(row, said)

    def unusable(self, now_ms: int) -> np.ndarray:
        """By fan, whether it is heard and cannot be used."""
        count = len(self._table)
        came = np.fromiter((0 if each is None else each.came_ms for each in self._refusals), np.int64, count)
        # Of readings that come in time some may be refused: then it can be used all the same.
        refused = (now_ms - came <= self.silent_ms) & (now_ms - self._heard_ms[:count] > self.silent_ms)
        found: np.ndarray = refused | self._off_clock(now_ms)
        return found

    def trouble(self, row: int, now_ms: int) -> Heard | None:
        """Why a fan that is heard cannot be used; None where that is not so."""
        wrong, refusal = self._wrong(row, now_ms), self._refusals[row]
        if not wrong:
            return None
        if refusal is not None and wrong == _REFUSED:
            good_ms = int(self._read_ms[row]) or None
            return unusable.refused(
                refusal.payload,
                refusal.error,
                refusal.came_ms,
                good_ms,
                refusal.timezone,
                clock=refusal.clock,
            )
        values = dict(zip(FEATURES, self._late_values[row].tolist(), strict=True))
        movement: unusable.Movement = "stands" if self._moves[row] == _STANDS else "behind"
        return unusable.belated(movement, int(self._late_at[row]), int(self._late_ms[row]), values)

    def clocks(self, now_ms: int) -> np.ndarray:
        """By fan, the time that it is for it where its past is being played in, or a backlog worked off; else 0."""
        count = len(self._table)
        read, heard = self._read_ms[:count], self._heard_ms[:count]
        past = (now_ms - heard <= self.silent_ms) & (now_ms - read > BEHIND_MS)
        return np.where(past & ~self._off_clock(now_ms), read, 0)

    def clock(self, row: int, now_ms: int) -> int:
        """The same of one fan."""
        return int(self.clocks(now_ms)[row])

    def past_ms(self, now_ms: int) -> int:
        """The time that it is for the fleet: the newest of them, where that is so for most fans heard; else 0."""
        clocks = self.clocks(now_ms)
        heard = int((now_ms - self._heard_ms[: len(clocks)] <= self.silent_ms).sum())
        return int(clocks.max()) if 2 * np.count_nonzero(clocks) > heard else 0

    def fallen_silent(self) -> Sequence[int]:
        """Fans that are not heard any more, and of which is shown how they were heard."""
        told = np.flatnonzero(self._told[: len(self._table)]).tolist()
        return [row for row in told if not self._is_heard(row)]

    def seen(self, row: int, alarm: Alarm | None) -> Alarm | None:
        """What is said of a fan, as it is shown."""
        self._told[row] = 0
        if alarm is None or not unusable.says_unusable(alarm):
            return alarm
        self._heed[row] = True
        # While nobody can tell yet how a clock goes that was wrong, it stays what it was.
        unclear = alarm.cause == "clock" and self._since_ms[row] and not self._wrong(row, self._clock_ms)
        if unclear or not self._is_heard(row):
            return alarm
        self._told[row] = self._key(row)
        return shown(alarm, self.trouble(row, self._clock_ms))

    def _late(self, row: int, ms: int, values: Values, came_ms: int) -> None:
        since_ms = int(self._since_ms[row])
        if not since_ms or came_ms - since_ms >= SURE_MS:
            if since_ms:
                first, last = (int(self._since_at[row]), since_ms), (ms, came_ms)
                self._moves[row] = _MOVEMENTS[unusable.movement(first, last)]
            self._since_ms[row], self._since_at[row] = came_ms, ms
        self._late_ms[row], self._late_at[row], self._late_values[row] = came_ms, ms, values

    def _off_clock(self, now_ms: int) -> np.ndarray:
        """By fan, whether its clock is behind or stands: neither its past nor a backlog comes in."""
        count = len(self._table)
        moves = self._moves[:count]
        late = now_ms - self._late_ms[:count] <= self.silent_ms
        off: np.ndarray = ((moves == _BEHIND) | (moves == _STANDS)) & late
        return off

    def _wrong(self, row: int, now_ms: int) -> int:
        refusal = self._refusals[row]
        if refusal is not None and now_ms - refusal.came_ms <= self.silent_ms < now_ms - self._heard_ms[row]:
            return _REFUSED
        off = self._moves[row] in (_BEHIND, _STANDS) and now_ms - self._late_ms[row] <= self.silent_ms
        return _OFF_CLOCK if off else _NOTHING

    def _differs(self, row: int, said: Alarm | None) -> bool:
        """Whether an alarm that says that nothing can be used is to be shown anew: as that changes, or each minute."""
        told = said is not None and unusable.says_unusable(said)
        self._heed[row] = told or self._refusals[row] is not None or bool(self._moves[row])
        return told and bool(self._told[row] != self._key(row))

    def _key(self, row: int) -> int:
        """Changes when something else is to be shown: what is wrong has the time of the last message in it."""
        wrong = self._wrong(row, self._clock_ms)
        return wrong + 4 * (self._clock_ms // _MINUTE_MS) if wrong else _RESUMED

    def _is_heard(self, row: int) -> bool:
        refusal = self._refusals[row]
        came_ms = max(int(self._heard_ms[row]), 0 if refusal is None else refusal.came_ms)
        return self._clock_ms - came_ms <= self.silent_ms


def shown(alarm: Alarm, told: Heard | None) -> Alarm:
    """An alarm that says of a fan that nothing comes from it, of one that is heard: what is wrong, None for nothing."""
    if alarm.state != "instrument":
        return text.saying(alarm, unusable.instead_of_silence(alarm.told, told))
    if told is None:
        return text.saying(alarm, unusable.resumed(alarm), cause="resumed", sensor=msgspec.UNSET)
    return text.saying(alarm, told.reasons, cause=told.cause, sensor=told.sensor or msgspec.UNSET)
