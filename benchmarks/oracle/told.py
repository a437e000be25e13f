"""Simulated fans, and what the ideal detector is told of them: all but whether a fan wears or a sensor drifts."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.boxes import Floats
from simulator.history_files import FIRST_S, Wanted, steps
from simulator.incidents import DRIFT, SPIKES, Event
from simulator.machines import Fans, Flags, Machines
from training.forecast.history import FOREVER_MS, Broken, Fault, History

BIN_S: Final = 600.0
_WARM: Final = 0.999
"""From here on a fan that stood still is as warm as one that runs on, to a hundredth of a degree."""

Small = NDArray[np.float32]


class Told(NamedTuple):
    """Of every ten-minute bin and fan; shape (bins, fans, 4) unless said otherwise."""

    values: Small
    usable: Flags
    """False where the fan stands or cools, is silent, or the sensor is stuck, zero, or shows a spike."""
    rhythm: Small
    """What time of day does to the latent values."""
    slow: Small
    """All that moves the latent values but each sensor's own noise: rhythm, load, surroundings, offsets."""
    drifts: Flags
    """Whether the sensor drifts: not told, but for when a drift is over."""
    standing: Flags
    """Shape (bins, fans)."""
    failed: Flags
    """Whether it stands because it has failed, shape (bins, fans)."""
    history: History
    """Events only; its readings are the first and the last time."""


class _Seen(Machines):
    """Machines that keep what they made of their last readings."""

    slow: Floats
    rhythm: Floats
    standing: Flags
    spoilt: Flags
    drifting: Flags

    def _latent(self, fan: Fans, now_s: Floats, elapsed_s: Floats, drawn: Floats) -> Floats:
        latent = super()._latent(fan, now_s, elapsed_s, drawn)
        states, physics = self._states[fan], self.physics
        self.slow = latent - self._noise * states[:, 3:] - self._jitter * drawn[:, 7:11]
        load = physics.load_short * states[:, 0] + physics.load_long * states[:, 1]
        ambient = physics.ambient_long * states[:, 2]
        wandering = load[:, None] * self._load + ambient[:, None] * self._ambient
        self.rhythm = self.slow - wandering - self._offset[fan]
        return latent

    def _stand(self, fan: Fans, values: Floats, standing: Flags, elapsed_s: Floats, drawn: Floats) -> None:
        super()._stand(fan, values, standing, elapsed_s, drawn)
        self.standing = standing
        self.spoilt = np.repeat(standing[:, None], 4, axis=1)
        self.spoilt[:, 1] |= self._warmth[fan] < _WARM

    def _spoil(self, fan: Fans, values: Floats, within: Flags, now_s: Floats) -> None:
        super()._spoil(fan, values, within, now_s)
        kind = np.where(within, self.incidents.kind[fan], 0)
        self.drifting = kind == DRIFT
        self.spoilt |= (kind > 0) & (kind != DRIFT) & (kind != SPIKES)

    def _spike(self, fan: Fans, values: Floats, within: Flags, drawn: Floats) -> None:
        before = values.copy()
        super()._spike(fan, values, within, drawn)
        self.spoilt |= values != before


def tell(wanted: Wanted) -> Told:
    """The fans of `fanwatch simulate history` with the same fans, days and seed, to the last digit."""
    machines = _Seen(wanted.fans, FIRST_S, physics=wanted.physics, seed=wanted.seed)
    shape = (wanted.steps, wanted.fans, 4)
    values, rhythm, slow = (np.zeros(shape, np.float32) for _ in range(3))
    usable, drifts = (np.zeros(shape, np.bool_) for _ in range(2))
    standing, failed = (np.zeros(shape[:2], np.bool_) for _ in range(2))
    for step, (now_s, readings) in enumerate(steps(wanted, machines)):
        values[step], rhythm[step], slow[step] = readings.values, machines.rhythm, machines.slow
        usable[step] = ~machines.spoilt & readings.present[:, None]
        drifts[step], standing[step] = machines.drifting, machines.standing
        failed[step] = now_s >= machines.incidents.fails
    history = _history(wanted, machines.events)
    return Told(values, usable, rhythm, slow, drifts, standing, failed, history)


def _history(wanted: Wanted, events: list[Event]) -> History:
    end_s = FIRST_S + wanted.steps * BIN_S
    faults, broken = [], []
    for each in sorted(events, key=lambda event: event.start_s):
        start_ms = _ms(each.start_s)
        over_ms = _ms(each.repaired_s) if each.repaired_s < end_s else FOREVER_MS
        if each.kind == "fault":
            failure_s = each.failure_s
            failed = failure_s is not None and failure_s < end_s
            faults.append(
                Fault(each.fan, start_ms, _ms(failure_s or 0) if failed else None, over_ms, each.mode)
            )
        else:
            broken.append(Broken(each.fan, start_ms, over_ms, -1, each.mode.rpartition(":")[2]))
    span = np.array([FIRST_S, end_s - BIN_S]) * 1000
    devices = [str(fan) for fan in range(wanted.fans)]
    return History(
        devices, span.astype(np.int64), np.zeros(2, np.int64), np.zeros((2, 4)), faults, broken, ""
    )


def _ms(time_s: float) -> int:
    # As an events file gives it, to the second.
    return int(time_s) * 1000
