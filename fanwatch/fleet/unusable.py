"""What is wrong with a fan that is heard and cannot be used: its readings are refused, or its clock is wrong."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.messages.alarm import Alarm, HeardCause
from fanwatch.messages.fields import TIME
from fanwatch.messages.reasons import Reason, Reasons, reason
from fanwatch.messages.timestamps import parse_ms
from fanwatch.sensors import FEATURES

HEARD_MS: Final = 30 * 60_000
"""A fan of which a message came within this time is heard."""
Movement = Literal["behind", "stands", "catches up"]
_UNHEARD: Final = ("nobody", "others")
"""Why nothing newer is known of a fan of which nothing comes, as nothing comes of the others that can be used."""
_LONGEST_ERROR: Final = 200
_SURE_MS: Final = 10_000
"""Before so long nobody can see how a clock goes."""


class Heard(NamedTuple):
    """What is wrong."""

    cause: HeardCause | Literal["silent"]
    sensor: str | None
    """The one sensor that sends no value, where it is one."""
    reasons: Reasons
    """What is wrong, and what came last."""


def resumed(before: Alarm) -> Reasons:
    """What is said of a fan that sends again, of which `before` was said."""
    return (reason("resumed"), reason("before", was=before.cause), *before.told)


def says_unusable(alarm: Alarm) -> bool:
    """Whether it says of its fan that nothing comes from it, or nothing that can be used."""
    if alarm.state == "instrument":
        return alarm.cause in ("silent", "refused", "clock")
    return any(each.code in ("silent", *_UNHEARD) for each in alarm.told)


def was_silent(alarm: Alarm | None) -> bool:
    """Whether it is about a silence, be it over or not."""
    if alarm is None:
        return False
    over = alarm.cause == "resumed" and any(each.params.get("was") == "silent" for each in alarm.told)
    return alarm.state == "instrument" and (alarm.cause == "silent" or over)


def instead_of_silence(reasons: Reasons, told: Heard | None) -> Reasons:
    """What says so of a fan that is heard: with what is wrong instead, or with nothing of it."""
    found: list[Reason] = []
    for each in reasons:
        if each.code in _UNHEARD:
            found += (reason("come-again"),) if told is None else told.reasons
        elif each.code != "silent":
            found.append(each)
        elif told is not None:
            found += told.reasons
        elif found and found[-1].code == "also":
            del found[-1]
    return tuple(found)


def refused(
    payload: bytes, error: str, came_ms: int, good_ms: int | None, timezone: ZoneInfo, *, clock: bool
) -> Heard:
    """Of a message that was refused: `payload` as it came at `came_ms`, or as much of it as is known.

    `good_ms` is the time of the last reading that could be used, `clock` says that its time was not believed.
    """
    content = _content(payload)
    missing = _missing(content)
    last = reason("last-message", at=came_ms, values=_values(content))
    if missing and not clock:
        wrong = reason("unusable", **_lacking(content, missing), lasting=True, since=good_ms)
        return Heard("refused", missing[0] if len(missing) == 1 else None, (wrong, last))
    at_ms = _time(content, timezone)
    if clock and at_ms is not None:
        off = came_ms - at_ms
        way = "behind" if off > 0 else "ahead"
        return Heard("clock", None, (reason("clock-off", off=abs(off), way=way, since=good_ms), last))
    why = "".join(sign if sign.isprintable() else "?" for sign in " ".join(error.split())[:_LONGEST_ERROR])
    return Heard("refused", None, (reason("refused", error=why.rstrip("."), since=good_ms), last))


def lacks(payload: bytes) -> Reason | None:
    """Which sensors of a message have no value; None where all have one, or nobody can tell."""
    content = _content(payload)
    missing = _missing(content)
    return reason("lacking", **_lacking(content, missing)) if missing else None


def belated(movement: Movement, at_ms: int, came_ms: int, values: Mapping[str, Any]) -> Heard:
    """Of readings that come long after their own time; `at_ms` is that of the last one, with its values."""
    last = reason("last-reading", at=came_ms, values=_values(values))
    if movement == "stands":
        return Heard("clock", None, (reason("clock-stands", at=at_ms), last))
    code = "catches-up" if movement == "catches up" else "clock-behind"
    return Heard("clock", None, (reason(code, off=came_ms - at_ms), last))


def movement(first: tuple[int, int], last: tuple[int, int]) -> Movement:
    """How a fan's clock goes, by two readings, each with the time that it names and when it came."""
    went, passed = last[0] - first[0], last[1] - first[1]
    if passed < _SURE_MS or 0 < went <= 2 * passed:
        return "behind"
    return "stands" if went == 0 else "catches up"


def gone(last: Heard, came_ms: int) -> Heard:
    """Of a fan that is not heard any more, and was not usable before."""
    before = [each for each in last.reasons if each.code not in ("last-message", "last-reading")]
    return Heard("silent", None, (reason("silent", since=came_ms), reason("before-that"), *before))


def _content(payload: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _missing(content: Mapping[str, Any]) -> list[str]:
    return [name for name in FEATURES if not _number(content.get(name))] if content else []


def _lacking(content: Mapping[str, Any], missing: list[str]) -> dict[str, Any]:
    """Which sensors have no value, and what they have instead."""
    if any(content.get(name) is not None for name in missing):
        kind = "text"
    else:
        kind = "null" if any(name in content for name in missing) else "missing"
    return {"sensors": missing, "every": len(missing) == len(FEATURES) or None, "kind": kind}


def _time(content: Mapping[str, Any], timezone: ZoneInfo) -> int | None:
    try:
        return parse_ms(content[TIME], timezone)
    except (KeyError, ValueError, TypeError):
        return None


def _values(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: values[name] for name in FEATURES if _number(values.get(name))}
