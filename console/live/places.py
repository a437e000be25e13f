"""Room for so many fans: a struct of arrays without gaps, one place a fan. A fan that leaves gives its place up."""

import threading
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.live.recent import Recent
from console.live.trends import Trends
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.timestamps import parse_ms
from fanwatch.sensors import FEATURES

NOBODY = -1
_UTC = ZoneInfo("UTC")


class Places:
    """What is held of each fan, by its place. Only the first len() places of an array are somebody's."""

    def __init__(self, most: int) -> None:
        """There is room for `most` fans."""
        self.lock = threading.Lock()
        self.most = most
        self.names: list[str] = []
        self.layout = 0
        """Grows whenever a place is given or given up: what was known by place is of other fans then."""
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
        self.causes: list[str | None] = []
        self.still = np.zeros(most, np.bool_)
        """Whether it stands still, once its readings have said so for a moment."""
        self.stood_ms = np.zeros(most, np.int64)
        """Since when it stands still, or turns again where it stood; 0 where neither was seen to begin."""
        self.turned_ms = np.zeros(most, np.int64)
        """Since when its readings say something else than `still`; 0 where they do not."""
        self.seen_turn = np.zeros(most, np.bool_)
        """Whether there were readings before that."""
        self.said: list[Alarm | None] = []
        """By fan, what forecast-fan said last."""
        self.alarms: list[Alarm | None] = []
        """The same as it is shown: that a fan has stopped is seen here at once."""
        self.alarm_seen: list[int] = []
        """By fan, the alarm revision at which its alarm last changed."""
        self.episode = np.zeros(most, np.bool_)
        """Whether an episode of it is open."""
        self.risk = np.zeros(most, np.float64)
        self.earliest_ms = np.zeros(most, np.int64)
        self.latest_ms = np.zeros(most, np.int64)
        """When failure is expected; 0 where nothing is known of that."""
        self.acknowledged = np.zeros(most, np.bool_)
        self.snoozed_ms = np.zeros(most, np.int64)
        """Until when it is to be quiet; 0 where it is not."""
        self.trends = Trends(most)
        self.recent = Recent(most)
        self._index: dict[str, int] = {}
        self._lists: tuple[list[object], ...] = (
            self.names,
            self.causes,
            self.said,
            self.alarms,
            self.alarm_seen,
        )  # type: ignore[assignment]
        self._arrays = tuple(each for each in vars(self).values() if isinstance(each, np.ndarray))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def full(self) -> bool:
        """Whether all places are taken."""
        return len(self.names) >= self.most

    def find(self, device: str) -> int | None:
        """A fan's place; None where it has none."""
        return self._index.get(device)

    def _give(self, device: str) -> int:
        """The next place, to a fan that has none."""
        index = self._index[device] = len(self.names)
        self.layout += 1
        self.names.append(device)
        self.causes.append(None)
        self.said.append(None)
        self.alarms.append(None)
        self.alarm_seen.append(0)
        self.values[index] = np.nan
        self.probability[index] = np.nan
        self.risk[index] = np.nan
        self.fault[index] = NOBODY
        return index

    def _free(self, index: int) -> None:
        """Nobody has this place any more: the fan of the last one moves there."""
        last = len(self.names) - 1
        self.layout += 1
        del self._index[self.names[index]]
        if index != last:
            self._index[self.names[last]] = index
        for column in self._lists:
            column[index] = column[last]
            column.pop()
        for array in self._arrays:
            array[index] = array[last]
            array[last] = 0
        self.trends.move(last, index)
        self.recent.move(last, index)

    def _seen(self, index: int, alarm: Alarm | None) -> Alarm | None:
        """What is said of a fan, as it is shown."""
        return alarm

    def _set_alarm(self, index: int, alarm: Alarm | None) -> None:
        self.revision += 1
        self.alarm_revision += 1
        self.said[index] = alarm
        alarm = self.alarms[index] = self._seen(index, alarm)
        self.alarm_seen[index] = self.alarm_revision
        expected = None if alarm is None else alarm.failureExpected
        risk = None if alarm is None else alarm.risk
        snoozed = msgspec.UNSET if alarm is None else alarm.snoozedUntil
        self.episode[index] = alarm is not None and alarm.state in EPISODES
        self.risk[index] = np.nan if risk is None else risk
        self.earliest_ms[index] = 0 if expected is None else parse_ms(expected.earliest, _UTC)
        self.latest_ms[index] = 0 if expected is None else parse_ms(expected.latest, _UTC)
        self.acknowledged[index] = alarm is not None and alarm.acknowledged
        self.snoozed_ms[index] = 0 if snoozed is msgspec.UNSET else parse_ms(snoozed, _UTC)
