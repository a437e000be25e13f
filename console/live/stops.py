"""Fans that stand still, as their readings say at once. The forecast says it 20 to 30 minutes later, once two of its
bins have passed; until then the page puts it in the same words, and an acknowledgement ends here as it will there.
"""

import msgspec
import numpy as np

from console.live.places import Places
from fanwatch import text
from fanwatch.fleet.standstill import SURE_MS, stands
from fanwatch.messages.alarm import OUT_OF_SERVICE, Alarm, with_lapsed
from fanwatch.messages.reasons import reason
from fanwatch.sensors import Values


class Stopped(Alarm, frozen=True, kw_only=True):
    """A warning or an alarm whose fan stands still, which forecast-fan has not seen yet."""

    stood_ms: int
    """Since when; 0 where it has stood for as long as this process knows it."""


class Stops(Places):
    """Which fans stand still, and what that makes of their alarms. Hold the lock."""

    def __init__(self, most: int) -> None:
        """There is room for `most` fans."""
        super().__init__(most)
        self._known: set[str] = set()
        """Episodes that somebody has acknowledged since their fan stopped."""

    def standing(self) -> np.ndarray:
        """By fan, whether it stands still."""
        return self.still[: len(self.names)]

    def acknowledged_now(self, episode: str) -> None:
        """Somebody has just acknowledged it: if its fan stands still, they know that. Takes the lock."""
        with self.lock:
            index = self.find(episode.partition("/")[0])
            alarm = None if index is None else self.alarms[index]
            if index is not None and isinstance(alarm, Stopped) and alarm.episode == episode:
                self._known.add(episode)
                self._set_alarm(index, self.said[index])

    def _turns(self, index: int, ms: int, values: Values) -> None:
        """Takes a fan's newest reading; call it before `read_ms` is that of the reading."""
        still = stands(values)
        if still == self.still[index]:
            self.turned_ms[index] = 0
        elif not self.turned_ms[index]:
            self.turned_ms[index], self.seen_turn[index] = ms, self.read_ms[index] > 0
        elif ms - self.turned_ms[index] >= SURE_MS:
            self.still[index] = still
            self.stood_ms[index] = self.turned_ms[index] if self.seen_turn[index] else 0
            self.turned_ms[index] = 0
            said = self.said[index]
            if said is not None:
                self._known.discard(said.episode)
                self._set_alarm(index, said)

    def _take_alarm(self, index: int, alarm: Alarm) -> None:
        """Takes what is said of a fan now."""
        before = self.said[index]
        if before == alarm:
            return
        anew = before is not None and alarm.acknowledged and alarm.acknowledgedBy != before.acknowledgedBy
        if anew and isinstance(self.alarms[index], Stopped):
            # Who says so of a fan that stands knows that, be it here or by the command line.
            self._known.add(alarm.episode)
        self._set_alarm(index, alarm)

    def _set_alarm(self, index: int, alarm: Alarm | None) -> None:
        before = self.said[index]
        if before is not None and (alarm is None or alarm.episode != before.episode):
            self._known.discard(before.episode)
        super()._set_alarm(index, alarm)

    def _free(self, index: int) -> None:
        said = self.said[index]
        if said is not None:
            self._known.discard(said.episode)
        super()._free(index)

    def _seen(self, index: int, alarm: Alarm | None) -> Alarm | None:
        turned_ms = int(self.stood_ms[index])  # of a fan that does not stand: since when it turns again
        if alarm is not None and alarm.state == OUT_OF_SERVICE and not self.still[index]:
            return turning(alarm, turned_ms) if turned_ms > alarm.since_ms else alarm
        if alarm is None or alarm.state not in ("warning", "alarm") or not self.still[index]:
            return alarm
        return stopped(alarm, int(self.stood_ms[index]), known=alarm.episode in self._known)


def turning(alarm: Alarm, turned_ms: int) -> Alarm:
    """What is said of a fan out of service that turns again, which forecast-fan waits a while to say."""
    return text.saying(alarm, (*alarm.told, reason("turned-again", since=turned_ms)))


def stopped(alarm: Alarm, stood_ms: int, *, known: bool) -> Stopped:
    """What a warning or an alarm comes to with the fan's stop, as forecast-fan puts it.

    `known` says that it was acknowledged after that; an acknowledgement of before ends with the stop.
    """
    if alarm.cause:
        code = "stopped-announced" if stood_ms else "stands-announced"
    else:
        code = "stood" if stood_ms else "stands"
    lapsed = alarm.acknowledged and not known
    said = (reason(code, since=stood_ms or None, sensor=alarm.cause),)
    reasons = with_lapsed(said, str(alarm.acknowledgedBy) if lapsed else "")
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
