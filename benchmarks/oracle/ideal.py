"""The ideal detector: how likely a fault is under way, by all that the simulator's numbers say.

For each hypothesis a Kalman filter follows load, surroundings and the fan's own offsets, which are Gaussian and move
all sensors at once; what a sensor then does by itself is white noise. So each hypothesis has a likelihood that is exact
but for the grid of its beginnings, lives and rates. The filters' gains do not depend on what is shown, only on which
sensors are usable, so that one set of gains serves all hypotheses of a fan.
"""

import itertools
from collections.abc import Callable
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle.hypotheses import BIN_H, Hypotheses
from benchmarks.oracle.told import Small, Told
from simulator.boxes import HEALTHY
from simulator.physics import Physics

_FANS: Final = 8
"""Followed at a time, so that what is computed of them fits into the processor's cache."""
_FARTHEST: Final = 9.0
"""Standard deviations beyond which latent values are taken for this far off."""
_CELLS: Final = 8192
_STATES: Final = 7
_CERTAIN: Final = 0.99
"""From this probability on a sensor is known to drift, and no longer believed until it is put right."""
_LOOKED_AT: Final = 144
"""Bins until somebody finds a sensor well that was wrongly held to drift."""
_NEVER: Final = np.float32(-1e30)
_TAIL_REACH: Final = 0.25
"""Shares of a box beyond its edges in which latent values are told apart."""
_WIDTHS: Final = HEALTHY[:, 1] - HEALTHY[:, 0]


class Belief(NamedTuple):
    """Of every bin and fan, shape (bins, fans)."""

    fault: Small
    """Probability that a fault is under way."""
    day: Small
    """That one is which stops the fan in 24 to 26 hours: the last moment to tell of it a day before."""
    drift: Small
    """That a sensor drifts and it is not yet certain which."""


class Slow(NamedTuple):
    """What moves all sensors at once: load of hours, load of days, surroundings, four offsets."""

    kept: NDArray[np.float64]
    """Share of each state kept over a bin, shape (7,)."""
    fresh: NDArray[np.float64]
    """Variance that each gains meanwhile, shape (7,)."""
    shown: NDArray[np.float64]
    """What a unit of each does to each sensor, shape (4, 7)."""
    start: NDArray[np.float64]
    """Variances at first, shape (7,)."""
    noise: NDArray[np.float64]
    """Variances of what each sensor does by itself, shape (4,)."""


def slow(physics: Physics) -> Slow:
    """Of a physics, ten minutes a bin."""
    hours = np.array([physics.load_short_h, physics.load_long_h, physics.ambient_long_h])
    kept = np.concatenate((np.exp(-BIN_H / hours), np.ones(4)))
    start = np.concatenate((np.ones(3), np.full(4, physics.offset**2)))
    parts = (physics.load_short, physics.load_long, physics.ambient_long)
    moved = (physics.load, physics.load, physics.ambient)
    columns = [part * np.array(sensors) for part, sensors in zip(parts, moved, strict=True)]
    shown = np.column_stack((*columns, np.eye(4)))
    return Slow(kept, (1 - kept**2) * start, shown, start, np.array(physics.noise) ** 2)


def believe(
    told: Told,
    hypotheses: Hypotheses,
    physics: Physics,
    *,
    clear: bool = False,
    on_fans: Callable[[int], None] = lambda done: None,
) -> Belief:
    """Follow all fans; `on_fans` is told how many are done.

    `clear`: load, surroundings and offsets are told, which no detector can know.
    """
    parts = []
    for first in range(0, told.values.shape[1], _FANS):
        some = _Followed(told, slice(first, first + _FANS), hypotheses, physics, clear)
        parts.append(np.stack([some.step(number) for number in range(len(told.values))]))
        on_fans(min(first + _FANS, told.values.shape[1]))
    found = np.concatenate(parts, axis=2)
    return Belief(*(found[:, part].astype(np.float32) for part in range(3)))


