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
_decode = msgspec.json.Decoder(Reasons).decode


def reason(code: str, **params: Any) -> Reason:
    """One with these parameters; those that are None are left out, numbers are kept to what anybody can read."""
    return Reason(code, {name: _plain(value) for name, value in params.items() if value is not None})


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def as_text(reasons: Reasons) -> str:
    """As JSON, for the store."""
    return msgspec.json.encode(reasons).decode()


def of_text(text: str | None, otherwise: str | None = "") -> Reasons:
    """What `as_text` has written; where there is none, as of an earlier version, the sentence `otherwise`."""
    try:
        return _decode(text or "")
    except msgspec.DecodeError:
        return (reason("said", text=otherwise),) if otherwise else ()
