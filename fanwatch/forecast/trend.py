"""What the sensor shows that is blamed for a fan's trouble, and what else is worse than usual."""

from typing import Final

import numpy as np

from fanwatch.forecast.bins import BIN_MS, Floats
from fanwatch.forecast.memory import Memory
from fanwatch.forecast.sensor_values import Shown, lately, usually
from fanwatch.forecast.windows import HOURS, SIGNALS, UNUSUAL, beyond, toward_wear
from fanwatch.messages.reasons import Reason, reason
from fanwatch.sensors import FALLING, FEATURES

_VISIBLE: Final = 0.01
_SAYING: Final = (SIGNALS.index("beginning"), SIGNALS.index("advanced"))
"""What single values say for a fault, above 0; the second one of FALLING is for one that falls."""
_LATELY: Final = (HOURS.index(6), HOURS.index(24))


def trend(memory: Memory, edges: Floats, cause: int, number: int) -> list[Reason]:
    """What the sensor that is blamed shows, against what is usual for this fan, and what else is worse than usual."""
    shown, usual, outside = lately(memory), usually(memory).astype(np.float64), beyond(memory)[0]
    now, width = shown.mean, (edges[:, 1] - edges[:, 0]).astype(np.float64)
    # Nothing is said to be higher or lower by a sensor that gave nothing lately.
    off = np.nan_to_num((now - usual) / width)
    told, worse = {cause}, off >= UNUSUAL
    worse[FALLING] |= off[FALLING] <= -UNUSUAL
    # What is not to be trusted bears out nothing; `_besides` names it.
    trusted = memory.fault[0] <= 0
    worse, beside = worse & (trusted | (np.arange(len(worse)) == cause)), toward_wear(outside) * trusted
    then, since = float(memory.turned_from[0, cause]), shown.since * BIN_MS
    turned = worse[cause] and memory.way[0, cause] == np.sign(off[cause])
    moved = turned and (now[cause] - then) * off[cause] > 0
    if moved:
        way, length = (
            "risen" if off[cause] > 0 else "fallen",
            (number + 1 - float(memory.turned[0, cause])) * BIN_MS,
        )
        values = {"then": then, "now": float(now[cause]), "since": since}
        said = [reason(way, sensor=FEATURES[cause], length=length, **values)]
    elif toward_wear(outside)[cause] >= _VISIBLE:
        said = [_outside("outside", cause, outside, edges)]
    else:
        said = [_excursions(memory, cause, shown, float(usual[cause]), float(off[cause]))]
        most = int(beside.argmax())
        if beside[most] >= _VISIBLE:
            said, told = [*said, _outside("outside-too", most, outside, edges)], {cause, most}
    others = [index for index in np.argsort(-np.abs(off)).tolist() if index not in told and worse[index]]
    if others:
        other = others[0]
        values = {"sensor": FEATURES[other], "now": float(now[other]), "usual": float(usual[other])}
        said.append(reason("while", **values) if moved else reason("while-since", **values, since=since))
    return said


def _outside(code: str, sensor: int, outside: Floats, edges: Floats) -> Reason:
    """How long a sensor was there."""
    side = int(outside[sensor].argmax()) if sensor in FALLING else 1
    edge, share = float(edges[sensor, side]), float(outside[sensor, side])
    return reason(code, sensor=FEATURES[sensor], side=("below", "above")[side], edge=edge, share=share)


def _excursions(memory: Memory, cause: int, shown: Shown, usual: float, off: float) -> Reason:
    """Of a sensor whose mean does not say it: single values too high, or of FALLING too low, for the load."""
    high, low = (float(memory.windows[0, cause, signal, list(_LATELY)].max()) for signal in _SAYING)
    # Only for FALLING does the second one speak of values that are too low.
    way, most = ("low", low) if cause in FALLING and low > high else ("high", high)
    now = float(shown.mean[cause])
    known = bool(np.isfinite(now + usual))
    mean = {"now": now, "usual": usual, "since": shown.since * BIN_MS} if known else {}
    unknown = "" if known else "-unknown"
    if most <= 0:
        return reason(f"together{unknown}", sensor=FEATURES[cause], **mean)
    along = off if way == "high" else -off
    too = "also" if along >= UNUSUAL else "hardly" if along > 0 else "not"
    return reason(f"often{unknown}", sensor=FEATURES[cause], way=way, too=too, **mean)
