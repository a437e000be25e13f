"""What is wrong with a fan that is heard and cannot be used, in words: its readings are refused, or its clock is wrong.

Each is a part of a sentence, without its capital and full stop, and says what came last.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.messages.alarm import Alarm, HeardCause
from fanwatch.messages.timestamps import at_minute, parse_ms
from fanwatch.sensors import FEATURES, SENSORS

HEARD_MS: Final = 30 * 60_000
"""A fan of which a message came within this time is heard."""
Movement = Literal["behind", "stands", "catches up"]
RESUMED: Final = "It sends again; this ends once it has done so for half an hour."
NOBODY: Final = "neither this fan's readings nor any other's arrive"
OTHERS: Final = "nothing comes from this fan, and what comes from others cannot be used"
"""Why nothing newer is known of a fan of which nothing comes, as nothing comes of the others that can be used."""
_SILENCE: Final = re.compile(r"[Nn]othing has come from it since [-\d]+ [\d:]+ UTC")

_LONGEST_ERROR: Final = 200
_MIN_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_SURE_MS: Final = 10_000
"""Before so long nobody can see how a clock goes."""


class Heard(NamedTuple):
    """What is wrong."""

    cause: HeardCause | Literal["silent"]
    sensor: str | None
    """The one sensor that sends no value, where it is one."""
    what: str
    """Part of a sentence."""

    @property
    def sentence(self) -> str:
        """The same as a whole one."""
        return f"{self.what[0].upper()}{self.what[1:]}."


def silence(silent_ms: int) -> str:
    """What is said of a fan of which nothing has come since then."""
    return f"nothing has come from it since {at_minute(silent_ms)}"


def resumed(before: str) -> str:
    """What is said of a fan that sends again, of which `before` was said."""
    return f"{RESUMED} Before: {before}"


def says_unusable(alarm: Alarm) -> bool:
    """Whether it says of its fan that nothing comes from it, or nothing that can be used."""
    if alarm.state == "instrument":
        return alarm.cause in ("silent", "refused", "clock")
    return NOBODY in alarm.why or OTHERS in alarm.why or _SILENCE.search(alarm.why) is not None


def was_silent(alarm: Alarm) -> bool:
    """Whether it is about a silence, be it over or not."""
    over = alarm.cause == "resumed" and "Nothing has come from it" in alarm.why
    return alarm.state == "instrument" and (alarm.cause == "silent" or over)


def without_silence(why: str, told: Heard | None) -> str:
    """A sentence that says so of a fan that is heard: with what is wrong instead, or with nothing of it."""
    for unheard in (NOBODY, OTHERS):
        why = why.replace(unheard, "but its readings come again" if told is None else told.what)
    if told is not None:
        return _SILENCE.sub(lambda _: told.what, why)
    return re.sub(f"(; )?{_SILENCE.pattern}", "", why)


def refused(
    payload: bytes, error: str, came_ms: int, good_ms: int | None, timezone: ZoneInfo, *, clock: bool
) -> Heard:
    """Of a message that was refused: `payload` as it came at `came_ms`, or as much of it as is known.

    `good_ms` is the time of the last reading that could be used, `clock` says that its time was not believed.
    """
    content = _content(payload)
    missing = _missing(content)
    since = f" since {at_minute(good_ms)}" if good_ms else ""
    last = f"; the last message came at {at_minute(came_ms)}{_values(content)}"
    if missing and not clock:
        said = f"{_lacking(content, missing, lasting=True)}{since}, so its readings cannot be used{last}"
        return Heard("refused", missing[0] if len(missing) == 1 else None, said)
    at_ms = _time(content, timezone)
    if clock and at_ms is not None:
        off = came_ms - at_ms
        way = "behind" if off > 0 else "ahead"
        return Heard(
            "clock", None, f"its clock is {span(abs(off))} {way}, so its readings cannot be used{since}{last}"
        )
    why = "".join(sign if sign.isprintable() else "?" for sign in " ".join(error.split())[:_LONGEST_ERROR])
    return Heard("refused", None, f"its readings have been refused{since} ({why.rstrip('.')}){last}")


def lacks(payload: bytes) -> str:
    """Which sensors of a message have no value: "temperature is null"; empty where all have one, or nobody can tell."""
    content = _content(payload)
    missing = _missing(content)
    return _lacking(content, missing, lasting=False) if missing else ""


def belated(movement: Movement, at_ms: int, came_ms: int, values: Mapping[str, Any]) -> Heard:
    """Of readings that come long after their own time; `at_ms` is that of the last one, with its values."""
    last = f"; the last reading came at {at_minute(came_ms)}{_values(values)}"
    if movement == "stands":
        return Heard("clock", None, f"its clock stands still at {at_minute(at_ms)}{last}")
    length = span(came_ms - at_ms)
    if movement == "catches up":
        return Heard(
            "clock",
            None,
            f"it sends readings of {length} ago, which it had kept, or its clock is wrong{last}",
        )
    return Heard("clock", None, f"its clock is {length} behind{last}")


def movement(first: tuple[int, int], last: tuple[int, int]) -> Movement:
    """How a fan's clock goes, by two readings, each with the time that it names and when it came."""
    went, passed = last[0] - first[0], last[1] - first[1]
    if passed < _SURE_MS or 0 < went <= 2 * passed:
        return "behind"
    return "stands" if went == 0 else "catches up"


def gone(last: Heard, came_ms: int) -> Heard:
    """Of a fan that is not heard any more, and was not usable before."""
    before = last.what.partition("; the last ")[0]
    return Heard(
        "silent", None, f"nothing has come from it since {at_minute(came_ms)}; before that, {before}"
    )


def span(ms: int) -> str:
    """A length of time, to about a tenth of it: 45 s, 12 min, 7 h, 3 days."""
    if ms < 2 * _MIN_MS:
        return f"{round(ms / 1000)} s"
    if ms < 2 * _HOUR_MS:
        return f"{round(ms / _MIN_MS)} min"
    return f"{round(ms / _HOUR_MS)} h" if ms < 2 * _DAY_MS else f"{round(ms / _DAY_MS)} days"


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


def _lacking(content: Mapping[str, Any], missing: list[str], *, lasting: bool) -> str:
    """Which sensors have no value: "temperature is null", or "has been null" where it is `lasting`."""
    every = len(missing) == len(FEATURES)
    which, several = "every sensor" if every else " and ".join(missing), len(missing) > 1 and not every
    if any(content.get(name) is not None for name in missing):
        kind = "no number"
    else:
        kind = "null" if any(name in content for name in missing) else "missing"
    verb = ("have been" if several else "has been") if lasting else "are" if several else "is"
    return f"{which} {verb} {kind}"


def _time(content: Mapping[str, Any], timezone: ZoneInfo) -> int | None:
    try:
        return parse_ms(content["timeStamp"], timezone)
    except (KeyError, ValueError, TypeError):
        return None


def _values(values: Mapping[str, Any]) -> str:
    shown = [
        f"{sensor.name} {values[sensor.name]:.6g}{sensor.suffix}"
        for sensor in SENSORS
        if _number(values.get(sensor.name))
    ]
    return f", with {', '.join(shown)}" if shown else ""
