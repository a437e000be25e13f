"""When a machine stands still, by the sensors that have `still` in its kind's file, and what is said of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fanwatch.messages.reasons import Reason, reason
from fanwatch.sensors import FEATURES, SENSORS, Values

TURNING: Final = {sensor.name: sensor.still for sensor in SENSORS if sensor.still is not None}
"""Sensor → the least that it shows while the machine turns."""
SURE_MS: Final = 5000
"""For as long readings have to say the same before it counts, two at least: a lone one turns nothing."""
STILL: Final = tuple(FEATURES.index(name) for name in TURNING)
"""The same sensors by number; the first of them always tells."""
_LEAST: Final = tuple(TURNING.values())


def stands(values: Values) -> bool:
    """Whether a reading says so: all these sensors show less, and the first of them nothing below zero."""
    if not STILL or values[STILL[0]] < 0:
        return False
    return all(values[sensor] < least for sensor, least in zip(STILL, _LEAST, strict=True))


def stood(mean: NDArray[np.float32], came: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether machines stood in a bin, shape (n,), by their sensors' means and counts of values, shape (n, sensors).

    A sensor that gives nothing, or zeros, says nothing against it; of the first one something must have come.
    """
    if not STILL:
        return np.zeros(len(mean), np.bool_)
    still: NDArray[np.bool_] = came[:, STILL[0]] > 0
    for sensor, least in zip(STILL, _LEAST, strict=True):
        # NaN compares as False.
        still &= ~(mean[:, sensor] >= least)
    return still


def told(since_ms: int, sensor: str | None, *, troubled: bool = False) -> Reason:
    """Since when it stands, 0 where nobody knows, and the sensor whose wear had announced it; None where none had.

    `troubled` says that something was known to be wrong with the fan: then its stop needs no other explanation.
    """
    if sensor is not None:
        code = "stopped-announced" if since_ms else "stands-announced"
    elif troubled:
        code = "stood" if since_ms else "stands"
    else:
        code = "stopped"
    return reason(code, since=since_ms or None, sensor=sensor)
