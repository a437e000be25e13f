"""When a fan stands still, by its readings."""

from typing import Final

from fanwatch.sensors import FEATURES

TURNING: Final = {"rotation": 50.0, "vibration": 20.0}
"""Where both sensors show less, the fan stands still: one at zero says nothing. A tenth of what the slowest and
quietest running fan shows, or less."""
ROTATION, VIBRATION = (FEATURES.index(name) for name in TURNING)
STILL_RPM, STILL_VIBRATION = TURNING.values()
SURE_MS: Final = 5000
"""For as long readings have to say the same before it counts, two at least: a lone one turns nothing."""
