"""Every number of the degradation model but those of a failure mode, so that a study can move each of them.

Sensors stand in the order of `FEATURES`. What moves them is measured in standard deviations of a
latent value per sensor, which a fan's sensors share through load and surroundings: `latents` below give it variance 1.
"""

import difflib
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fanwatch.sensors import FEATURES

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
MONTH_S: Final = 30 * DAY_S

Sensors = tuple[float, ...]


def each(others: float, **known: float) -> Sensors:
    """A number for each sensor, in the order of FEATURES; `others` where this model of a fan knows none."""
    return tuple(known.get(name, others) for name in FEATURES)


class Physics(msgspec.Struct, frozen=True, kw_only=True):
    """How fans of one make behave. `scaled` moves some of it."""

    load: Sensors = each(0.0, rotation=0.70, temperature=0.45, vibration=0.50, sound=0.55)
    """How strongly load moves each sensor. One cause for all is what makes them look like one machine."""
    ambient: Sensors = each(0.0, temperature=0.45, sound=0.10)
    """How strongly the surroundings move each sensor."""
    offset: float = 0.25
    """Standard deviation of what sets fans of one make apart, in each sensor."""
    noise: Sensors = each(0.968, rotation=0.669, temperature=0.730, vibration=0.829, sound=0.790)
    """What a sensor does by itself. Readings ten minutes apart have nothing of it in common: white noise there."""
    noise_memory_s: float = 120.0
    """Closer readings share it, so that a fan that is read each second does not flicker over its whole range."""
    jitter: float = 0.15
    """Standard deviation, within `noise`, of what even two readings in one second do not share."""
    tail: float = 2.25
    """Where, in standard deviations, the even spread over the box goes over into a normal distribution's tail.

    Hard edges would make any rule about them near perfect, by construction and not by merit.
    """

    load_daily: float = 0.6
    load_short: float = 0.5
    load_long: float = 0.6245
    """Parts of load, their squares adding up to 1: of the time of day, and of what wanders within hours or days."""
    load_short_h: float = 4.0
    load_long_h: float = 36.0
    ambient_daily: float = 0.6
    ambient_long: float = 0.8
    ambient_long_h: float = 72.0

    healthy_h: float = 850.0
    """Mean hours from a repair (or the beginning) to the next first sign: about 1.5 failures a fan in 60 days."""
    life: float = 1.0
    """Factor on each mode's median life."""
    spread: float = 1.0
    """Factor on the spread of lives."""
    exponent: float = 1.0
    """Factor on each mode's exponent."""
    weights: float = 1.0
    """Factor on each mode's weights."""
    down_low_h: float = 6.0
    down_high_h: float = 24.0
    """A fan that has failed stands still for a time between these, then is repaired."""
    pauses: float = 0.1
    """Planned stops of a healthy fan a month."""
    pause_low_h: float = 1.0
    pause_high_h: float = 8.0

    stuck: float = 0.15
    zero: float = 0.20
    drift: float = 0.05
    bursts: float = 0.05
    """Sensor faults a sensor-month: it repeats one value, shows 0, wanders off, or spikes again and again."""
    drift_speed: float = 1.0
    """Factor on how fast a drifting sensor drifts, and so on how far it is off in the end."""
    silent: float = 0.05
    """Times a fan-month in which nothing comes from a fan that runs."""
    spikes: float = 5e-4
    """Share of a sensor's samples that are lone spikes, which are nobody's fault."""
    burst_share: float = 0.15
    """Share of spikes during a burst."""


SCALED: Final = tuple(name for name in Physics.__struct_fields__)
"""What `scaled` can move."""


def scaled(factors: Mapping[str, float]) -> Physics:
    """Physics with some of its numbers multiplied; ValueError, a sentence, for a name or factor that makes no sense."""
    standard = Physics()
    changes: dict[str, Any] = {}
    for name, factor in factors.items():
        if name not in SCALED:
            near = difflib.get_close_matches(name, SCALED, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"there is nothing called {name!r} to scale.{hint} There are: {', '.join(SCALED)}"
            )
        if not (math.isfinite(factor) and 0 <= factor <= 1000):
            raise ValueError(f"the factor of {name} must be from 0 to 1000, not {factor}")
        if factor == 0 and (name.endswith(("_h", "_s")) or name in ("tail", "life")):
            raise ValueError(f"{name} cannot be 0")
        value = getattr(standard, name)
        changes[name] = tuple(factor * each for each in value) if isinstance(value, tuple) else factor * value
    return msgspec.structs.replace(standard, **changes)


def parse_scales(texts: list[str]) -> dict[str, float]:
    """Name → factor, of texts such as `noise=1.2`; ValueError for anything else."""
    factors = {}
    for text in texts:
        name, _, factor = text.partition("=")
        try:
            factors[name.strip()] = float(factor)
        except ValueError as error:
            raise ValueError(f"{text!r} is no NAME=FACTOR such as noise=1.2") from error
    return factors
