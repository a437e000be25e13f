"""Schedules as OpenFaaS's cron-connector reads them: five fields of cron, `@hourly` and its like, `@every 90s`.

cron-connector reads them with robfig/cron, which differs from the cron of Linux in details: `?` is `*`, Sunday is 0 and
never 7, neither L nor W nor # is known, and a day of the month with a step counts as chosen, as `*` alone does not.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = re.compile(r"@every ((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)")
_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_S = 366 * 86_400
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S+)\s+(.+)")
_FIELD = re.compile(r"[0-9A-Za-z*,/-]+")
_DAYS, _WEEKDAYS = 2, 4
_WHOLE = {_DAYS: "1-31", _WEEKDAYS: "0-6"}


Schedule = Callable[[float], float]
"""The next time at which something is due after a time, both in seconds since the epoch."""


def parse(text: str) -> Schedule:
    """The schedule; ValueError with what is wrong with it, for cron-connector would ignore that function."""
    every = _EVERY.fullmatch(text)
    if every is not None:
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(every[1]))
        # robfig/cron has no fractions of a second, and none shorter.
        whole = max(1.0, float(int(min(seconds, _LONGEST_S))))
        return lambda time_s: float(int(time_s)) + whole
    zoned = _ZONE.fullmatch(text)
    zone, text = (_zone(zoned[1]), zoned[2]) if zoned is not None else (UTC, text)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise ValueError(f"{text!r} is none of {', '.join(_DESCRIPTORS)} and @every with a duration")
        text = _DESCRIPTORS[text]
    schedule = partial(_next_of, _understood(text), zone)
    if schedule(0.0) <= 0:
        raise ValueError("it is never due")
    return schedule


def _next_of(expression: str, zone: ZoneInfo | timezone, time_s: float) -> float:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)
    try:
        return next(CronSim(expression, start.astimezone(zone))).timestamp()
    except CronSimError as error:
        raise ValueError(str(error)) from error
    except StopIteration:
        raise ValueError("it is never due, such as on 31 February") from None


def _understood(text: str) -> str:
    """The same in the words of the cron of Linux."""
    fields = text.split()
    if len(fields) != len("mhdMw"):
        raise ValueError(
            f"it needs five fields (minute, hour, day, month, weekday), {text!r} has {len(fields)}"
        )
    fields = [field.replace("?", "*") for field in fields]
    for field in fields:
        if _FIELD.fullmatch(field) is None:
            raise ValueError(f"{field!r} is no field of cron")
    for place, whole in _WHOLE.items():
        step = re.fullmatch(r"\*/(\d+)", fields[place])
        if step is not None and int(step[1]) > 1:
            fields[place] = f"{whole}/{step[1]}"
    if re.search(r"L|W(?!ED)", fields[_DAYS].upper()) or re.search(r"7|L", fields[_WEEKDAYS].upper()):
        raise ValueError(f"{text!r} has what cron-connector does not know: L, W, or 7 for Sunday")
    return " ".join(fields)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no known time zone") from error
