"""Times on the wire: RFC 3339 or the reference's `YYYY-MM-DD HH:MM:SS`, truncated to milliseconds since the epoch.

Files may write them in a few more ways (`parse_written`).
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fanwatch.errors import SettingsError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = re.compile(r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):\d\d:\d\d", re.ASCII)
_REST = re.compile(r"(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):\d\d:\d\d", re.ASCII)
_WRITTEN = re.compile(
    r"\d{4}-\d\d-\d\d(?:([ Tt])\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)
# The years 1 to 9999: an offset must not lead beyond what can be written again.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


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


def parse_ms(text: str, timezone: ZoneInfo) -> int:
    """Milliseconds since the epoch, truncated; `timezone` is that of times without an offset. ValueError otherwise.

    A leap second (:60) is refused, as a time that cannot be told from another one.
    """
    if len(text) > 40:
        raise ValueError("a time of more than 40 characters")
    try:
        ms = _with_offset(text) if len(text) > 19 else _in_zone(text, timezone)
    except OverflowError as error:
        raise ValueError("a time outside the years 1 to 9999") from error
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise ValueError("a time outside the years 1 to 9999")
    return ms


def _with_offset(text: str) -> int:
    head, rest = text[:19], _REST.fullmatch(text[19:])
    if rest is None or _SECOND.fullmatch(head) is None:
        raise ValueError("neither RFC 3339 nor YYYY-MM-DD HH:MM:SS")
    fraction, sign, hours, minutes = rest.groups()
    ms = _second_ms(head) + (int((fraction + "00")[:3]) if fraction else 0)
    if sign is None:
        return ms
    offset_ms = (int(hours) * 60 + int(minutes)) * 60_000
    return ms - offset_ms if sign == "+" else ms + offset_ms


def _in_zone(text: str, timezone: ZoneInfo) -> int:
    if _PLAIN.fullmatch(text) is None:
        raise ValueError("neither RFC 3339 nor YYYY-MM-DD HH:MM:SS")
    local = datetime.fromisoformat(text).replace(tzinfo=timezone)
    return (local - _EPOCH) // timedelta(milliseconds=1)


def parse_written(text: str) -> tuple[int, str]:
    """Milliseconds of a time as people and programs write it into files, and the name of its form.

    Without a zone it is UTC. ValueError, the end of a sentence, for anything else.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("is not a time such as 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z: write it so.")
    try:
        time = datetime.fromisoformat(text.upper())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no time of any calendar: correct it, or remove the line.") from None
    separator, _, _, zone = match.groups()
    form = "dates without a time of day"
    if separator is not None:
        shape = "with T" if separator in "Tt" else "with a space"
        form = f"{shape}, {'no zone' if zone is None else 'UTC (Z)' if zone in 'Zz' else 'an offset'}"
    return (time - _EPOCH) // timedelta(milliseconds=1), form


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
