"""When a fan stands still, by its readings."""

from typing import Final

STILL_RPM: Final = 50.0
STILL_VIBRATION: Final = 20.0
"""Below both of them a fan stands still, as in fanwatch/forecast/cleaning.py: one sensor at zero says nothing."""
SURE_MS: Final = 5000
"""For as long readings have to say the same before it counts, two at least: a lone one turns nothing."""
