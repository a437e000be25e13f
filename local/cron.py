"""Calls functions when they are due: what OpenFaaS's cron-connector does on clusters, as a process of this machine.

A function is annotated with `topic: cron-function`, that and nothing else, and `schedule`; it gets a POST without body
through the gateway, whose list of functions is read again and again.
"""

import signal
import threading
import time

import msgspec

from fanwatch.errors import EXIT_USAGE, FanwatchError, Unavailable
from fanwatch.gateway.client import FunctionInfo, Gateway
from fanwatch.logs import Log
from fanwatch.messages.topics import CRON
from fanwatch.settings import GatewaySettings, LocalSettings, load
from fanwatch.signals import on_stop
from local.schedule import Schedule, parse

_REFRESH_S = 1.0
_MARGIN_S = 5.0
"""Longer than the gateway waits for the function, so that it is the gateway that says what happened."""
_CALLS = 4
"""Calls of one function that may be under way at once; cron-connector has no bound."""


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
