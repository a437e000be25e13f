"""Times as programs, people and clocks write them, truncated to milliseconds since the epoch.

Read are RFC 3339 in all its spellings (T or a blank, any form of offset, fractions), the same without a zone, a date
alone, and numbers since 1970 in s, ms, µs or ns. infra/telegraf/points.star reads what comes over MQTT alike.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fanwatch.errors import SettingsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = re.compile(r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):\d\d:\d\d", re.ASCII)
_REST = re.compile(r"(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)
_WRITTEN = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:([Tt ])(\d\d:\d\d)(:\d\d)?(?:(?<=:\d\d:\d\d)[.,](\d{1,9}))?"
    r"(?: ?([Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?))?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
# Up to a hundred million it could be a date without its dashes, or a day as Excel counts them.
_UNITS = ((1e8, None), (1e11, "s"), (1e14, "ms"), (1e17, "µs"), (1e20, "ns"))
_MS = {"s": 1000.0, "ms": 1.0, "µs": 0.001, "ns": 0.000001}
_HAIR_MS = 0.001
"""A number that means a whole millisecond may lie so much below it, as binary fractions do."""
# The years 1 to 9999: an offset must not lead beyond what can be written again.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_UTC = ZoneInfo("UTC")


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`; SettingsError where the system's zone database has none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"FANWATCH_TIMEZONE={name!r} is no known time zone: use a name such as UTC or Europe/Berlin."
        ) from error


@lru_cache(maxsize=4096)
def _second_ms(text: str) -> int:
    # Readings of a fleet share their second, so the calendar is done once for all of them.
    return (datetime.fromisoformat(text.replace("t", "T")).replace(tzinfo=UTC) - _EPOCH) // timedelta(
        milliseconds=1
    )


def parse_ms(value: str | float, timezone: ZoneInfo) -> int:
    """Milliseconds since the epoch, truncated; `timezone` is that of times without an offset. ValueError otherwise.

    A leap second (:60) is refused, as a time that cannot be told from another one.
    """
    if isinstance(value, str) and len(value) > 40:
        raise ValueError("a time of more than 40 characters")
    try:
        ms = _text_ms(value, timezone) if isinstance(value, str) else _number(value)[0]
    except OverflowError as error:
        raise ValueError("a time outside the years 1 to 9999") from error
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise ValueError("a time outside the years 1 to 9999")
    return ms


def _text_ms(text: str, timezone: ZoneInfo) -> int:
    rest = _REST.fullmatch(text[19:]) if len(text) > 19 else None
    if rest is not None and _SECOND.fullmatch(text[:19]):
        # As programs write it.
        fraction, sign, hours, minutes = rest.groups()
        ms = _second_ms(text[:19]) + _thousandths(fraction)
        return ms - _offset_ms(f"{sign}{hours}{minutes}") if sign else ms
    match = _WRITTEN.fullmatch(text)
    if match is None:
        if _NUMBER.fullmatch(text):
            return _number(float(text))[0]
        raise ValueError("neither RFC 3339, nor YYYY-MM-DD HH:MM:SS, nor a number since 1970")
    date, _, minute, second, fraction, offset = match.groups()
    local = datetime.fromisoformat(f"{date} {minute or '00:00'}{second or ':00'}")
    time = local.replace(tzinfo=UTC if offset else timezone)
    ms = (time - _EPOCH) // timedelta(milliseconds=1) + _thousandths(fraction)
    return ms - _offset_ms(offset) if offset else ms


def _thousandths(fraction: str | None) -> int:
    return int((fraction + "00")[:3]) if fraction else 0


def _offset_ms(text: str) -> int:
    """Of Z, +01, +0100 or +01:00."""
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2] or 0) * 60 + int(digits[2:] or 0)
    return minutes * (-60_000 if text[0] == "-" else 60_000)


def _number(value: float) -> tuple[int, str]:
    """Milliseconds of a number since 1970, and its unit, which its size tells: 2026 is 1.8e9 s, 1.8e12 ms and so on."""
    unit = next((unit for least, unit in _UNITS if value < least), None)
    if unit is None:
        raise ValueError("a number that is no time since 1970 in s, ms, µs or ns")
    return math.floor(value * _MS[unit] + _HAIR_MS), unit


def parse_written(text: str) -> tuple[int, str]:
    """Milliseconds of a time in a file, and the name of its form.

    Without a zone it is UTC. ValueError, the end of a sentence, for anything else.
    """
    match = _WRITTEN.fullmatch(text)
    try:
        ms = parse_ms(text, _UTC)
    except ValueError:
        if match or _NUMBER.fullmatch(text):
            raise ValueError("is no time of any calendar: correct it, or remove the line.") from None
        raise ValueError(
            "is not a time such as 2026-01-31 12:00:00, 2026-01-31T12:00:00Z or 1769860800: write it so."
        ) from None
    if match is None:
        return ms, f"a number in {_number(float(text))[1]} since 1970"
    separator, zone = match[2], match[6]
    form = "dates without a time of day"
    if separator is not None:
        shape = "with T" if separator in "Tt" else "with a space"
        form = f"{shape}, {'no zone' if zone is None else 'UTC (Z)' if zone in 'Zz' else 'an offset'}"
    return ms, form


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat()


def format_ms(ms: int) -> str:
    """RFC 3339 in UTC with three decimals and Z."""
    second, rest = divmod(ms, 1000)
    return f"{_second_text(second)}.{rest:03d}Z"


def at_minute(ms: int) -> str:
    """A moment as people read it: 2026-11-23 12:00 UTC. It stays true where a length of time would grow old."""
    return f"{minute(format_ms(ms))} UTC"


def minute(text: str | None) -> str:
    """Of a time as `format_ms` writes it what people read in a table: 2026-11-23 12:00. Empty where there is none."""
    return (text or "")[:16].replace("T", " ")


def format_ns(ns: int) -> str:
    """RFC 3339 in UTC with nine decimals and Z."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{_second_text(second)}.{rest:09d}Z"
