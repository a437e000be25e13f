"""Tells people of an episode, once: one message for each, and one more where a fan has stopped whose alarm somebody had
acknowledged. Where most of the fleet stops or falls silent at once, it is one for all of them.

It happens on a thread of its own, so that no run waits for it. What was told is remembered in measurement
`forecast_told`, once the other side has said so; what was not is tried again by the runs of a day. Between the other
side's answer and the store's lies a moment in which this process may die: then it is told a second time, under the same
key.
"""

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from fanwatch.errors import FanwatchError
from fanwatch.fleet.outage import LEAST
from fanwatch.logs import Log
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.notify.outages import Many, many
from fanwatch.store import forecast_runs
from fanwatch.store.checkpoints import Row
from fanwatch.store.influx import Store, point

_TRIED_FOR_MS = 24 * 3_600_000
_WAITS_S = (1.0, 5.0, 15.0)
"""Between the attempts of one run; the next run begins anew."""
_QUEUED = 1000
_STOPPED = "stopped"
"""Behind the episode's name, of what is told once more."""


class _Telling(NamedTuple):
    """One message."""

    key: str
    about: Alarm | Many
    told: dict[str, str]
    """What is told by it: by key, the fan."""


class Channel(ABC):
    """One way to tell people, with a memory of its own. Give it the fleet after each run: `tell`."""

    way: ClassVar[str]
    """What it is called: in logs, and, but for the webhook, in what is remembered."""

    def __init__(self, address: str | None, store: Store, log: Log) -> None:
        self.address = address
        """Where people are told; None: nowhere."""
        self._store, self._log = store, log
        # The webhook came first: what it has told is noted without a mark.
        self._mark = "" if self.way == "webhook" else f"{self.way} "
        self._queue: queue.Queue[_Telling] = queue.Queue(_QUEUED)
        self.waiting: set[str] = set()
        """Keys of what is still to be sent."""
        self._thread: threading.Thread | None = None

    def tell(self, fleet: Iterable[Row], now_ms: int, scored: Mapping[str, int] | None = None) -> None:
        """Has those episodes told that are open, began to be known within a day, and were not told yet.

        None that somebody has acknowledged or snoozed: one is told once its snooze is over, if the day is not.
        `scored` is up to when each fan's readings were scored, in ms.
        """
        if not self.address:
            return
        fleet = list(fleet)
        fresh = [
            (f"{row.alarm.episode} {_STOPPED}" if row.note.lapsed else row.alarm.episode, row.alarm)
            for row in fleet
            if row.alarm is not None
            and row.alarm.state in EPISODES
            and now_ms - row.note.opened_ms < _TRIED_FOR_MS
            and not row.alarm.in_hand(now_ms)
        ]
        if not fresh:
            return
        noted = forecast_runs.told(self._store, now_ms - 2 * _TRIED_FOR_MS)
        told = {key.removeprefix(self._mark) for key in noted if key.startswith(self._mark)} | self.waiting
        fresh = [(key, alarm) for key, alarm in fresh if key not in told]
        most = many(fleet, scored or {}, now_ms)
        if most is not None and most.key not in told:
            members = {alarm.episode for alarm in most.alarms}
            together = {key: alarm.deviceID for key, alarm in fresh if alarm.episode in members}
            # One that comes after the others have been told is told by itself.
            if len(together) >= LEAST:
                self._enqueue(_Telling(most.key, most, {most.key: "", **together}))
                fresh = [(key, alarm) for key, alarm in fresh if key not in together]
        for key, alarm in fresh:
            self._enqueue(_Telling(key, alarm, {key: alarm.deviceID}))

    def _enqueue(self, telling: _Telling) -> None:
        try:
            self._queue.put_nowait(telling)
        except queue.Full:
            return  # the next run tries again
        self.waiting |= telling.told.keys()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.way, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            telling = self._queue.get()
            try:
                self._try(telling)
            except FanwatchError as error:
                self._log.warning(f"{self.way} told, but not noted", episode=telling.key, error=str(error))
            finally:
                self.waiting -= telling.told.keys()

    def _try(self, telling: _Telling) -> None:
        for wait_s in (*_WAITS_S, None):
            error = self.post(telling.key, telling.about)
            if error is None:
                self._note(telling)
                self._log.info(f"{self.way} told", episode=telling.key)
                return
            if wait_s is not None:
                time.sleep(wait_s)
        self._log.warning(f"{self.way} failed, the next run tries again", episode=telling.key, error=error)

    @abstractmethod
    def post(self, key: str, about: Alarm | Many) -> str | None:
        """Sends one message; what went wrong, but never the address, which may be a secret. `key` is its name."""

    def _note(self, telling: _Telling) -> None:
        points = [
            point(
                forecast_runs.TOLD,
                {"deviceID": device} if device else {},
                {"episode": self._mark + key},
                None,
            )
            for key, device in telling.told.items()
        ]
        for wait_s in (*_WAITS_S, None):
            try:
                self._store.write(points)
                return
            except FanwatchError:
                if wait_s is None:
                    raise
                time.sleep(wait_s)
