"""The live fleet: a struct of arrays, one place a fan, bounded by the number of fans that it was made for.

Written by the broker's thread, read by the page's loop; `lock` is held for as long as either takes, which is a few
milliseconds at most. Whatever comes twice, late or out of order leaves the newest value standing.
"""

import threading

import msgspec
import numpy as np

from console.live.trends import Trends
from fanwatch.alarm import Alarm
from fanwatch.reading import FEATURES

SUSPECT = 0.5
"""Share of faulty results among the last ones from which a fan counts as suspect."""
_WEIGHT = 0.1
"""Of one result in that share: it looks about ten results back."""
_ENOUGH = 5
"""Results before which nothing is said of that share."""
_NOBODY = -1


class Now(msgspec.Struct, frozen=True):
    """One fan as it is now. Times in ms since the epoch, 0 where there was none; numbers are NaN where unknown."""

    device: str
    read_ms: int
    values: tuple[float, float, float, float]
    """Rotation in rpm, temperature in °C, vibration in the model's unit, sound in dB: the order of FEATURES."""
    scored_ms: int
    probability: float
    fault: int | None
    cause: str | None
    """The sensor that the last faulty result named."""
    share: float
    """Share of faulty ones among the last results, 0 to 1; NaN before there are enough."""
    alarm: Alarm | None
    state: str
    """One of `console.live.states.STATES`."""


class Fleet:
    """All fans that were heard of."""

    def __init__(self, most: int, silent_s: float) -> None:
        """`most` fans are held; after `silent_s` seconds without a reading one is called silent."""
        self.lock = threading.Lock()
        self.most = most
        self.silent_ms = round(silent_s * 1000)
        self.names: list[str] = []
        self.turned_away = 0
        """Messages of fans beyond `most`."""
        self.revision = 0
        """Grows with every message that changed something."""
        self.alarm_revision = 0
        """Grows with every alarm that changed."""
        self.read_ms = np.zeros(most, np.int64)
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
            return _NOBODY
        index = self._index[device] = len(self.names)
        self.names.append(device)
        self.causes.append(None)
        self.alarms.append(None)
        self.alarm_seen.append(0)
        self.values[index] = np.nan
        self.probability[index] = np.nan
        self.fault[index] = _NOBODY
        return index

    def reading(self, device: str, ms: int, values: tuple[float, float, float, float]) -> None:
        """Takes a reading, measured at `ms`."""
        index = self.place(device)
        if index < 0:
            return
        self.trends.add(index, ms, values)
        if ms >= self.read_ms[index]:
            self.read_ms[index] = ms
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
            self.scored_ms[index] = ms
            self.probability[index] = np.nan if probability is None else probability
            self.fault[index] = _NOBODY if fault is None else fault
            if fault is not None:
                scores = int(self.scores[index]) + 1
                self.scores[index] = min(scores, 1_000_000)
                weight = max(_WEIGHT, 1 / scores)
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

    def all_alarms(self) -> dict[str, Alarm]:
        """The alarm of every fan that has one, of any state."""
        with self.lock:
            return {
                name: alarm for name, alarm in zip(self.names, self.alarms, strict=True) if alarm is not None
            }

    def now(self, device: str, now_ms: int) -> Now | None:
        """One fan as it is at `now_ms`; None where it was never heard of."""
        from console.live.states import STATES, states

        with self.lock:
            index = self._index.get(device)
            if index is None:
                return None
            fault = int(self.fault[index])
            rotation, temperature, vibration, sound = (float(value) for value in self.values[index])
            return Now(
                device=device,
                read_ms=int(self.read_ms[index]),
                values=(rotation, temperature, vibration, sound),
                scored_ms=int(self.scored_ms[index]),
                probability=float(self.probability[index]),
                fault=None if fault < 0 else fault,
                cause=self.causes[index],
                share=float(self.share[index]) if self.scores[index] >= _ENOUGH else float("nan"),
                alarm=self.alarms[index],
                state=STATES[int(states(self, now_ms)[index])],
            )

    def suspects(self) -> np.ndarray:
        """By fan, whether most of its last readings were called faulty."""
        count = len(self.names)
        return (self.share[:count] >= SUSPECT) & (self.scores[:count] >= _ENOUGH)
