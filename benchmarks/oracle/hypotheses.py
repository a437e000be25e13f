"""What may be the matter with a fan: which fault since when with which life, or which sensor drifting since when.

Lives and rates are the middles of equally likely classes, beginnings lie on a grid that is finer the shorter the life.
A hypothesis takes a place; when a new one begins there, the old one is out of the question.
"""

from collections.abc import Iterator
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.boxes import HEALTHY, Floats
from simulator.failure_modes import MODES
from simulator.incidents import DRIFT, DRIFTS, HOURS, slide
from simulator.physics import HOUR_S, MONTH_S, Physics

BIN_H: Final = 1 / 6
_WIDTHS: Final = HEALTHY[:, 1] - HEALTHY[:, 0]
_DRIFT_STEP: Final = 48
"""A drift may begin every so many bins."""
_DRIFT_PLACES: Final = 15
"""And is told within so many such steps; if not, it goes on unseen."""

Ints = NDArray[np.int64]


class Fineness(NamedTuple):
    """How many hypotheses there are; more of them changes little."""

    lives: int = 6
    begins: int = 16
    """In a life."""
    rates: int = 3


class Hypotheses(NamedTuple):
    """All places, faults before drifts; shape (places,) unless said otherwise."""

    life: Floats
    """In bins; infinite for drifts."""
    exponent: Floats
    slide: Floats
    """How far the edges of the sensors' boxes go at full severity, shape (places, 4, 2)."""
    rate: Floats
    """By how much a drifting sensor is farther off each bin, shape (places, 4); 0 for faults."""
    every: Ints
    """Bins between two beginnings in the same row of places."""
    place: Ints
    """Which of the row's."""
    places: Ints
    """How many the row has."""
    prior: Floats
    """Logarithm of how likely it is that this begins, beside nothing."""
    sensor: Ints
    """Which sensor drifts; -1 for faults."""

    def begins(self, number: int) -> NDArray[np.bool_]:
        """The places in which a hypothesis begins at this bin."""
        due: NDArray[np.bool_] = (number % self.every == 0) & (
            number // self.every % self.places == self.place
        )
        return due

    def boxes(self, age: Floats, places: slice) -> tuple[Floats, Floats]:
        """Low edges and widths of the sensors' boxes in some places at this age, in bins; shape (4, n)."""
        age = age[places]
        severity = np.clip(age / self.life[places], 0, 1) ** self.exponent[places]
        moved = HEALTHY + self.slide[places] * severity[:, None, None]
        low = moved[:, :, 0] + self.rate[places] * age[:, None]
        return low.T, (moved[:, :, 1] - moved[:, :, 0]).T


class _Row(NamedTuple):
    """The hypotheses that differ only in their beginning."""

    life: float
    exponent: float
    slide: Floats
    rate: Floats
    every: int
    places: int
    prior: float
    sensor: int


def every(physics: Physics, fine: Fineness) -> Hypotheses:
    """All hypotheses of a physics."""
    rows = [*_faults(physics, fine), *_drifts(physics, fine)]
    counts = [row.places for row in rows]

    def repeated(parts: list[float] | list[Floats]) -> Floats:
        return np.repeat(np.array(parts, np.float64), counts, axis=0)

    with np.errstate(divide="ignore"):
        prior = np.log(repeated([row.prior for row in rows]))
    return Hypotheses(
        life=repeated([row.life for row in rows]),
        exponent=repeated([row.exponent for row in rows]),
        slide=repeated([row.slide for row in rows]),
        rate=repeated([row.rate for row in rows]),
        every=np.repeat([row.every for row in rows], counts),
        place=np.concatenate([np.arange(count) for count in counts]),
        places=np.repeat(counts, counts),
        prior=prior,
        sensor=np.repeat([row.sensor for row in rows], counts),
    )


def _faults(physics: Physics, fine: Fineness) -> Iterator[_Row]:
    for mode in MODES.values():
        moves = slide(mode, physics.weights)
        for share in _middles(fine.lives):
            spread = physics.spread * mode.spread * NormalDist().inv_cdf(share)
            life = physics.life * mode.life_h * float(np.exp(spread)) / BIN_H
            step = max(1, round(life / fine.begins))
            prior = step * BIN_H / physics.healthy_h * mode.share / fine.lives
            exponent = mode.exponent * physics.exponent
            yield _Row(life, exponent, moves, np.zeros(4), step, int(np.ceil(life / step)), prior, -1)


def _drifts(physics: Physics, fine: Fineness) -> Iterator[_Row]:
    prior = _DRIFT_STEP * BIN_H * HOUR_S / MONTH_S * physics.drift / (2 * fine.rates)
    for sensor in range(4):
        for rate in _rates(fine.rates):
            for sign in (-1.0, 1.0):
                moves = np.zeros(4)
                moves[sensor] = sign * rate * physics.drift_speed * _WIDTHS[sensor]
                yield _Row(np.inf, 1.0, np.zeros((4, 2)), moves, _DRIFT_STEP, _DRIFT_PLACES, prior, sensor)


def _middles(classes: int) -> list[float]:
    return [(each + 0.5) / classes for each in range(classes)]


def _rates(classes: int) -> list[float]:
    """Of drifts, in healthy widths a bin: evenly drawn ends over evenly drawn durations."""
    ends, hours = np.linspace(*DRIFTS, 101), np.linspace(*HOURS[DRIFT], 101)
    all_of = ends[:, None] / hours * BIN_H
    return [float(each) for each in np.quantile(all_of, _middles(classes))]
