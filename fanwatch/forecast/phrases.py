"""Values and lengths as sentences have them."""

from typing import Final

from fanwatch.forecast.bins import BIN_MS
from fanwatch.forecast.shown import Shown
from fanwatch.messages.timestamps import at_minute
from fanwatch.sensors import SENSORS

_BINS_AN_HOUR: Final = 6


def value(number: float, sensor: int) -> str:
    """With the sensor's unit, in as many digits as mean something."""
    return SENSORS[sensor].text(number)


def spread(shown: Shown, sensor: int) -> str:
    """What a sensor shows: from where to where, for a mean of two levels is nothing that it shows."""
    low, high = value(shown.low[sensor], sensor), value(shown.high[sensor], sensor)
    ends = low if low == high else f"{low} to {high}"
    return f"{ends}, {value(shown.mean[sensor], sensor)} on average"


def since(shown: Shown) -> str:
    """From when on these are what was shown."""
    return at_minute(shown.since * BIN_MS)


def length(bins: float) -> str:
    """So many bins as minutes or hours."""
    return f"{round(bins * 10)} min" if bins < 2 * _BINS_AN_HOUR else f"{bins / _BINS_AN_HOUR:.0f} h"
