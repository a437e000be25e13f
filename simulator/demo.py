"""A failure from its first sign to its repair, within minutes: days of the whole fleet, an hour of them at a time.

After each simulated hour, once its results are stored, forecast-fan is called as its schedule would call it, and so
says what it would have said then. The clock begins days back and ends where real time is.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.logs import Log
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import GatewaySettings, StoreSettings, load
from fanwatch.store.influx import Store
from fanwatch.store.readings import newest_of_each, scored
from simulator.failure_modes import MODES, device_id
from simulator.fleet import steps
from simulator.incidents import Forced
from simulator.machines import Machines
from simulator.outbox import Outbox
from simulator.physics import HOUR_S, Physics
from simulator.wire import entries

QUIET_H: Final = 75.0
"""Hours in which nothing happens, to learn from: published in one go."""
BEFORE_H: Final = 3.0
"""Hours that are told one by one before the first sign."""
LONGEST_LIFE_H: Final = 40.0
DOWN_H: Final = 5.0
AFTER_H: Final = 15.0
"""Hours after the repair, in which the alarm clears."""
TOLD_S: Final = 165.0
"""Seconds that the hours which are told one by one take together at least, for it is people who watch."""

_FUNCTION: Final = "forecast-fan"
_STORED_WITHIN_S: Final = 10.0
_STORED_PER_SECOND: Final = 100
_CALL_S: Final = 30.0
_READY_S: Final = 1.0
_POLL_S: Final = 0.05
_PUBLISHED_PER_WAIT: Final = 500


def life_h(mode: str) -> float:
    """Hours from the first sign to the stop: the mode's own, or what a demonstration has time for."""
    return min(MODES[mode].life_h, LONGEST_LIFE_H)


def hours(mode: str) -> float:
    """How far back a demonstration begins."""
    return QUIET_H + BEFORE_H + life_h(mode) + DOWN_H + AFTER_H


def pace_s(mode: str) -> float:
    """Seconds that an hour takes at least."""
    return TOLD_S / (hours(mode) - QUIET_H)


def physics() -> Physics:
    """Fans that do nothing of themselves, so that one story is told at a time."""
    return Physics(healthy_h=1e6, pauses=0, stuck=0, zero=0, drift=0, bursts=0, silent=0)


class Stage:
    """Where a demonstration happens: the broker before it, the store and the gateway behind."""

    def __init__(self, outbox: Outbox, stop: threading.Event, log: Log) -> None:
        self.outbox = outbox
        self._stop = stop
        self._log = log
        self._store = Store(load(StoreSettings))
        self._gateway = Gateway(load(GatewaySettings), timeout_s=_CALL_S)
        self._said = ""

    def await_store(self) -> bool:
        """False where it was told to stop first."""
        while not self._stop.is_set():
            try:
                newest_of_each(self._store, 0, 1)
            except FanwatchError:
                self._stop.wait(_READY_S)
                continue
            return True
        return False

    def published(self) -> bool:
        """Waits until the broker has everything; False where it was told to stop first."""
        while self.outbox.counts().waiting:
            self.outbox.pump()
            if self._stop.wait(_POLL_S / 10):
                return False
        return True

    def stored(self, from_ms: int, until_ms: int, count: int, within_s: float) -> bool:
        """Waits until that many results are stored; False where they are not in time, or it was told to stop."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self._stop.wait(_POLL_S):
            try:
                if scored(self._store, from_ms, until_ms) >= count:
                    return True
            except FanwatchError as error:
                self._note("the store does not say what it has", str(error))
        return False

    def pause(self, seconds: float) -> bool:
        """False where it was told to stop meanwhile."""
        return not self._stop.wait(max(0.0, seconds))

    def forecast(self) -> None:
        """Calls forecast-fan; what it says goes to the fans' alarms, and what it refuses into the log."""
        try:
            answer = self._gateway.call(_FUNCTION, b"", {})
            problem = "" if answer.status < 300 else f"{answer.status}: {answer.text()}"
        except FanwatchError as error:
            problem = str(error)
        if problem:
            self._note("forecast-fan was called in vain", problem)

    def _note(self, event: str, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self._log.warning(event, reason=reason)


def play(
    fan: int,
    mode: str,
    machines: Machines,
    first_s: float,
    interval_s: float,
    stage: Stage,
    log: Log,
    tell: Callable[[Machines], None],
) -> None:
    """Fan number `fan`, from 1 on, fails `mode`'s way; returns once real time is reached, or it was told to stop."""
    if not stage.await_store():
        return
    quiet_s = first_s + QUIET_H * HOUR_S
    order = Forced(mode, life_h(mode) * HOUR_S, DOWN_H * HOUR_S)
    machines.incidents.force(fan - 1, quiet_s + BEFORE_H * HOUR_S, order)
    log.info(
        "the demonstration begins", deviceID=device_id(fan), mode=mode, at=format_ms(int(first_s * 1000))
    )
    told_s = time.monotonic()
    numbers, began_ms, count = list(range(machines.fans)), int(first_s * 1000), 0
    for now_s, readings in steps(machines, first_s, time.time, interval_s):
        now_ms = int(now_s * 1000)
        made = entries(numbers, [now_ms] * len(numbers), readings)
        stage.outbox.add(made)
        tell(machines)
        count += len(made)
        ends = now_s + interval_s
        hour_over = ends >= quiet_s and ends // HOUR_S != now_s // HOUR_S
        if not (hour_over or stage.outbox.counts().waiting > _PUBLISHED_PER_WAIT):
            continue
        if not stage.published():
            return
        if hour_over:
            stage.stored(began_ms, now_ms, count, max(_STORED_WITHIN_S, count / _STORED_PER_SECOND))
            stage.forecast()
            if not stage.pause(told_s + pace_s(mode) - time.monotonic()):
                return
            told_s, began_ms, count = time.monotonic(), now_ms + 1, 0
    log.info("the demonstration has reached real time")
