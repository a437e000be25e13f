"""The live fleet, bounded by the number of fans that it was made for.

Written by the broker's thread, read by the page's loop; `lock` is held for as long as either takes, which is a few
milliseconds at most. Whatever comes twice, late or out of order leaves the newest value standing.
"""

import numpy as np

from console.live.absent import Absent
from console.live.places import NOBODY
from console.live.trends import MINUTES
from console.live.unusable import BEHIND_MS, Unusable
from console.live.verdicts import Verdicts
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.sensors import Values

KNOWN_MS = 86_400_000
"""A fan that was silent for as long is not there any more."""


class Fleet(Unusable):
    """All fans that were heard of within a day, or have an open episode. Hold the lock for whatever is called here."""

    def __init__(self, most: int, silent_s: float, verdicts: Verdicts | None = None) -> None:
        """`most` fans are held; after `silent_s` seconds without a reading one is called silent."""
        super().__init__(most, silent_s)
        self.listening_ms = 0
        """Since when this fleet can hear its fans: nobody is called silent for what was not listened to."""
        self.remembers = False
        """Whether InfluxDB was asked what came before: who was not heard of by then has been silent for a day."""
        self.absent = Absent(most)
        self.verdicts = verdicts or Verdicts()
        self.model = ""
        """Name and version of the model that gave the newest result."""

    @property
    def hidden(self) -> int:
        """Fans that are not shown, for there is no room for them."""
        return len(self.absent.heard_ms)

    def place(self, device: str, heard_ms: int = 0) -> int:
        """A fan's place, given to it if it has none; NOBODY where there is none left. `device` must be a valid name."""
        found = self.find(device)
        if found is not None:
            return found
        if self.full:
            self.absent.turn_away(device, heard_ms)
            return NOBODY
        return self._let_in(device)

    def _let_in(self, device: str) -> int:
        index = self._give(device)
        alarm = self.absent.leave(device)
        if alarm is not None:
            self._set_alarm(index, alarm)
        return index

    def _let_go(self, index: int) -> None:
        """Frees a place, and keeps what was said of its fan."""
        alarm = self.said[index]
        if alarm is not None:
            self.absent.keep(alarm)
        self._free(index)
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
        # From the last one on: whoever moves into a freed place is none of those that are still to go.
        for index in np.flatnonzero(gone)[::-1].tolist():
            self._let_go(index)
        self._fall_silent(now_ms)
        self.absent.expire(now_ms - KNOWN_MS)
        for alarm in self.absent.episodes():
            if self._place_told(alarm, now_ms) < 0:
                break

    def forget(self, device: str) -> None:
        """The fan was retired: nothing is left of it until it is heard again."""
        index = self.find(device)
        if index is not None:
            self._let_go(index)
        if self.absent.leave(device) is not None:
            self.alarm_revision += 1

    def reading(self, device: str, ms: int, values: Values, came_ms: int = 0) -> None:
        """Takes a reading, measured at `ms`, that came at `came_ms`."""
        index = self.place(device, max(ms, came_ms))
        if index < 0:
            return
        self.heard_ms[index] = max(self.heard_ms[index], ms, came_ms)
        self.trends.add(index, ms, values)
        self._arrived(index, ms, values, came_ms)
        if ms >= self.read_ms[index]:
            self._turns(index, ms, values)
            self.read_ms[index] = ms
            self.values[index] = values
        self.revision += 1

    def recall(self, device: str, ms: int, values: Values) -> None:
        """Takes a last reading that was stored before this process began, unless there is a later one."""
        index = self.place(device, ms)
        if index >= 0 and ms > self.read_ms[index]:
            self._turns(index, ms, values)
            self.read_ms[index] = ms
            self.heard_ms[index] = max(self.heard_ms[index], ms)
            self.values[index] = values
            self.revision += 1

    def recall_results(self, index: int, ms: int, faults: int, results: int) -> None:
        """Takes how many results of before this process began were faults; `ms` is when the newest was measured."""
        self.recent.add(index, ms, faults, results)
        self.revision += 1

    def score(
        self, device: str, ms: int, fault: int | None, probability: float | None, cause: str | None
    ) -> None:
        """Takes the result of the reading of `ms`; without a probability it was implausible."""
        index = self.place(device, ms)
        if index < 0:
            return
        if probability is not None:
            self.trends.add_score(index, ms, probability)
        # Also for a result that came twice: it must not be counted twice.
        if ms > self.scored_ms[index]:
            self.scored_ms[index] = ms
            self.probability[index] = np.nan if probability is None else probability
            self.fault[index] = NOBODY if fault is None else fault
            if fault is not None:
                self.recent.add(index, ms, fault)
            if fault:
                self.causes[index] = cause
        self.revision += 1

    def alarm(self, alarm: Alarm, now_ms: int = 0) -> None:
        """Takes what forecast-fan says of a fan, which replaces what it said before."""
        self._clock_ms = max(self._clock_ms, now_ms)
        index = self.find(alarm.deviceID)
        if index is None:
            index = self._place_told(alarm, now_ms)
        if index >= 0:
            self._take_alarm(index, alarm)

    def _place_told(self, alarm: Alarm, now_ms: int) -> int:
        """A place for a fan that has none, for what is said of it; where it gets none, that is kept."""
        device = alarm.deviceID
        if alarm.state in EPISODES:
            spared = self._spared(now_ms) if self.full else None
            if spared is not None:
                self.absent.turn_away(self.names[spared], int(self.heard_ms[spared]))
                self._let_go(spared)
            if not self.full:
                return self._let_in(device)
            self.absent.turn_away(device, 0)
            self.alarm_revision += self.absent.alarms.get(device) != alarm
        # Whoever was heard of lately has a place: of the others it is only known how they were long ago.
        elif not self.remembers and not self.full and device not in self.absent.alarms:
            return self._let_in(device)
        self.absent.keep(alarm)
        return NOBODY

    def _spared(self, now_ms: int) -> int | None:
        """Who can be shown least of all: without an open episode, if there is one healthy, and of low risk."""
        count = len(self)
        free = ~self.episode[:count]
        if not free.any():
            return None
        late = now_ms - self.heard_ms[:count] > self.silent_ms
        well = free & ~(late | self.standing() | self.faulty())
        able = np.flatnonzero(well if well.any() else free)
        return int(able[np.nan_to_num(self.risk[able]).argmin()])

    def forget_alarm(self, device: str) -> None:
        """Nothing is retained of this fan any more."""
        self.absent.alarms.pop(device, None)
        index = self.find(device)
        if index is not None and self.alarms[index] is not None:
            self._set_alarm(index, None)

    def trend_end(self, index: int, minute: int) -> int:
        """The last minute of a fan's trends: `minute`, or that of its newest reading where history is played in."""
        newest = int(self.read_ms[index]) // 60_000
        live = int(self.heard_ms[index]) // 60_000 > minute - MINUTES
        return newest if live and newest <= minute - MINUTES else minute

    def clock(self, index: int, now_ms: int) -> int:
        """The time that it is for a fan whose past is being played in, or a backlog worked off; else 0."""
        return int(self.clocks(now_ms)[index])

    def clock_of(self, device: str, now_ms: int) -> int:
        """The same of a fan by its name; takes the lock."""
        with self.lock:
            index = self.find(device)
            return 0 if index is None else self.clock(index, now_ms)

    def clocks(self, now_ms: int) -> np.ndarray:
        """The same by fan."""
        count = len(self.names)
        read, heard = self.read_ms[:count], self.heard_ms[:count]
        past = (now_ms - heard <= self.silent_ms) & (now_ms - read > BEHIND_MS)
        return np.where(past & ~self._off_clock(now_ms), read, 0)

    def past_ms(self, now_ms: int) -> int:
        """The time that it is for the fleet: the newest of them, where that is so for most fans heard; else 0."""
        clocks = self.clocks(now_ms)
        heard = int((now_ms - self.heard_ms[: len(clocks)] <= self.silent_ms).sum())
        return int(clocks.max()) if 2 * np.count_nonzero(clocks) > heard else 0

    def all_alarms(self) -> dict[str, Alarm]:
        """The alarm of every fan that has one, of any state; and open episodes for which there is no room."""
        with self.lock:
            found = {alarm.deviceID: alarm for alarm in self.alarms if alarm is not None}
            return found | {alarm.deviceID: alarm for alarm in self.absent.episodes()}

    def faulty(self) -> np.ndarray:
        """By fan, whether most of its last readings were called faulty, by the rule of Grafana's *Fan needs you*."""
        return self.recent.faulty(len(self.names))
