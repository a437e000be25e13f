"""A forecast model: what its network says of window features, and the numbers by which alarms are made of it."""

from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from fanwatch import sensors
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.windows import OVER, UNDER, column

NAME: Final = "fan-forecast"
HEALTHY: Final[Floats] = np.array([sensor.usual for sensor in sensors.SENSORS], np.float32)
"""A trained model brings its own ranges."""
_FAULTY_SIDES: Final = tuple((i, UNDER if i in sensors.FALLING else OVER) for i in range(SENSORS))
"""Sensor and signal, over or under, by which the box rule knows a fault."""


class Machine(msgspec.Struct, frozen=True):
    """How risk becomes an episode. Risks are probabilities after smoothing; bins are of ten minutes."""

    warning: float
    """From this risk on an episode begins."""
    alarm: float
    """From this risk on it is an alarm, whichever one sensor is left out of account: one sensor alone may be broken."""
    exit: float
    """Below this risk the fan is quiet."""
    warning_bins: int = 2
    """So many bins in a row it takes to begin."""
    alarm_bins: int = 12
    """A warning lasts so long before it becomes an alarm."""
    quiet_bins: int = 36
    """So many quiet bins in a row end an episode; what comes back before then belongs to it."""
    warmup_bins: int = 36
    """A fan is judged once it is known for so long."""
    restart_bins: int = 6
    """After a restart its windows are too short to judge by for so long."""
    drift: float = 0.5
    """From this probability on a sensor is said to drift."""
    widest_hours: float = 336.0
    """An interval that ends later than this is not told."""


class Scores(NamedTuple):
    """What a model says of n fans."""

    risk: Floats
    """Probability that a fault is under way, shape (n,)."""
    hours: Floats
    """Hours to failure if one is: 10 %, 50 % and 90 % quantile, shape (n, 3)."""
    drift: Floats
    """Probability that each sensor drifts, shape (n, sensors)."""
    cause: Floats
    """Probability that a fault, if there is one, shows most in the sensor, shape (n, sensors)."""


class ForecastModel(Protocol):
    """What a fleet asks. `fanwatch.forecast.open_model` makes one of a bundle; others are for comparison."""

    name: str
    """Name and version, such as fan-forecast@1."""
    machine: Machine
    edges: Floats
    """The healthy range of each sensor, low and high, in the sensors' units, shape (sensors, 2)."""

    def score(self, features: Floats) -> Scores:
        """Scores of features in the order of `windows.NAMES`, shape (n, len(NAMES)); a row's do not depend on the
        other rows."""


class BoxRule:
    """The simplest forecast: how much of 3 h lay beyond what healthy fans show. For comparisons and tests."""

    name = "box-rule"

    def __init__(self, machine: Machine | None = None, edges: Floats = HEALTHY) -> None:
        self.machine = machine or Machine(warning=0.5, alarm=0.7, exit=0.25)
        self.edges = edges

    def score(self, features: Floats) -> Scores:
        """Risk is 0.5 where a tenth of three hours lay beyond."""
        beyond = self._beyond(features).sum(axis=1)
        risk = 1 / (1 + np.exp(-20 * (beyond - 0.1)))
        hours = np.tile(np.array([2, 24, 96], np.float32), (len(features), 1))
        nothing = np.zeros((len(features), SENSORS), np.float32)
        return Scores(risk.astype(np.float32), hours, nothing, self._beyond(features))

    def _beyond(self, features: Floats) -> Floats:
        return np.stack([features[:, column(sensor, signal, 3)] for sensor, signal in _FAULTY_SIDES], axis=1)
