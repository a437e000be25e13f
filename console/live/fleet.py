"""The live fleet, bounded by the number of fans that it was made for.

Written by the broker's thread, read by the page's loop; `lock` is held for as long as either takes, which is a few
milliseconds at most. Whatever comes twice, late or out of order leaves the newest value standing.
"""

import threading
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.live.forecast_runs import ForecastRuns
from console.live.senders import Refusal, Senders
from console.live.standstill import Standstill, Stopped
from console.live.table import NOBODY, Table
from console.live.trends import MINUTES, FaultCounts, Trends
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.timestamps import parse_ms
from fanwatch.sensors import FEATURES, Values

KNOWN_MS: Final = 86_400_000
"""A fan that was silent for as long is not there any more."""
MOST_HIDDEN: Final = 20_000
"""Fans beyond the room that are told apart; where there are as many, there may be more."""
_UTC: Final = ZoneInfo("UTC")


class Overflow:
    """Fans without a row: those for which there is no room, and what was said of those that have gone. Bounded."""

    def __init__(self, most: int) -> None:
        """`most` alarms are kept for when their fans have a row, and as many again of open episodes."""
        self._most = most
        self.heard_ms: dict[str, int] = {}
        """When a fan was heard last for which there is no room."""
        self.alarms: dict[str, Alarm] = {}

    def turn_away(self, device: str, heard_ms: int) -> None:
        """There is no room for this fan."""
        if device in self.heard_ms or len(self.heard_ms) < MOST_HIDDEN:
            self.heard_ms[device] = max(self.heard_ms.get(device, 0), heard_ms)

    def keep(self, alarm: Alarm) -> None:
        """What is known of a fan: it is said once, and a fan that turns up again has it still."""
        most = 2 * self._most if alarm.state in EPISODES else self._most
        if alarm.deviceID in self.alarms or len(self.alarms) < most:
            self.alarms[alarm.deviceID] = alarm

    def leave(self, device: str) -> Alarm | None:
        """The fan is one of these no longer; its alarm, if there is one."""
        self.heard_ms.pop(device, None)
        return self.alarms.pop(device, None)

    def episodes(self) -> list[Alarm]:
        """Open ones: each asks for a row."""
        return [alarm for alarm in self.alarms.values() if alarm.state in EPISODES]

    def expire(self, before_ms: int) -> None:
        """Fans that were not heard since then are missed by nobody, but for those with an open episode."""
        for device, heard_ms in list(self.heard_ms.items()):
            alarm = self.alarms.get(device)
            if heard_ms < before_ms and (alarm is None or alarm.state not in EPISODES):
                del self.heard_ms[device]


