"""Fans as machines: load, surroundings, wear and sensors, from which every simulated reading comes.

One model for two uses: `simulator.history_files` writes weeks of it into files, `simulator.fleet` lets it run now.
"""

import math
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import FEATURES
from simulator.boxes import HEALTHY, Floats
from simulator.incidents import DRIFT, FAULT, PAUSE, SENSORS, SILENT, SPIKES, STUCK, ZERO, Event, Incidents
from simulator.physics import DAY_S, HOUR_S, Physics

FAULTY_FROM: Final = 0.5
"""Severity from which a reading is labelled faulty: from there on, one in two (motor) to one in five (imbalance) can be
told by itself, for it lies outside the healthy box; two in a hundred of a healthy fan's do."""

_BUSIEST_H: Final = 11.0
_WARMEST_H: Final = 16.0
_SPIKE_WIDTHS: Final = (1.0, 4.0)
_ROOM_C: Final = 22.0
_COOLING_S: Final = 1800.0
_STANDING_SOUND_DB: Final = 33.0
_CDF_POINTS: Final = 4097
_ROTATION, _TEMPERATURE, _VIBRATION, _SOUND = (
    FEATURES.index(name) for name in ("rotation", "temperature", "vibration", "sound")
)
_STATES: Final = 3 + len(FEATURES)

Fans = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Readings(NamedTuple):
    """One reading each of some fans, and what is true of them."""

    values: Floats
    """In the order of FEATURES, with two decimals, shape (n, sensors)."""
    faulty: Flags
    """Whether the reading belongs to a failure that can be told from it: from FAULTY_FROM on until the repair."""
    present: Flags
    """False where the fan is silent."""
    severity: Floats
    """0 healthy, 1 at the stop and until the repair; shape (n,)."""


