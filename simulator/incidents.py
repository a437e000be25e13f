"""What befalls fans and their sensors: when it begins, what it is, when it is over.

Each fan has slots in which one thing at a time can happen: its own failure, a planned stop, silence, and one
for each of its sensors. A slot waits an exponential time, then what happens is drawn, then it waits anew.
Almost all the time nothing begins or ends, so that `Incidents.settle` costs one comparison a reading.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import FEATURES
from simulator.boxes import FAULTY, HEALTHY, Floats
from simulator.failure_modes import MODES, Mode
from simulator.physics import HOUR_S, MONTH_S, Physics

FAULT, PAUSE, SILENT, SENSORS = 0, 1, 2, slice(3, 3 + len(FEATURES))
SLOTS: Final = SENSORS.stop
STUCK, ZERO, DRIFT, SPIKES = 1, 2, 3, 4
_KINDS: Final = {STUCK: "stuck", ZERO: "zero", DRIFT: "drift", SPIKES: "spikes"}
HOURS: Final = {STUCK: (1.0, 12.0), ZERO: (0.2, 6.0), DRIFT: (120.0, 360.0), SPIKES: (2.0, 24.0)}
_SILENT_H: Final = (0.5, 12.0)
DRIFTS: Final = (1.0, 2.0)
"""Widths of the healthy box by which a sensor is off at the end of its drift."""


class Event(NamedTuple):
    """What is true and no reading says; times in seconds since the epoch."""

    fan: int
    """From 0 on."""
    start_s: float
    failure_s: float | None
    """When a failing fan stops; None for an instrument, and for a fan that is made to run on."""
    repaired_s: float
    """Infinite where it never is."""
    kind: str
    """`fault` or `instrument`."""
    mode: str


class Forced(NamedTuple):
    """A failure that somebody ordered."""

    mode: str
    life_s: float
    down_s: float | None
    """How long the fan then stands still; None: it runs on at full severity, unrepaired."""


class Incidents:
    """The state of all slots of `fans` fans. Arrays are read by `simulator.machines` and written here only."""

    def __init__(self, fans: int, start_s: float, physics: Physics, random: np.random.Generator) -> None:
        self._physics = physics
        self._random = random
        self._forced: dict[int, Forced] = {}
        sensor = physics.stuck + physics.zero + physics.drift + physics.bursts
        monthly = np.array([0.0, physics.pauses, physics.silent, *(sensor,) * len(FEATURES)])
        with np.errstate(divide="ignore"):
            self._waits_s = MONTH_S / monthly
        self._waits_s[FAULT] = physics.healthy_h * HOUR_S
        self.begin: Floats = start_s + random.standard_exponential((fans, SLOTS)) * self._waits_s
        """When what a slot holds began, or will; shape (fans, SLOTS)."""
        self.end: Floats = np.full((fans, SLOTS), np.inf)
        """When it is over; infinite for what has not begun."""
        self._begun = np.zeros((fans, SLOTS), np.bool_)
        self.next: Floats = self.begin.min(axis=1)
        """When something begins or ends next, shape (fans,)."""
        self.life_s: Floats = np.ones(fans)
        self.exponent: Floats = np.ones(fans)
        self.fails: Floats = np.full(fans, np.inf)
        """When a failing fan stops."""
        self.slide: Floats = np.zeros((fans, len(FEATURES), 2))
        """How far the edges of each sensor's box go at full severity."""
        self.kind: NDArray[np.int8] = np.zeros((fans, len(FEATURES)), np.int8)
        """What each sensor suffers from; 0: nothing."""
        self.amount: Floats = np.zeros((fans, len(FEATURES)))
        """The value of a stuck sensor; how far a drifting one is off in the end."""

    def force(self, fan: int, at_s: float, forced: Forced) -> None:
        """Fan number `fan`, from 0 on, begins to fail at `at_s`; nothing else befalls it from now until the repair."""
        self._forced[fan] = forced
        self.begin[fan], self.end[fan] = np.inf, np.inf
        self.fails[fan], self.kind[fan], self._begun[fan] = np.inf, 0, False
        self.begin[fan, FAULT] = self.next[fan] = at_s

    def settle(self, fan: int, now_s: float, last: Floats) -> Iterator[Event]:
        """Lets begin and end what is due; yields what began. `last` is what the fan's sensors showed last."""
        while self.next[fan] <= now_s:
            slot = int(self._changes(fan).argmin())
            begins = not self._begun[fan, slot]
            event = self._begin(fan, slot, last) if begins else self._over(fan, slot)
            self._begun[fan, slot] = begins
            self.next[fan] = self._changes(fan).min()
            if event is not None:
                yield event

    def _changes(self, fan: int) -> Floats:
        changes: Floats = np.where(self._begun[fan], self.end[fan], self.begin[fan])
        return changes

    def _over(self, fan: int, slot: int) -> Event | None:
        ended = self.end[fan, slot]
        if slot == FAULT:
            self.fails[fan], self.slide[fan] = np.inf, 0
            # What had to keep away from an ordered failure.
            kept = np.isinf(self.begin[fan])
            self.begin[fan, kept] = ended + self._wait()[kept]
        elif slot >= SENSORS.start:
            self.kind[fan, slot - SENSORS.start] = 0
        self.begin[fan, slot] = ended + self._wait()[slot]
        self.end[fan, slot] = np.inf
        return None

    def _wait(self) -> Floats:
        wait: Floats = self._random.standard_exponential(SLOTS) * self._waits_s
        return wait

    def _begin(self, fan: int, slot: int, last: Floats) -> Event | None:
        start = float(self.begin[fan, slot])
        if slot == FAULT:
            return self._fail(fan, start)
        if slot == PAUSE:
            self.end[fan, slot] = start + self._hours(self._physics.pause_low_h, self._physics.pause_high_h)
            return None
        if slot == SILENT:
            end = self.end[fan, slot] = start + self._hours(*_SILENT_H)
            return Event(fan, start, None, end, "instrument", "silent")
        sensor = slot - SENSORS.start
        physics = self._physics
        rates = np.array([physics.stuck, physics.zero, physics.drift, physics.bursts])
        kind = int(self._random.choice(4, p=rates / rates.sum())) + 1
        self.kind[fan, sensor] = kind
        end = self.end[fan, slot] = start + self._hours(*HOURS[kind])
        width = HEALTHY[sensor, 1] - HEALTHY[sensor, 0]
        drifts = self._random.uniform(*DRIFTS) * self._random.choice((-1.0, 1.0)) * width
        self.amount[fan, sensor] = last[sensor] if kind == STUCK else drifts * physics.drift_speed
        return Event(fan, start, None, end, "instrument", f"{FEATURES[sensor]}:{_KINDS[kind]}")

    def _fail(self, fan: int, start: float) -> Event:
        forced = self._forced.pop(fan, None) or self._draw_failure()
        mode = MODES[forced.mode]
        self.life_s[fan] = forced.life_s
        self.exponent[fan] = mode.exponent * self._physics.exponent
        self.slide[fan] = slide(mode, self._physics.weights)
        if forced.down_s is None:
            return Event(fan, start, None, np.inf, "fault", forced.mode)
        fails = self.fails[fan] = start + forced.life_s
        end = self.end[fan, FAULT] = fails + forced.down_s
        return Event(fan, start, fails, end, "fault", forced.mode)

    def _draw_failure(self) -> Forced:
        physics = self._physics
        names = list(MODES)
        name = names[int(self._random.choice(len(names), p=[MODES[each].share for each in names]))]
        mode = MODES[name]
        spread = physics.spread * mode.spread
        life_h = physics.life * mode.life_h * np.exp(spread * self._random.standard_normal())
        return Forced(name, float(life_h) * HOUR_S, self._hours(physics.down_low_h, physics.down_high_h))

    def _hours(self, low: float, high: float) -> float:
        """A time in seconds."""
        return float(self._random.uniform(low, high)) * HOUR_S


def slide(mode: Mode, factor: float) -> Floats:
    """How far the edges of each sensor's box go at full severity, shape (sensors, 2)."""
    moves: Floats = (FAULTY - HEALTHY) * factor * np.array(mode.weights)[:, None]
    if mode.raises_rotation:
        rotation = FEATURES.index("rotation")
        moves[rotation] = -moves[rotation, ::-1]
    return moves