class Fleet:
    """All fans that were heard of within a day, or have an open episode; columns by a fan's row.

    Hold the lock for whatever is called here, unless it says that it takes it.
    """

    def __init__(self, most: int, silent_s: float, forecast: ForecastRuns | None = None) -> None:
        """`most` fans are held; after `silent_s` seconds without a reading one is called silent."""
        self.lock = threading.Lock()
        self.listening_ms = 0
        """Since when this fleet can hear its fans: nobody is called silent for what was not listened to."""
        self.remembers = False
        """Whether InfluxDB was asked what came before: who was not heard of by then has been silent for a day."""
        self.forecast = forecast or ForecastRuns()
        self.model = ""
        """Name and version of the model that gave the newest result."""
        self.revision = 0
        """Grows with every message that changed something."""
        self.alarm_revision = 0
        """Grows with every alarm that changed."""
        self.overflow = Overflow(most)

        self.table = table = Table(most)
        self.names = table.names
        self.find = table.find
        self.read_ms = table.numbers()
        """When the newest reading was measured."""
        self.heard_ms = table.numbers()
        """When a reading came last: that of history which is played in, or of a backlog, was measured long before."""
        self.standstill = Standstill(table)
        self.senders = Senders(table, silent_s, read_ms=self.read_ms, heard_ms=self.heard_ms)
        self.trends = Trends(table)
        self._fault_counts = FaultCounts(table)
        self.scored_ms = table.numbers()
        self.values = table.numbers(np.float64, np.nan, (len(FEATURES),))
        self.probability = table.numbers(np.float64, np.nan)
        self.fault = table.numbers(np.int8, NOBODY)
        self.causes: list[str | None] = table.objects()
        """The sensor that the last faulty result named."""
        self.said: list[Alarm | None] = table.objects()
        """What forecast-fan said last."""
        self.alarms: list[Alarm | None] = table.objects()
        """The same as it is shown: that a fan has stopped is seen here at once."""
        self.alarm_seen: list[int] = table.objects(0)
        """The alarm revision at which its alarm last changed."""
        self.episode = table.numbers(np.bool_)
        """Whether an episode of it is open."""
        self.risk = table.numbers(np.float64, np.nan)
        self.earliest_ms = table.numbers()
        self.latest_ms = table.numbers()
        """When failure is expected; 0 where nothing is known of that."""
        self.acknowledged = table.numbers(np.bool_)
        self.snoozed_ms = table.numbers()
        """Until when it is to be quiet; 0 where it is not."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def hidden(self) -> int:
        """Fans that are not shown, for there is no room for them."""
        return len(self.overflow.heard_ms)

    def place(self, device: str, heard_ms: int = 0) -> int:
        """A fan's row, given to it if it has none; NOBODY where there is none left. `device` must be a valid name."""
        found = self.find(device)
        if found is not None:
            return found
        if self.table.full:
            self.overflow.turn_away(device, heard_ms)
            return NOBODY
        return self._let_in(device)

    def _let_in(self, device: str) -> int:
        row = self.table.add(device)
        alarm = self.overflow.leave(device)
        if alarm is not None:
            self._set_alarm(row, alarm)
        return row

    def _let_go(self, row: int) -> None:
        """Frees a row, and keeps what was said of its fan."""
        alarm = self.said[row]
        if alarm is not None:
            self.overflow.keep(alarm)
        self.table.remove(row)
        self.revision += 1
        self.alarm_revision += 1

    def tidy(self, now_ms: int) -> None:
        """Lets go of fans that were silent for a day, and in those with an open episode for which there is room now.

        A day is what Grafana's rule knows fans for, too. An episode stays until somebody says what it was.
        """
        count = len(self)
        heard = np.maximum(self.heard_ms[:count], self.scored_ms[:count])
        known = (heard > 0) | self.remembers
        gone = known & ~self.episode[:count] & (now_ms - heard > KNOWN_MS)
        # From the last one on: whoever moves into a freed row is none of those that are still to go.
        for row in np.flatnonzero(gone)[::-1].tolist():
            self._let_go(row)
        self.senders.tick(now_ms)
        for row in self.senders.fallen_silent():
            self._set_alarm(row, self.said[row])
        self.overflow.expire(now_ms - KNOWN_MS)
        for alarm in self.overflow.episodes():
            if self._place_told(alarm, now_ms) < 0:
                break

    def forget(self, device: str) -> None:
        """The fan was retired: nothing is left of it until it is heard again."""
        row = self.find(device)
        if row is not None:
            self._let_go(row)
        if self.overflow.leave(device) is not None:
            self.alarm_revision += 1

    def reading(self, device: str, ms: int, values: Values, came_ms: int = 0) -> None:
        """Takes a reading, measured at `ms`, that came at `came_ms`."""
        row = self.place(device, max(ms, came_ms))
        if row < 0:
            return
        self.heard_ms[row] = max(self.heard_ms[row], ms, came_ms)
        self.trends.add(row, ms, values)
        if self.senders.arrived(row, ms, values, came_ms, self.said[row]):
            self._set_alarm(row, self.said[row])
        if ms >= self.read_ms[row]:
            self._newest(row, ms, values)
        self.revision += 1

    def recall(self, device: str, ms: int, values: Values) -> None:
        """Takes a last reading that was stored before this process began, unless there is a later one."""
        row = self.place(device, ms)
        if row >= 0 and ms > self.read_ms[row]:
            self._newest(row, ms, values)
            self.heard_ms[row] = max(self.heard_ms[row], ms)
            self.revision += 1

    def _newest(self, row: int, ms: int, values: Values) -> None:
        turned = self.standstill.take(row, ms, values, first=not self.read_ms[row])
        if turned and self.said[row] is not None:
            self._set_alarm(row, self.said[row])
        self.read_ms[row] = ms
        self.values[row] = values

    def refused(self, device: str, refusal: Refusal) -> None:
        """Takes a message that was refused; a fan that has no row gets none by it."""
        self.senders.tick(refusal.came_ms)
        row = self.find(device)
        if row is not None:
            if self.senders.refused(row, refusal, self.said[row]):
                self._set_alarm(row, self.said[row])
            self.revision += 1

    def recall_results(self, row: int, ms: int, faults: int, results: int) -> None:
        """Takes how many results of before this process began were faults; `ms` is when the newest was measured."""
        self._fault_counts.add(row, ms, faults, results)
        self.revision += 1

    def score(
        self, device: str, ms: int, fault: int | None, probability: float | None, cause: str | None
    ) -> None:
        """Takes the result of the reading of `ms`; without a probability it was implausible."""
        row = self.place(device, ms)
        if row < 0:
            return
        if probability is not None:
            self.trends.add_score(row, ms, probability)
        # Also for a result that came twice: it must not be counted twice.
        if ms > self.scored_ms[row]:
            self.scored_ms[row] = ms
            self.probability[row] = np.nan if probability is None else probability
            self.fault[row] = NOBODY if fault is None else fault
            if fault is not None:
                self._fault_counts.add(row, ms, fault)
            if fault:
                self.causes[row] = cause
        self.revision += 1

    def alarm(self, alarm: Alarm, now_ms: int = 0) -> None:
        """Takes what forecast-fan says of a fan, which replaces what it said before."""
        self.senders.tick(now_ms)
        row = self.find(alarm.deviceID)
        if row is None:
            row = self._place_told(alarm, now_ms)
        if row < 0 or alarm == self.said[row]:
            return
        before = self.said[row]
        anew = before is not None and alarm.acknowledged and alarm.acknowledgedBy != before.acknowledgedBy
        if anew and isinstance(self.alarms[row], Stopped):
            # Who says so of a fan that stands knows that, be it here or by the command line.
            self.standstill.acknowledged(row, alarm.episode)
        self._set_alarm(row, alarm)

    def acknowledged_now(self, episode: str) -> None:
        """Somebody has just acknowledged it: if its fan stands still, they know that. Takes the lock."""
        with self.lock:
            row = self.find(episode.partition("/")[0])
            alarm = None if row is None else self.alarms[row]
            if row is not None and isinstance(alarm, Stopped) and alarm.episode == episode:
                self.standstill.acknowledged(row, episode)
                self._set_alarm(row, self.said[row])

    def _set_alarm(self, row: int, alarm: Alarm | None) -> None:
        self.revision += 1
        self.alarm_revision += 1
        self.said[row] = alarm
        alarm = self.alarms[row] = self.senders.seen(row, self.standstill.seen(row, alarm))
        self.alarm_seen[row] = self.alarm_revision
        expected = None if alarm is None else alarm.failureExpected
        risk = None if alarm is None else alarm.risk
        snoozed = msgspec.UNSET if alarm is None else alarm.snoozedUntil
        self.episode[row] = alarm is not None and alarm.state in EPISODES
        self.risk[row] = np.nan if risk is None else risk
        self.earliest_ms[row] = 0 if expected is None else parse_ms(expected.earliest, _UTC)
        self.latest_ms[row] = 0 if expected is None else parse_ms(expected.latest, _UTC)
        self.acknowledged[row] = alarm is not None and alarm.acknowledged
        self.snoozed_ms[row] = 0 if snoozed is msgspec.UNSET else parse_ms(snoozed, _UTC)

    def _place_told(self, alarm: Alarm, now_ms: int) -> int:
        """A row for a fan that has none, for what is said of it; where it gets none, that is kept."""
        device = alarm.deviceID
        if alarm.state in EPISODES:
            spared = self._spared(now_ms) if self.table.full else None
            if spared is not None:
                self.overflow.turn_away(self.names[spared], int(self.heard_ms[spared]))
                self._let_go(spared)
            if not self.table.full:
                return self._let_in(device)
            self.overflow.turn_away(device, 0)
            self.alarm_revision += self.overflow.alarms.get(device) != alarm
        # Whoever was heard of lately has a row: of the others it is only known how they were long ago.
        elif not self.remembers and not self.table.full and device not in self.overflow.alarms:
            return self._let_in(device)
        self.overflow.keep(alarm)
        return NOBODY

    def _spared(self, now_ms: int) -> int | None:
        """Who can be shown least of all: without an open episode, if there is one healthy, and of low risk."""
        free = ~self.episode[: len(self)]
        if not free.any():
            return None
        late = now_ms - self.heard_ms[: len(self)] > self.senders.silent_ms
        well = free & ~(late | self.standing() | self.faulty())
        able = np.flatnonzero(well if well.any() else free)
        return int(able[np.nan_to_num(self.risk[able]).argmin()])

    def forget_alarm(self, device: str) -> None:
        """Nothing is retained of this fan any more."""
        self.overflow.alarms.pop(device, None)
        row = self.find(device)
        if row is not None and self.alarms[row] is not None:
            self._set_alarm(row, None)

    def trend_end(self, row: int, minute: int) -> int:
        """The last minute of a fan's trends: `minute`, or that of its newest reading where history is played in."""
        newest = int(self.read_ms[row]) // 60_000
        live = int(self.heard_ms[row]) // 60_000 > minute - MINUTES
        return newest if live and newest <= minute - MINUTES else minute

    def clock_of(self, device: str, now_ms: int) -> int:
        """The time that it is for a fan where its past is being played in, else 0. Takes the lock."""
        with self.lock:
            row = self.find(device)
            return 0 if row is None else self.senders.clock(row, now_ms)

    def all_alarms(self) -> dict[str, Alarm]:
        """The alarm of every fan that has one, of any state; open episodes without room, too. Takes the lock."""
        with self.lock:
            found = {alarm.deviceID: alarm for alarm in self.alarms if alarm is not None}
            return found | {alarm.deviceID: alarm for alarm in self.overflow.episodes()}

    def standing(self) -> np.ndarray:
        """By fan, whether it stands still."""
        return self.standstill.still[: len(self)]

    def faulty(self) -> np.ndarray:
        """By fan, whether most of its last readings were called faulty, by the rule of Grafana's *Fan needs you*."""
        return self._fault_counts.faulty(len(self))