class _Followed:
    """Some fans and all hypotheses of each; place 0 is the hypothesis that nothing is the matter."""

    def __init__(
        self, told: Told, fans: slice, hypotheses: Hypotheses, physics: Physics, clear: bool
    ) -> None:  # fmt: skip
        self._values = told.values[:, fans]
        self._usable = told.usable[:, fans]
        self._mean = (told.slow if clear else told.rhythm)[:, fans]
        self._drifts, self._failed = told.drifts[:, fans], told.failed[:, fans]
        self._clear = clear
        self._hypotheses = hypotheses
        self._slow = slow(physics)
        count, places = self._values.shape[1], len(hypotheses.life)
        self._variance = np.tile(np.diag(self._slow.start * (not clear)), (count, 1, 1))
        self._state = np.zeros((count, _STATES, places + 1), np.float32)
        self._weight = np.full((count, places), _NEVER, np.float32)
        self._begun = np.full(places, -1.0)
        self._distrusted = np.zeros((count, 4), np.int64)
        """Until which bin each sensor is not believed."""
        self._was_drifting = np.zeros((count, 4), np.bool_)
        self._table = _table(physics.tail)
        self._fault = hypotheses.sensor < 0
        self._faults = int(self._fault.sum())
        edges = np.searchsorted(hypotheses.sensor, np.arange(5)).tolist()
        self._drift_places = [slice(*pair) for pair in itertools.pairwise(edges)]
        self._drift = hypotheses.sensor[None] == np.arange(4)[:, None]

    def step(self, number: int) -> Small:
        """Take in a bin; what `Belief` says of it, shape (3, fans)."""
        self._put_right(number)
        self._begin(number)
        usable = self._usable[number] & (self._distrusted <= number)
        evidence = self._evidence(number, usable)
        self._weight = np.maximum(self._weight + (evidence[:, 1:] - evidence[:, :1]), _NEVER)
        age = number - self._begun
        self._weight[:, age >= self._hypotheses.life] = _NEVER
        share = self._shares()
        drift = share @ self._drift.T.astype(np.float32)
        self._distrust(number, drift)
        left = (self._hypotheses.life - age) * BIN_H
        day = (left >= 24) & (left < 26)
        return np.stack(
            (share @ self._fault.astype(np.float32), share @ day.astype(np.float32), drift.sum(axis=1))
        )

    def _shares(self) -> Small:
        most = np.maximum(self._weight.max(axis=1), 0)[:, None]
        weight = np.exp(self._weight - most)
        shares: Small = weight / (weight.sum(axis=1, keepdims=True) + np.exp(-most))
        return shares

    def _begin(self, number: int) -> None:
        due = self._hypotheses.begins(number)
        self._begun[due] = number
        self._state[:, :, 1:][:, :, due] = self._state[:, :, :1]
        self._weight[:, due] = self._hypotheses.prior[due]

    def _evidence(self, number: int, usable: NDArray[np.bool_]) -> Small:
        """Logarithms of how likely each hypothesis, the healthy one first, makes what is shown now."""
        slow, variance = self._slow, self._variance
        self._state *= slow.kept.astype(np.float32)[:, None]
        if not self._clear:
            variance *= slow.kept[:, None] * slow.kept
            variance += np.diag(slow.fresh)
        shown = slow.shown * usable[:, :, None]
        spread = shown @ variance @ shown.transpose(0, 2, 1) + np.diag(slow.noise)
        precise = np.linalg.inv(spread)
        gain = variance @ shown.transpose(0, 2, 1) @ precise
        variance -= gain @ shown @ variance

        latent, half = self._latent(number)
        off = latent - self._mean[number][:, :, None]
        off -= slow.shown.astype(np.float32) @ self._state
        off *= usable[:, :, None]
        half -= np.float32(0.5) * off * (precise.astype(np.float32) @ off)
        self._state += gain.astype(np.float32) @ off
        evidence: Small = np.einsum("fsp,fs->fp", half, usable.astype(np.float32))
        return evidence

    def _latent(self, number: int) -> tuple[Small, Small]:
        """Latent values by which each hypothesis shows what is shown, and how dense they lie there, as a logarithm."""
        values = self._values[number]
        latent, dense = (np.empty((len(values), 4, len(self._begun) + 1), np.float32) for _ in range(2))
        low, width = self._hypotheses.boxes(number - self._begun, slice(0, self._faults))
        low, width = np.column_stack((HEALTHY[:, 0], low)), np.column_stack((_WIDTHS, width))
        worn = slice(0, self._faults + 1)
        latent[:, :, worn], dense[:, :, worn] = self._place(values[:, :, None], low, width)
        latent[:, :, worn.stop :], dense[:, :, worn.stop :] = latent[:, :, :1], dense[:, :, :1]
        # A drift moves one sensor, and the others show what they show.
        for sensor, drifts in enumerate(self._drift_places):
            low, width = self._hypotheses.boxes(number - self._begun, drifts)
            found = self._place(values[:, sensor, None], low[sensor], width[sensor])
            places = slice(drifts.start + 1, drifts.stop + 1)
            latent[:, sensor, places], dense[:, sensor, places] = found
        return latent, dense

    def _place(
        self, values: Small, low: NDArray[np.float64], width: NDArray[np.float64]
    ) -> tuple[Small, Small]:
        factor = (_CELLS - 1) / (1 + 2 * _TAIL_REACH) / width
        base = (_TAIL_REACH * width - low) * factor
        cell = values * factor.astype(np.float32)
        cell += base.astype(np.float32)
        np.clip(cell, 0, _CELLS - 1, out=cell)
        at = cell.astype(np.intp)
        latent, dense = self._table
        return latent.take(at, mode="clip"), dense.take(at, mode="clip") - np.log(width).astype(np.float32)

    def _distrust(self, number: int, drift: Small) -> None:
        for fan, sensor in np.argwhere(drift > _CERTAIN).tolist():
            self._settle(fan, self._drift[sensor])
            until = _LOOKED_AT
            if self._drifts[number, fan, sensor]:
                still = self._drifts[number:, fan, sensor]
                until = len(still) if still.all() else int(still.argmin())
            self._distrusted[fan, sensor] = number + until

    def _put_right(self, number: int) -> None:
        """A fan is repaired, or a sensor that was not found out: what has been thought of it is settled."""
        if not number:
            return
        failed = self._failed[number] & ~self._failed[number - 1]
        for fan in np.flatnonzero(failed).tolist():
            self._settle(fan, self._fault)
        self._weight[self._failed[number]] = _NEVER
        over = self._drifts[number - 1] & ~self._drifts[number] & (self._distrusted < number)
        for fan, sensor in np.argwhere(over).tolist():
            share = self._shares()[fan]
            if share[self._drift[sensor]].sum() > 0.5:
                self._settle(fan, self._drift[sensor])
            self._weight[fan, self._drift[sensor]] = _NEVER

    def _settle(self, fan: int, which: NDArray[np.bool_]) -> None:
        """The likeliest of these is what was the matter; from now on nothing is."""
        likeliest = np.where(which, self._weight[fan], np.float32(-np.inf)).argmax()
        if self._weight[fan, likeliest] > _NEVER:
            self._state[fan, :, 0] = self._state[fan, :, likeliest + 1]
        self._weight[fan] = _NEVER


def _table(tail: float) -> tuple[Small, Small]:
    """Latent values at quantiles from -_TAIL_REACH to 1 + _TAIL_REACH, and half their squares, no more than the tail's.

    The inverse of how `simulator.machines` spreads them: evenly within, with a normal distribution's tails.
    """
    normal = NormalDist()
    edge, slope = normal.cdf(tail), normal.pdf(tail)
    quantiles = np.linspace(-_TAIL_REACH, 1 + _TAIL_REACH, _CELLS)
    latent = np.array([normal.inv_cdf(each) for each in np.clip(quantiles, 1 - edge, edge)])
    latent += (quantiles - np.clip(quantiles, 1 - edge, edge)) / slope
    within = np.clip(latent, -tail, tail)
    latent = np.clip(latent, -_FARTHEST, _FARTHEST)
    return latent.astype(np.float32), (within**2 / 2).astype(np.float32)
