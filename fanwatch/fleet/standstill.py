"""When a fan stands still, by its readings, and what is said of it."""

from typing import Final

from fanwatch.messages.reasons import Reason, reason
from fanwatch.sensors import FEATURES

TURNING: Final = {"rotation": 50.0, "vibration": 20.0}
"""Where both sensors show less, the fan stands still: one at zero says nothing. A tenth of what the slowest and
quietest running fan shows, or less."""
ROTATION, VIBRATION = (FEATURES.index(name) for name in TURNING)
STILL_RPM, STILL_VIBRATION = TURNING.values()
SURE_MS: Final = 5000
"""For as long readings have to say the same before it counts, two at least: a lone one turns nothing."""


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
