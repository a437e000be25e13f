"""Fans that stand still, as their readings say at once. The forecast says it 20 to 30 minutes later, once two of its
bins have passed; until then the page puts it in the same words, and an acknowledgement ends here as it will there.
"""

import msgspec
import numpy as np

from console.live.table import Table
from fanwatch import text
from fanwatch.fleet import standstill
from fanwatch.fleet.standstill import SURE_MS, stands
from fanwatch.messages.alarm import OUT_OF_SERVICE, Alarm, with_lapsed
from fanwatch.messages.reasons import reason
from fanwatch.sensors import Values


class Stopped(Alarm, frozen=True, kw_only=True):
    """A warning or an alarm whose fan stands still, which forecast-fan has not seen yet."""

    stood_ms: int
    """Since when; 0 where it has stood for as long as this process knows it."""


class Standstill:
    """Which fans stand still, and what that makes of their alarms."""

    def __init__(self, table: Table) -> None:
        self.still = table.numbers(np.bool_)
        """Whether it stands still, once its readings have said so for a moment."""
        self.stood_ms = table.numbers()
        """Since when it stands still, or turns again where it stood; 0 where neither was seen to begin."""
        self._turned_ms = table.numbers()
        """Since when its readings say something else than `still`; 0 where they do not."""
        self._seen_turn = table.numbers(np.bool_)
        """Whether there were readings before that."""
        self._known: list[str] = table.objects("")
        """The episode that somebody has acknowledged since the fan stopped."""

    def take(self, row: int, ms: int, values: Values, *, first: bool) -> bool:
        """Takes a fan's newest reading; whether it stands still, or turns again, from now on."""
        still = stands(values)
        if still == self.still[row]:
            self._turned_ms[row] = 0
        elif not self._turned_ms[row]:
            self._turned_ms[row], self._seen_turn[row] = ms, not first
        elif ms - self._turned_ms[row] >= SURE_MS:
            self.still[row] = still
            self.stood_ms[row] = self._turned_ms[row] if self._seen_turn[row] else 0
            self._turned_ms[row] = 0
            self._known[row] = ""
            return True
        return False

    def acknowledged(self, row: int, episode: str) -> None:
        """Somebody has acknowledged this episode, and knows that its fan stands still."""
        self._known[row] = episode

    def seen(self, row: int, alarm: Alarm | None) -> Alarm | None:
        """What is said of a fan, as it is shown."""
        if alarm is None:
            return None
        still, since_ms = self.still[row], int(self.stood_ms[row])
        if alarm.state == OUT_OF_SERVICE and not still and since_ms > alarm.since_ms:
            return turning(alarm, since_ms)
        if alarm.state in ("warning", "alarm") and still:
            return stopped(alarm, since_ms, known=alarm.episode == self._known[row])
        return alarm


def turning(alarm: Alarm, turned_ms: int) -> Alarm:
    """What is said of a fan out of service that turns again, which forecast-fan waits a while to say."""
    return text.saying(alarm, (*alarm.told, reason("turned-again", since=turned_ms)))


def stopped(alarm: Alarm, stood_ms: int, *, known: bool) -> Stopped:
    """What a warning or an alarm comes to with the fan's stop, as forecast-fan puts it.

    `known` says that it was acknowledged after that; an acknowledgement of before ends with the stop.
    """
    lapsed = alarm.acknowledged and not known
    told = standstill.told(stood_ms, alarm.cause, troubled=True)
    reasons = with_lapsed((told,), str(alarm.acknowledgedBy) if lapsed else "")
    return Stopped(
        deviceID=alarm.deviceID,
        episode=alarm.episode,
        state="stopped",
        since=alarm.since,
        risk=None,
        cause=alarm.cause,
        failureExpected=None,
        why=text.why(reasons),
        reasons=reasons,
        acknowledgedBy=msgspec.UNSET if lapsed else alarm.acknowledgedBy,
        snoozedUntil=alarm.snoozedUntil,
        stood_ms=stood_ms,
    )
