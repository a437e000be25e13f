"""Calls functions when they are due: what OpenFaaS's cron-connector does on clusters, as a process of this machine.

A function is annotated with `topic: cron-function`, that and nothing else, and `schedule`; it gets a POST without body
through the gateway, whose list of functions is read again and again.

Schedules are read as cron-connector does, by robfig/cron, which differs from the cron of Linux in details: `?` is `*`,
Sunday is 0 and never 7, neither L nor W nor # is known, and a day of the month with a step counts as chosen, as `*`
alone does not.
"""

import re
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from fanwatch.errors import EXIT_USAGE, FanwatchError, Unavailable
from fanwatch.gateway.client import FunctionInfo, Gateway
from fanwatch.logs import Log
from fanwatch.messages.topics import CRON
from fanwatch.settings import GatewaySettings, LocalSettings, load
from fanwatch.signals import on_stop

_REFRESH_S = 1.0
_MARGIN_S = 5.0
"""Longer than the gateway waits for the function, so that it is the gateway that says what happened."""
_CALLS = 4
"""Calls of one function that may be under way at once; cron-connector has no bound."""
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


class Entry(msgspec.Struct):
    """One function that has a schedule."""

    text: str
    schedule: Schedule
    due: float
    """Seconds since the epoch."""
    free: threading.Semaphore
    """For calls that may still begin."""


class Cron:
    """Knows what is due; `step` does one round."""

    def __init__(self, gateway: Gateway, log: Log) -> None:
        self._gateway = gateway
        self._log = log
        self._refused: set[tuple[str, str]] = set()
        self._trouble = ""
        self._stepped = 0.0
        self.entries: dict[str, Entry] = {}

    def step(self, now: float) -> None:
        """Takes up what the gateway lists, and calls what is due; a missed time is made up for once."""
        try:
            self._follow(self._gateway.functions(), now)
            self._trouble = ""
        except FanwatchError as error:
            # Away, or it refuses the credentials, which may be put right in their files: what is known goes on.
            kind = "the gateway is away" if isinstance(error, Unavailable) else "functions cannot be listed"
            if kind != self._trouble:
                self._log.warning(kind, error=str(error))
            self._trouble = kind
        if now < self._stepped:
            # The clock was put back: what was due by the other one may be days off.
            for entry in self.entries.values():
                entry.due = min(entry.due, entry.schedule(now))
        self._stepped = now
        for name, entry in self.entries.items():
            if entry.due <= now:
                entry.due = entry.schedule(now)
                self._start(name, entry)

    def _follow(self, functions: list[FunctionInfo], now: float) -> None:
        wanted = {info.name: annotations for info in functions if (annotations := info.annotations or {})}
        wanted = {name: each for name, each in wanted.items() if each.get("topic", "").strip() == CRON}
        for name in self.entries.keys() - wanted.keys():
            del self.entries[name]
            self._log.info("function has no schedule any more", function=name)
        for name, annotations in wanted.items():
            text = annotations.get("schedule", "").strip()
            known = self.entries.get(name)
            if known is None or known.text != text:
                self._take(name, text, now)

    def _take(self, name: str, text: str, now: float) -> None:
        self.entries.pop(name, None)
        try:
            schedule = parse(text)
        except ValueError as error:
            if (name, text) not in self._refused:
                self._refused.add((name, text))
                self._log.error(f"annotation schedule is not used: {error}", function=name)
            return
        self.entries[name] = Entry(text, schedule, schedule(now), threading.Semaphore(_CALLS))
        self._log.info("function has a schedule", function=name, schedule=text)

    def _start(self, name: str, entry: Entry) -> None:
        if not entry.free.acquire(blocking=False):
            self._log.warning("not called: earlier calls are still under way", function=name)
            return
        threading.Thread(target=self._call, args=(name, entry), name=f"cron {name}", daemon=True).start()

    def _call(self, name: str, entry: Entry) -> None:
        began = time.monotonic()
        try:
            answer = self._gateway.call(name, b"", {})
            said = {"status": answer.status, "seconds": round(time.monotonic() - began, 3)}
            if answer.status < 300:
                self._log.info("called", function=name, **said)
            else:
                self._log.warning("call failed", function=name, answer=answer.text(), **said)
        except FanwatchError as error:
            self._log.warning("call failed", function=name, error=str(error))
        finally:
            self._gateway.close()
            entry.free.release()


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


def main() -> int:
    """Runs until SIGTERM; 0, or 2 for a setting that cannot be used."""
    log = Log("cron")
    try:
        local = load(LocalSettings)
        gateway = Gateway(load(GatewaySettings), local.gateway_timeout + _MARGIN_S)
        cron = Cron(gateway, log)
        stop = threading.Event()
        on_stop((signal.SIGTERM, signal.SIGINT), stop.set)
        while not stop.wait(_REFRESH_S):
            cron.step(time.time())
    except FanwatchError as error:
        log.error("cron cannot run", error)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
