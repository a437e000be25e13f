"""A fleet that runs now: under changing load every sensor drifts, and chosen fans fail within a minute."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.boxes import Floats, place
from simulator.modes import Mode

FAILS_AFTER_S: Final = 5.0
FAILS_WITHIN_S: Final = 40.0
"""A failing fan is healthy at first, and at full fault FAILS_AFTER_S + FAILS_WITHIN_S after the start."""

_LOADING: Final = np.array([0.6, 0.5, 0.4, 0.5])
"""How strongly load moves each sensor. One cause for all is what makes them look like one machine."""
_LOAD_PERIOD_S: Final = 600.0
_LOAD_MEMORY_S: Final = 60.0
_SENSOR_MEMORY_S: Final = 120.0
_TOWARDS_END: Final = 0.6
"""How far a sensor's quantile goes to the end of its box at full fault, so that a person sees it fail."""


class Fleet:
    """Fans 0 to n - 1 that take turns: reading number k is fan k mod n's, at k / (n · rate) seconds.

    Turns instead of all fans at once, so that neither broker nor functions get their load in bursts.
    """

    def __init__(
        self, fans: int, rate: float, *, failing: Mapping[int, Mode] | None = None, seed: int | None = None
    ) -> None:
        """`rate` is readings a second and fan; `failing` maps fans' numbers, from 1 on, to how they fail."""
        self.fans = fans
        self.per_second = fans * rate
        self._random = np.random.default_rng(seed)
        self._phase = self._random.uniform(0, 2 * np.pi, fans)
        self._offset = self._random.normal(0, 0.25, (fans, 4))
        # A process with memory: it forgets a little each step, and noise keeps its spread the same.
        self._load = self._random.normal(0, 1, fans)
        self._drift = self._random.normal(0, 1, (fans, 4))
        self._load_kept = np.exp(-1 / (rate * _LOAD_MEMORY_S))
        self._drift_kept = np.exp(-1 / (rate * _SENSOR_MEMORY_S))
        self._weights = np.zeros((fans, 4))
        self._exponent = np.ones(fans)
        self._target = np.ones((fans, 4))
        for number, mode in (failing or {}).items():
            self._weights[number - 1] = mode.weights
            self._exponent[number - 1] = mode.exponent
            self._target[number - 1, 0] = float(mode.raises_rotation)

    def seconds(self, reading: int) -> float:
        """When reading number `reading` is due, in seconds since the start."""
        return reading / self.per_second

    def take(self, first: int, last: int) -> Floats:
        """Readings number `first` to `last` - 1, of which no fan has two, shape (last - first, 4)."""
        turns = np.arange(first, last, dtype=np.int64)
        fan, seconds = turns % self.fans, turns / self.per_second
        self._step(fan)
        return self._readings(fan, seconds)

    def _step(self, fan: NDArray[np.int64]) -> None:
        noise = self._random.normal(0, 1, (len(fan), 5))
        self._load[fan] = self._load_kept * self._load[fan] + np.sqrt(1 - self._load_kept**2) * noise[:, 0]
        drift = np.sqrt(1 - self._drift_kept**2) * noise[:, 1:]
        self._drift[fan] = self._drift_kept * self._drift[fan] + drift

    def _readings(self, fan: NDArray[np.int64], seconds: Floats) -> Floats:
        wave = np.sin(2 * np.pi * seconds / _LOAD_PERIOD_S + self._phase[fan])
        load = 0.6 * wave + 0.5 * self._load[fan]
        white = self._random.normal(0, 0.15, (len(fan), 4))
        latent = load[:, None] * _LOADING + 0.35 * self._drift[fan] + self._offset[fan] + white
        # The logistic curve, stretched, lies within 0.01 of the normal distribution.
        quantiles = 1 / (1 + np.exp(-1.702 * latent))
        elapsed = np.clip((seconds - FAILS_AFTER_S) / FAILS_WITHIN_S, 0, 1)
        shift = (elapsed ** self._exponent[fan])[:, None] * self._weights[fan]
        quantiles += _TOWARDS_END * shift * (self._target[fan] - quantiles)
        return place(quantiles, shift)
