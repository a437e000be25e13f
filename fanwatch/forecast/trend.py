"""What the sensor shows that is blamed for a fan's trouble, and what else is worse than usual."""

from typing import Final

import numpy as np

from fanwatch.forecast import phrases
from fanwatch.forecast.bins import Floats
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.shown import Shown, lately, usually
from fanwatch.forecast.windows import HOURS, SIGNALS, UNUSUAL, beyond
from fanwatch.sensors import FEATURES

_VISIBLE: Final = 0.01
_SAYING: Final = (SIGNALS.index("beginning"), SIGNALS.index("advanced"))
"""What single values say for a fault, above 0; the second one of the rotation is for one that falls."""
_LATELY: Final = (HOURS.index(6), HOURS.index(24))


def trend(memory: Memory, edges: Floats, cause: int, number: int) -> str:
    """What the sensor that is blamed shows, against what is usual for this fan, and what else is worse than usual."""
    shown, usual, outside = lately(memory), usually(memory).astype(np.float64), beyond(memory)[0]
    now, width = shown.mean, (edges[:, 1] - edges[:, 0]).astype(np.float64)
    # Nothing is said to be higher or lower by a sensor that gave nothing lately.
    off = np.nan_to_num((now - usual) / width)
    told, worse = {cause}, off >= UNUSUAL
    # Only a fan's rotation can be too low.
    worse[0] |= off[0] <= -UNUSUAL
    # What is not to be trusted bears out nothing; `_besides` names it.
    trusted = memory.fault[0] <= 0
    worse, beside = worse & (trusted | (np.arange(len(worse)) == cause)), _worn(outside) * trusted
    then, since = float(memory.turned_from[0, cause]), f" on average since {phrases.since(shown)}"
    turned = worse[cause] and memory.way[0, cause] == np.sign(off[cause])
    if turned and (now[cause] - then) * off[cause] > 0:
        way, length = "risen" if off[cause] > 0 else "fallen", number + 1 - float(memory.turned[0, cause])
        ends = f"from {phrases.value(then, cause)} to {phrases.value(now[cause], cause)}"
        said = f"{FEATURES[cause]} has {way} for {phrases.length(length)}, {ends}{since}"
        since = ""
    elif _worn(outside)[cause] >= _VISIBLE:
        said = _outside(cause, outside, edges)
    else:
        said = _excursions(memory, cause, shown, usual[cause], off[cause])
        most = int(beside.argmax())
        if beside[most] >= _VISIBLE:
            said, told = f"{said}, and {_outside(most, outside, edges)}", {cause, most}
    others = [index for index in np.argsort(-np.abs(off)).tolist() if index not in told and worse[index]]
    if others:
        other = others[0]
        was, wont = phrases.value(now[other], other), phrases.value(usual[other], other)
        said += f", while {FEATURES[other]} was {was}{since} where {wont} is usual"
    return said


def _worn(outside: Floats) -> Floats:
    """By sensor, how long it was lately where wear takes it: above its healthy range, the rotation below as well."""
    found = outside[:, 1].copy()
    found[0] = outside[0].max()
    return found


def _outside(sensor: int, outside: Floats, edges: Floats) -> str:
    """How long a sensor was there."""
    side = 1 if sensor else int(outside[sensor].argmax())
    edge = f"{('below', 'above')[side]} {phrases.value(float(edges[sensor, side]), sensor)}"
    share = f"about {outside[sensor, side]:.0%} of the last 6 h"
    return f"{FEATURES[sensor]} was {edge}, beyond what healthy fans show, for {share}"


def _excursions(memory: Memory, cause: int, shown: Shown, usual: float, off: float) -> str:
    """Of a sensor whose mean does not say it: single values too high, or of the rotation too low, for the load."""
    high, low = (float(memory.windows[0, cause, signal, list(_LATELY)].max()) for signal in _SAYING)
    # Only for the rotation does the second one speak of values that are too low.
    way, most = ("low", low) if cause == 0 and low > high else ("high", high)
    now = float(shown.mean[cause])
    mean = f"{phrases.value(now, cause)} since {phrases.since(shown)}, usual {phrases.value(usual, cause)}"
    if not np.isfinite(now + usual):
        mean = "it has no values of late"
    if most <= 0:
        return f"the sensors together look like a fault that begins ({FEATURES[cause]} on average {mean})"
    along = off if way == "high" else -off
    too = "also" if along >= UNUSUAL else "though hardly" if along > 0 else "though not"
    return (
        f"{FEATURES[cause]} reads {way} more often than a healthy fan's would at the same load, {too} on average"
        f" ({mean})"
    )
