"""The live fleet: a struct of arrays, one place a fan, bounded by the number of fans that it was made for.

Written by the broker's thread, read by the page's loop; `lock` is held for as long as either takes, which is a few
milliseconds at most. Whatever comes twice, late or out of order leaves the newest value standing.
"""

import math
import threading
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.live.trends import MINUTES, Trends
from fanwatch.alarm import Alarm
from fanwatch.reading import FEATURES
from fanwatch.timestamps import parse_ms

SUSPECT = 0.5
"""Share of faulty results among those of the last minutes from which a fan counts as suspect ..."""
SUSPECT_THOUGH_WELL = 0.85
"""... and one that the forecast calls well, which knows how such a fan comes and goes at the edge of what is usual."""
_BACK_MS = 120_000
"""So far back that share looks: what a sensor does by itself lasts as long."""
_MOST_WEIGHT = 0.3
"""Of one result in it, however seldom they come."""
ENOUGH = 5
"""Results before which nothing is said of that share."""
STILL_RPM = 1.0
BEHIND_MS = 300_000
"""What was measured so long before it came is not of now."""
NOBODY = -1
_UTC = ZoneInfo("UTC")


class Fleet:
    """All fans that were heard of."""

    def __init__(self, most: int, silent_s: float) -> None:
        """`most` fans are held; after `silent_s` seconds without a reading one is called silent."""
        self.lock = threading.Lock()
        self.most = most
        self.silent_ms = round(silent_s * 1000)
        self.listening_ms = 0
        """Since when this fleet can hear its fans: nobody is called silent for what was not listened to."""
        self.names: list[str] = []
        self.turned_away = 0
        """Messages of fans beyond `most`."""
        self.model = ""
        """Name and version of the model that gave the newest result."""
        self.revision = 0
        """Grows with every message that changed something."""
        self.alarm_revision = 0
        """Grows with every alarm that changed."""
        self.read_ms = np.zeros(most, np.int64)
        """When the newest reading was measured."""
        self.heard_ms = np.zeros(most, np.int64)
        """When a reading came last: that of history which is played in, or of a backlog, was measured long before."""
        self.scored_ms = np.zeros(most, np.int64)
        self.values = np.zeros((most, len(FEATURES)), np.float64)
        self.probability = np.zeros(most, np.float64)
        self.fault = np.zeros(most, np.int8)
        self.share = np.zeros(most, np.float64)
        self.scores = np.zeros(most, np.int32)
        self.causes: list[str | None] = []
        self.alarms: list[Alarm | None] = []
        self.alarm_seen: list[int] = []
        """By fan, the alarm revision at which its alarm last changed."""
        self.risk = np.zeros(most, np.float64)
        self.earliest_ms = np.zeros(most, np.int64)
        self.latest_ms = np.zeros(most, np.int64)
        """When failure is expected; 0 where nothing is known of that."""
        self.acknowledged = np.zeros(most, np.bool_)
        self.snoozed_ms = np.zeros(most, np.int64)
        """Until when it is to be quiet; 0 where it is not."""
        self.trends = Trends(most)
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def find(self, device: str) -> int | None:
        """A fan's place; None where it was never heard of."""
        return self._index.get(device)

    def place(self, device: str) -> int:
        """A fan's place, given to it if it has none; -1 where there is none left. `device` must be a valid name."""
        found = self._index.get(device)
        if found is not None:
            return found
        if len(self.names) >= self.most:
            self.turned_away += 1
            return NOBODY
        index = self._index[device] = len(self.names)
        self.names.append(device)
        self.causes.append(None)
        self.alarms.append(None)
        self.alarm_seen.append(0)
        self.values[index] = np.nan
        self.probability[index] = np.nan
        self.risk[index] = np.nan
        self.fault[index] = NOBODY
        return index

    def reading(
        self, device: str, ms: int, values: tuple[float, float, float, float], came_ms: int = 0
    ) -> None:
        """Takes a reading, measured at `ms`, that came at `came_ms`."""
        index = self.place(device)
        if index < 0:
            return
        self.heard_ms[index] = max(self.heard_ms[index], ms, came_ms)
        self.trends.add(index, ms, values)
        if ms >= self.read_ms[index]:
            self.read_ms[index] = ms
            self.values[index] = values
        self.revision += 1

    def recall(self, device: str, ms: int, values: tuple[float, float, float, float]) -> None:
        """Takes a last reading that was stored before this process began, unless there is a later one."""
        index = self.place(device)
        if index >= 0 and ms > self.read_ms[index]:
            self.read_ms[index] = ms
            self.heard_ms[index] = max(self.heard_ms[index], ms)
            self.values[index] = values
            self.revision += 1

    def score(
        self, device: str, ms: int, fault: int | None, probability: float | None, cause: str | None
    ) -> None:
        """Takes the result of the reading of `ms`; without a probability it was implausible."""
        index = self.place(device)
        if index < 0:
            return
        if probability is not None:
            self.trends.add_score(index, ms, probability)
        # Also for a result that came twice: the share must not count it twice.
        if ms > self.scored_ms[index]:
            since_ms = ms - int(self.scored_ms[index])
            self.scored_ms[index] = ms
            self.probability[index] = np.nan if probability is None else probability
            self.fault[index] = NOBODY if fault is None else fault
            if fault is not None:
                scores = int(self.scores[index]) + 1
                self.scores[index] = min(scores, 1_000_000)
                weight = min(_MOST_WEIGHT, 1 - math.exp(-since_ms / _BACK_MS))
                self.share[index] += (fault - self.share[index]) * weight
            if fault:
                self.causes[index] = cause
        self.revision += 1

    def alarm(self, alarm: Alarm) -> None:
        """Takes what forecast-fan says of a fan, which replaces what it said before."""
        index = self.place(alarm.deviceID)
        if index >= 0 and self.alarms[index] != alarm:
            self._set_alarm(index, alarm)

    def forget_alarm(self, device: str) -> None:
        """Nothing is retained of this fan any more."""
        index = self._index.get(device)
        if index is not None and self.alarms[index] is not None:
            self._set_alarm(index, None)

    def _set_alarm(self, index: int, alarm: Alarm | None) -> None:
        self.revision += 1
        self.alarm_revision += 1
        self.alarms[index] = alarm
        self.alarm_seen[index] = self.alarm_revision
        expected = None if alarm is None else alarm.failureExpected
        risk = None if alarm is None else alarm.risk
        snoozed = msgspec.UNSET if alarm is None else alarm.snoozedUntil
        self.risk[index] = np.nan if risk is None else risk
        self.earliest_ms[index] = 0 if expected is None else parse_ms(expected.earliest, _UTC)
        self.latest_ms[index] = 0 if expected is None else parse_ms(expected.latest, _UTC)
        self.acknowledged[index] = alarm is not None and alarm.acknowledged
        self.snoozed_ms[index] = 0 if snoozed is msgspec.UNSET else parse_ms(snoozed, _UTC)

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
        return np.where((now_ms - heard <= self.silent_ms) & (now_ms - read > BEHIND_MS), read, 0)

    def past_ms(self, now_ms: int) -> int:
        """The time that it is for the fleet: the newest of them, where that is so for most fans heard; else 0."""
        clocks = self.clocks(now_ms)
        heard = int((now_ms - self.heard_ms[: len(clocks)] <= self.silent_ms).sum())
        return int(clocks.max()) if 2 * np.count_nonzero(clocks) > heard else 0

    def all_alarms(self) -> dict[str, Alarm]:
        """The alarm of every fan that has one, of any state."""
        with self.lock:
            return {
                name: alarm for name, alarm in zip(self.names, self.alarms, strict=True) if alarm is not None
            }

    def standing(self) -> np.ndarray:
        """By fan, whether its last reading says that it does not turn."""
        return self.values[: len(self.names), 0] < STILL_RPM

    def suspects(self) -> np.ndarray:
        """By fan, whether most of its last readings were called faulty; of one that is called well, nearly all."""
        count = len(self.names)
        well = np.fromiter(
            (alarm is not None and alarm.state == "ok" for alarm in self.alarms), np.bool_, count
        )
        enough = np.where(well, SUSPECT_THOUGH_WELL, SUSPECT)
        return (self.share[:count] >= enough) & (self.scores[:count] >= ENOUGH)
