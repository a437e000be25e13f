"""The ways in which a fan fails, how each shows in the sensors, and how long it takes."""

from typing import Final, NamedTuple

from simulator.physics import Sensors, each


class Mode(NamedTuple):
    """One failure mode."""

    weights: Sensors
    """How far each sensor's box slides to the faulty one at full severity, in the order of FEATURES."""
    life_h: float
    """Median hours from the first sign to the stop."""
    spread: float
    """Standard deviation of the logarithm of that life."""
    exponent: float
    """Severity is the elapsed share of the life to this power: above 1 it begins slowly."""
    share: float
    """Of all failures."""
    raises_rotation: bool
    """Whether the drive speeds the fan up to make good what it no longer moves, or the fan slows down."""


def _shows(rotation: float, temperature: float, vibration: float, sound: float) -> Sensors:
    return each(0.0, rotation=rotation, temperature=temperature, vibration=vibration, sound=sound)


MODES: Final = {
    "bearing": Mode(_shows(0.4, 0.8, 1.0, 0.9), 96.0, 0.5, 2.0, 0.35, raises_rotation=True),
    "imbalance": Mode(_shows(0.25, 0.15, 1.0, 0.6), 72.0, 0.6, 1.0, 0.25, raises_rotation=True),
    "motor": Mode(_shows(1.0, 0.9, 0.2, 0.25), 18.0, 0.6, 0.7, 0.20, raises_rotation=False),
    "obstruction": Mode(_shows(0.7, 1.0, 0.4, 0.9), 36.0, 0.6, 1.0, 0.20, raises_rotation=False),
}


def parse_failing(texts: list[str], fans: int) -> dict[int, str]:
    """Fan number → name of a mode, for texts such as `fan-03:bearing` or several with commas between them.

    Raises ValueError, a sentence for a person, for an unknown fan or mode.
    """
    failing = {}
    for text in (part.strip() for whole in texts for part in whole.split(",")):
        if not text:
            continue
        device, _, mode = text.partition(":")
        number = device.removeprefix("fan-")
        if not number.isdecimal() or device != device_id(int(number)) or not 1 <= int(number) <= fans:
            raise ValueError(f"there is no fan {device!r}: they are {device_id(1)} to {device_id(fans)}")
        if mode not in MODES:
            raise ValueError(f"{text!r} names no way of failing: write {device}:MODE with {', '.join(MODES)}")
        failing[int(number)] = mode
    return failing


def device_id(fan: int) -> str:
    """The deviceID of fan number 1, 2 and so on."""
    return f"fan-{fan:02d}"
