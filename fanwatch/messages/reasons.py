"""Why something is said of a fan, as codes with parameters: text is made of them where people read it (fanwatch/text).

A sentence is a list of reasons, one for each of its parts. Parameters are numbers in the sensor's unit, lengths of time
and times in ms, names of sensors, or words that come from outside, such as who did something.
"""

from typing import Any

import msgspec


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a sentence; each `code` has its text in fanwatch/text/en.py."""

    code: str
    params: dict[str, Any] = {}


Reasons = tuple[Reason, ...]


def reason(code: str, **params: Any) -> Reason:
    """One with these parameters; those that are None are left out, numbers are kept to what anybody can read."""
    return Reason(code, {name: _plain(value) for name, value in params.items() if value is not None})


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
