"""Fans that are heard and cannot be used: what they send is refused, or their clock is wrong.

forecast-fan says so half an hour after it began; the page hears it at once, and puts it in the same words. It also
takes back at once what was said of a silence that is over.
"""

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.live.stops import Stops
from fanwatch import text
from fanwatch.fleet import unusable
from fanwatch.fleet.unusable import Heard
from fanwatch.messages.alarm import Alarm
from fanwatch.sensors import FEATURES

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


class Unusable(Stops):
    """Which fans are heard and cannot be used, and what that makes of their alarms. Hold the lock."""

    def __init__(self, most: int, silent_s: float) -> None:
        """There is room for `most` fans; what came `silent_s` seconds ago is not heard any more."""
        super().__init__(most)
        self.silent_ms = round(silent_s * 1000)
        self.refusals: list[Refusal | None] = []
        """By fan, what was refused since its last reading that was not."""
        self._clock_ms = 0
        """The newest time at which anything came, or was looked at."""
        self._late_ms = np.zeros(most, np.int64)
        """When a reading came last that was measured long before, and when that was."""
        self._late_at = np.zeros(most, np.int64)
        self._late_values = np.zeros((most, len(FEATURES)), np.float64)
        self._since_ms = np.zeros(most, np.int64)
        """The same of an earlier one, by which it is seen how the clock goes."""
        self._since_at = np.zeros(most, np.int64)
        self._moves = np.zeros(most, np.int8)
        self._heed = np.zeros(most, np.bool_)
        """Whether a reading that comes in time changes what is said."""
        self._told = np.zeros(most, np.int64)
        """What is shown of an alarm, as `_key` has it; 0 where it is as forecast-fan says."""
        late = self._late_ms, self._late_at, self._late_values, self._since_ms, self._since_at, self._moves
        self._arrays = (*self._arrays, *late, self._heed, self._told)
        self._lists = (*self._lists, self.refusals)  # type: ignore[arg-type]

    def refused(self, device: str, refusal: Refusal) -> None:
        """Takes a message of a fan that has a place and was refused."""
        self._clock_ms = max(self._clock_ms, refusal.came_ms)
        index = self.find(device)
        if index is not None:
            kept = refusal.payload[:_KEPT_BYTES]
            self.refusals[index] = refusal._replace(payload=kept)
            self._heed[index] = True
            self._tell(index)
            self.revision += 1

    def unusable(self, now_ms: int) -> np.ndarray:
        """By fan, whether it is heard and cannot be used."""
        count = len(self.names)
        came = np.fromiter((0 if each is None else each.came_ms for each in self.refusals), np.int64, count)
        # Of readings that come in time some may be refused: then it can be used all the same.
        refused = (now_ms - came <= self.silent_ms) & (now_ms - self.heard_ms[:count] > self.silent_ms)
        found: np.ndarray = refused | self._off_clock(now_ms)
        return found

    def heard(self, index: int, now_ms: int) -> Heard | None:
        """Why a fan that is heard cannot be used; None where that is not so."""
        wrong, refusal = self._wrong(index, now_ms), self.refusals[index]
        if not wrong:
            return None
        if refusal is not None and wrong == _REFUSED:
            good_ms = int(self.read_ms[index]) or None
            return unusable.refused(
                refusal.payload,
                refusal.error,
                refusal.came_ms,
                good_ms,
                refusal.timezone,
                clock=refusal.clock,
            )
        values = dict(zip(FEATURES, self._late_values[index].tolist(), strict=True))
        movement: unusable.Movement = "stands" if self._moves[index] == _STANDS else "behind"
        return unusable.belated(movement, int(self._late_at[index]), int(self._late_ms[index]), values)

    def _wrong(self, index: int, now_ms: int) -> int:
        """What `unusable` says of one fan: _REFUSED, _OFF_CLOCK, or _NOTHING."""
        refusal = self.refusals[index]
        if refusal is not None and now_ms - refusal.came_ms <= self.silent_ms < now_ms - self.heard_ms[index]:
            return _REFUSED
        off = self._moves[index] in (_BEHIND, _STANDS) and now_ms - self._late_ms[index] <= self.silent_ms
        return _OFF_CLOCK if off else _NOTHING

    def _off_clock(self, now_ms: int) -> np.ndarray:
        """By fan, whether its clock is behind or stands: neither its past nor a backlog comes in."""
        count = len(self.names)
        moves = self._moves[:count]
        late = now_ms - self._late_ms[:count] <= self.silent_ms
        off: np.ndarray = ((moves == _BEHIND) | (moves == _STANDS)) & late
        return off

    def _arrived(self, index: int, ms: int, values: tuple[float, ...], came_ms: int) -> None:
        """Takes a reading that came; it may have been measured long before."""
        self._clock_ms = max(self._clock_ms, came_ms)
        if came_ms - ms > BEHIND_MS:
            self._late(index, ms, values, came_ms)
        elif self._heed[index]:
            self.refusals[index] = None
            self._moves[index] = _TIMELY
            self._since_ms[index] = 0
            self._tell(index)

    def _late(self, index: int, ms: int, values: tuple[float, ...], came_ms: int) -> None:
        since_ms = int(self._since_ms[index])
        if not since_ms or came_ms - since_ms >= SURE_MS:
            if since_ms:
                first, last = (int(self._since_at[index]), since_ms), (ms, came_ms)
                self._moves[index] = _MOVEMENTS[unusable.movement(first, last)]
            self._since_ms[index], self._since_at[index] = came_ms, ms
        self._late_ms[index], self._late_at[index], self._late_values[index] = came_ms, ms, values
        self._heed[index] = True
        self._tell(index)

    def _tell(self, index: int) -> None:
        """Shows the alarm of a fan anew where it says that nothing can be used: as that changes, or each minute."""
        said = self.said[index]
        told = said is not None and unusable.says_unusable(said)
        self._heed[index] = told or self.refusals[index] is not None or bool(self._moves[index])
        if told and self._told[index] != self._key(index):
            self._set_alarm(index, said)

    def _key(self, index: int) -> int:
        """Changes when something else is to be shown: what is wrong has the time of the last message in it."""
        wrong = self._wrong(index, self._clock_ms)
        return wrong + 4 * (self._clock_ms // _MINUTE_MS) if wrong else _RESUMED

    def _fall_silent(self, now_ms: int) -> None:
        """Shows again as it was said what is said of fans that are not heard any more; call it every few seconds."""
        self._clock_ms = max(self._clock_ms, now_ms)
        for index in np.flatnonzero(self._told[: len(self.names)]).tolist():
            if not self._is_heard(index):
                self._set_alarm(index, self.said[index])

    def _is_heard(self, index: int) -> bool:
        refusal = self.refusals[index]
        came_ms = max(int(self.heard_ms[index]), 0 if refusal is None else refusal.came_ms)
        return self._clock_ms - came_ms <= self.silent_ms

    def _seen(self, index: int, alarm: Alarm | None) -> Alarm | None:
        alarm = super()._seen(index, alarm)
        self._told[index] = 0
        if alarm is None or not unusable.says_unusable(alarm):
            return alarm
        self._heed[index] = True
        # While nobody can tell yet how a clock goes that was wrong, it stays what it was.
        unclear = alarm.cause == "clock" and self._since_ms[index] and not self._wrong(index, self._clock_ms)
        if unclear or not self._is_heard(index):
            return alarm
        self._told[index] = self._key(index)
        return shown(alarm, self.heard(index, self._clock_ms))

    def _give(self, device: str) -> int:
        self.refusals.append(None)
        return super()._give(device)


def shown(alarm: Alarm, told: Heard | None) -> Alarm:
    """An alarm that says of a fan that nothing comes from it, of one that is heard: what is wrong, None for nothing."""
    if alarm.state != "instrument":
        return text.saying(alarm, unusable.instead_of_silence(alarm.told, told))
    if told is None:
        return text.saying(alarm, unusable.resumed(alarm), cause="resumed", sensor=msgspec.UNSET)
    return text.saying(alarm, told.reasons, cause=told.cause, sensor=told.sensor or msgspec.UNSET)