class Machines:
    """`fans` fans that have run since `start_s`, each read when the caller likes."""

    def __init__(self, fans: int, start_s: float, *, physics: Physics | None = None, seed: int | None = None):
        self.physics = physics = physics or Physics()
        born, noise, incidents, spikes = np.random.SeedSequence(seed).spawn(4)
        self._random, self._spiking = np.random.default_rng(noise), np.random.default_rng(spikes)
        self.fans = fans
        own = np.random.default_rng(born)
        self._offset = own.normal(0, 1, (fans, len(FEATURES))) * physics.offset
        self._late_s = own.normal(0, 1, fans) * HOUR_S
        """How much later than elsewhere a fan's day is."""
        self._states = self._random.normal(0, 1, (fans, _STATES))
        """Load of hours, load of days, surroundings, and what each sensor does by itself; each of variance 1."""
        self._clock = np.full(fans, start_s)
        self._warmth = np.ones(fans)
        self._last: Floats = np.tile(HEALTHY.mean(axis=1), (fans, 1))
        self.incidents = Incidents(fans, start_s, physics, np.random.default_rng(incidents))
        self.events: list[Event] = []
        """What began since the caller last emptied it."""
        hours = (physics.load_short_h, physics.load_long_h, physics.ambient_long_h)
        self._memory_s = np.array(
            [hour * HOUR_S for hour in hours] + [physics.noise_memory_s] * len(FEATURES)
        )
        noise_sd = np.array(physics.noise)
        self._jitter = np.minimum(physics.jitter, noise_sd)
        self._noise = np.sqrt(noise_sd**2 - self._jitter**2)
        self._load, self._ambient = np.array(physics.load), np.array(physics.ambient)
        self._spread = _Spread(physics.tail)
        lone = min(0.999, 4 * physics.spikes)
        self._lone = NormalDist().inv_cdf(1 - lone / 2) if lone else math.inf
        burst = min(0.999, physics.burst_share)
        self._burst = NormalDist().inv_cdf(1 - burst / 2) if burst else math.inf

    def advance(self, fan: Fans, now_s: Floats) -> Readings:
        """Readings of the fans with these numbers, from 0 on, none twice, at these times, shape (n,).

        A fan's times must not go backwards.
        """
        incidents = self.incidents
        for index in np.flatnonzero(incidents.next[fan] <= now_s):
            each = int(fan[index])
            self.events.extend(incidents.settle(each, float(now_s[index]), self._last[each]))
        drawn = self._random.standard_normal((len(fan), _STATES + len(FEATURES) + 1))
        elapsed_s = now_s - self._clock[fan]
        self._clock[fan] = now_s
        quantiles = self._spread(self._latent(fan, now_s, elapsed_s, drawn))

        begin, end = incidents.begin[fan], incidents.end[fan]
        fault_s = now_s - begin[:, FAULT]
        severity = np.clip(fault_s / incidents.life_s[fan], 0, 1) ** incidents.exponent[fan]
        slide = incidents.slide[fan] * severity[:, None, None]
        low = HEALTHY[:, 0] + slide[:, :, 0]
        values = low + quantiles * (HEALTHY[:, 1] + slide[:, :, 1] - low)

        within = (begin <= now_s[:, None]) & (now_s[:, None] < end)
        standing = (now_s >= incidents.fails[fan]) | within[:, PAUSE]
        self._stand(fan, values, standing, elapsed_s, drawn)
        self._spoil(fan, values, within[:, SENSORS], now_s)
        self._spike(fan, values, within[:, SENSORS], drawn[:, -1])
        values = values.round(2)
        self._last[fan] = values
        return Readings(values, severity >= FAULTY_FROM, ~within[:, SILENT], severity)

    def burden(self, fan: int, now_s: float, load: float) -> None:
        """Loads a fan, so that its load is this now, in standard deviations; it loses that within hours and days."""
        physics = self.physics
        daily = physics.load_daily * float(_daily(np.array(now_s - self._late_s[fan]), _BUSIEST_H))
        self._states[fan, :2] = (load - daily) / (physics.load_short + physics.load_long)

    def _latent(self, fan: Fans, now_s: Floats, elapsed_s: Floats, drawn: Floats) -> Floats:
        physics = self.physics
        kept = np.exp(-elapsed_s[:, None] / self._memory_s)
        # A process with memory: it forgets a little each step, and noise keeps its spread the same.
        states = self._states[fan] = kept * self._states[fan] + np.sqrt(1 - kept**2) * drawn[:, :_STATES]
        day_s = now_s - self._late_s[fan]
        load = physics.load_daily * _daily(day_s, _BUSIEST_H)
        load += physics.load_short * states[:, 0] + physics.load_long * states[:, 1]
        ambient = physics.ambient_daily * _daily(day_s, _WARMEST_H) + physics.ambient_long * states[:, 2]
        latent: Floats = load[:, None] * self._load + ambient[:, None] * self._ambient
        latent += self._offset[fan] + self._noise * states[:, 3:] + self._jitter * drawn[:, _STATES:-1]
        return latent

    def _stand(self, fan: Fans, values: Floats, standing: Flags, elapsed_s: Floats, drawn: Floats) -> None:
        warmth = self._warmth[fan]
        if not standing.any() and (warmth == 1).all():
            return
        aim = np.where(standing, 0.0, 1.0)
        warmth = self._warmth[fan] = aim + (warmth - aim) * np.exp(-elapsed_s / _COOLING_S)
        values[:, _TEMPERATURE] = _ROOM_C + warmth * (values[:, _TEMPERATURE] - _ROOM_C)
        still = np.flatnonzero(standing)
        values[still, _ROTATION] = 0.0
        values[still, _VIBRATION] = np.abs(drawn[still, _STATES + _VIBRATION]) * 0.5
        values[still, _SOUND] = _STANDING_SOUND_DB + drawn[still, _STATES + _SOUND]

    def _spoil(self, fan: Fans, values: Floats, within: Flags, now_s: Floats) -> None:
        """What a sensor shows that is stuck, dead or drifting."""
        if not within.any():
            return
        incidents = self.incidents
        kind, amount = np.where(within, incidents.kind[fan], 0), incidents.amount[fan]
        values[kind == ZERO] = 0.0
        values[kind == STUCK] = amount[kind == STUCK]
        for index, sensor in np.argwhere(kind == DRIFT):
            begin, end = (at[fan[index], SENSORS][sensor] for at in (incidents.begin, incidents.end))
            values[index, sensor] += amount[index, sensor] * (now_s[index] - begin) / (end - begin)

    def _spike(self, fan: Fans, values: Floats, within: Flags, drawn: Floats) -> None:
        strange = np.abs(drawn)
        lone = strange > self._lone
        bursting = within & (self.incidents.kind[fan] == SPIKES) & (strange > self._burst)[:, None]
        for index in np.flatnonzero(lone | bursting.any(axis=1)):
            hit = bursting[index]
            if lone[index]:
                hit[self._spiking.integers(len(FEATURES))] = True
            for sensor in np.flatnonzero(hit):
                width = HEALTHY[sensor, 1] - HEALTHY[sensor, 0]
                far = width * self._spiking.uniform(*_SPIKE_WIDTHS) * self._spiking.choice((-1.0, 1.0))
                value = values[index, sensor]
                values[index, sensor] = value + far if value + far > 1 else value - far


def _daily(time_s: Floats, peak_h: float) -> Floats:
    """A wave of variance 1 that peaks at this hour, UTC."""
    wave: Floats = math.sqrt(2) * np.cos((time_s - peak_h * HOUR_S) * (2 * math.pi / DAY_S))
    return wave


class _Spread:
    """Normally distributed values to quantiles of a box: evenly within it, with a normal distribution's tails."""

    def __init__(self, tail: float) -> None:
        self._tail = tail
        self._at = np.linspace(-tail, tail, _CDF_POINTS)
        normal = NormalDist()
        self._even = np.array([normal.cdf(at) for at in self._at])
        self._slope = normal.pdf(tail)

    def __call__(self, latent: Floats) -> Floats:
        """Quantiles, a few below 0 and above 1."""
        within = np.clip(latent, -self._tail, self._tail)
        quantiles: Floats = np.interp(within, self._at, self._even)
        quantiles += (latent - within) * self._slope
        return quantiles
