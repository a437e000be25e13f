"""A forecast model: what its network says of window features, and the numbers by which alarms are made of it."""

from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from fanwatch.forecast.bins import SENSORS, Floats


class Machine(msgspec.Struct, frozen=True):
    """How risk becomes an episode. Risks are probabilities after smoothing; bins are of ten minutes."""

    warning: float
    """From this risk on an episode begins."""
    alarm: float
    """From this risk on it is an alarm."""
    exit: float
    """Below this risk the fan is quiet."""
    warning_bins: int = 2
    """So many bins in a row it takes to begin."""
    quiet_bins: int = 36
    """So many quiet bins in a row end an episode; what comes back before then belongs to it."""
    warmup_bins: int = 36
    """A fan is judged once it is known for so long."""
    restart_bins: int = 6
    """After a restart its windows are too short to judge by for so long."""
    drift: float = 0.5
    """From this probability on a sensor is said to drift."""
    widest: float = 12.0
    """An interval whose end is more than so many times its beginning away is not told."""


class Scores(NamedTuple):
    """What a model says of n fans."""

    risk: Floats
    """Probability that a fault is under way, shape (n,)."""
    hours: Floats
    """Hours to failure if one is: 10 %, 50 % and 90 % quantile, shape (n, 3)."""
    drift: Floats
    """Probability that each sensor drifts, shape (n, 4)."""


class ForecastModel(Protocol):
    """What a fleet asks. `fanwatch.forecast.open_model` makes one of a bundle; others are for comparison."""

    name: str
    """Name and version, such as fan-forecast@1."""
    machine: Machine
    noise: Floats
    """By how much a healthy sensor's value jumps from bin to bin, shape (4,)."""

    def score(self, features: Floats) -> Scores:
        """Scores of features in the order of `windows.NAMES`, shape (n, len(NAMES)); a row's do not depend on the
        other rows."""


class BoxRule:
    """The simplest forecast: how far the 3 h means lie beyond what healthy fans show. For comparison and for tests."""

    name = "box-rule"
    noise: Floats = np.array([25, 1.2, 12, 0.9], np.float32)
    _LIMIT: Final = np.array([500, 45, 200, 52], np.float32)
    _SPAN: Final = np.array([-100, 10, 50, 8], np.float32)

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine or Machine(warning=0.5, alarm=0.7, exit=0.4)

    def score(self, features: Floats) -> Scores:
        """Risk is 0.5 where the first sensor touches its limit."""
        from fanwatch.forecast.windows import MEAN_3_H

        beyond = ((features[:, MEAN_3_H] - self._LIMIT) / self._SPAN).max(axis=1)
        risk = 1 / (1 + np.exp(-8 * beyond))
        hours = np.broadcast_to(np.array([2, 24, 96], np.float32), (len(features), 3))
        return Scores(risk.astype(np.float32), hours, np.zeros((len(features), SENSORS), np.float32))
