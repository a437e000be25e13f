"""What a healthy and a faulty fan's sensors show, and the best rule that any detector could reach on it.

Each sensor's reading is spread evenly over an interval: a box with a dimension for each, one for healthy fans and
one for faulty ones. A reading is placed by a quantile per sensor and a shift per sensor, where shift 0 is the
healthy box and 1 the faulty one. `simulator.history` draws independent readings from the boxes themselves;
`simulator.machines` lets fans wander through them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanwatch.sensors import SENSORS

Floats = NDArray[np.float64]

_FAULTY: Final = {
    "rotation": (400.0, 650.0), "temperature": (35.0, 55.0), "vibration": (100.0, 250.0), "sound": (45.0, 60.0)
}  # fmt: skip
HEALTHY: Final[Floats] = np.array([sensor.usual for sensor in SENSORS])
"""Lowest and highest value of each sensor on a healthy fan, shape (sensors, 2)."""

FAULTY: Final[Floats] = np.array([_FAULTY.get(sensor.name, sensor.usual) for sensor in SENSORS])
"""The same for a fan at full fault; a sensor that this model of a fan does not know shows nothing of one."""


def place(quantiles: Floats, shift: Floats) -> Floats:
    """Sensor values, shape (n, sensors), in the order of FEATURES.

    Quantiles and shifts lie in 0..1; both have that shape, or shifts (n, 1).
    """
    low = HEALTHY[:, 0] + shift * (FAULTY[:, 0] - HEALTHY[:, 0])
    high = HEALTHY[:, 1] + shift * (FAULTY[:, 1] - HEALTHY[:, 1])
    placed: Floats = low + quantiles * (high - low)
    return placed


def likelihood_ratio(readings: Floats) -> Floats:
    """p(reading | faulty) / p(reading | healthy), shape (n,); infinite where no healthy fan can be."""
    healthy, faulty = _density(readings, HEALTHY), _density(readings, FAULTY)
    ratio = np.full(len(readings), np.inf)
    np.divide(faulty, healthy, out=ratio, where=healthy > 0)
    return ratio


def ideal_rule(readings: Floats) -> NDArray[np.bool_]:
    """True where a reading, shape (n, sensors), is more likely faulty than healthy, both being equally common.

    No detector that sees one reading can be right more often on this data, so it is the ceiling for training.
    """
    ideal: NDArray[np.bool_] = likelihood_ratio(readings) > 1
    return ideal


def _density(readings: Floats, box: Floats) -> Floats:
    inside = ((readings >= box[:, 0]) & (readings <= box[:, 1])).all(axis=1)
    density: Floats = np.divide(inside, np.prod(box[:, 1] - box[:, 0]), dtype=np.float64)
    return density
