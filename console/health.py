"""How the pipeline is, in plain words.

The page asks the store and the gateway only, which it reaches in every deployment; what it cannot know then, it says.
"""

import re
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from console import words
from console.store import OFF
from fanwatch.errors import FanwatchError
from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.messages.reasons import Reason, Reasons, reason
from fanwatch.store import takeovers
from fanwatch.store.influx import Store
from fanwatch.store.parts import WINDOW_S, Ledger, Measured, ledger, measured

State = Literal["ok", "attention", "down", "unknown", "off"]

_DISK_PERCENT: Final = 90.0
_MEMORY_PERCENT: Final = 95.0
_BACKLOG: Final = 5000
"""Messages kept by the broker beyond which somebody is behind; a few hundred are its own and retained ones."""
_FORECAST_MINUTES: Final = VERDICT_S // 60
_SIGNS: Final = ("connected", "paused", "id taken")
"""Figures of the connector that count nothing."""
_CERTIFICATE_DAYS: Final = 30
_MINUTES = WINDOW_S // 60


class Part(msgspec.Struct, frozen=True):
    """One part: its name for people, how it is, and what says so."""

    name: str
    state: State
    told: Reasons

    @property
    def does(self) -> str:
        """What it does."""
        return words.said(f"does-{self.name.lower()}")

    @property
    def words(self) -> str:
        """How it is, in a sentence."""
        return words.read(self.told)


class Health(msgspec.Struct, frozen=True):
    """Everything at one moment; `trouble` says so where the store is away and little is known."""

    parts: list[Part]
    ledger: Ledger | None = None
    counters: dict[str, float] = {}
    """The connector's own, since it started."""
    trouble: str | None = None


def collect(store: Store | None, gateway_answers: Callable[[], bool], broker_trouble: str | None) -> Health:
    """Asks all; no store where nothing is to be stored. Blocks for seconds.

    `broker_trouble` is why the page has no broker just now, None while it has one.
    """
    answers = gateway_answers()
    if store is None:
        off = Part("Store", "off", (_said(OFF),))
        return Health(
            [_broker(broker_trouble, Measured()), _gateway(answers), off],
            trouble=f"{OFF} {words.said('off-knows-little')}",
        )
    try:
        found, counted = measured(store), ledger(store)
    except FanwatchError as error:
        # What the operating system calls it helps nobody here.
        trouble = re.sub(r" \(<[^)]*>\)", "", str(error))
        away = Part("Store", "down", (_said(trouble),))
        return Health(
            [_broker(broker_trouble, Measured()), _gateway(answers), away],
            trouble=words.said("store-knows-little"),
        )
    parts = [
        _broker(broker_trouble, found),
        _connector(found),
        _gateway(answers),
        _scoring(answers, found),
        _forecast(found),
        _collector(found),
        _part("Store", "ok", "answers"),
        *_machine(found),
    ]
    counters = {name: value for name, value in found.connector.items() if name not in _SIGNS}
    return Health(parts, counted, counters)


def in_words(counted: Ledger, past: bool = False) -> tuple[State, str]:
    """Whether anything is missing; `past` says that what comes in is of the past."""
    state, told = _complete(counted, past)
    return state, words.read(told)


def _complete(counted: Ledger, past: bool) -> tuple[State, Reasons]:
    if not counted.stored and not counted.dead:
        code = "came-past" if past else "came-none"
        return ("unknown" if past else "attention"), (reason(code, minutes=_MINUTES),)
    dead = (reason("came-dead", count=counted.dead, why=counted.why),) if counted.dead else ()
    if not counted.stored:
        return "attention", (reason("came-unusable", minutes=_MINUTES), *dead)
    came = reason("came", count=counted.came, minutes=_MINUTES)
    missing = counted.stored - counted.scored - counted.dead_stored
    if missing > 0:
        return "attention", (came, reason("came-waiting", count=missing), *dead)
    if counted.dead:
        return "attention", (came, reason("came-scored", count=counted.scored), *dead)
    return "ok", (came, reason("came-all"))


def _said(text: str) -> Reason:
    """What others have said in a sentence, such as an error."""
    return reason("said", text=text)


def _part(name: str, state: State, code: str, /, **params: Any) -> Part:
    return Part(name, state, (reason(code, **params),))


def _broker(trouble: str | None, found: Measured) -> Part:
    if trouble is not None:
        return Part("Broker", "down", (_said(trouble),))
    if found.broker_dropped > 0:
        return _part("Broker", "attention", "dropped", minutes=_MINUTES, count=found.broker_dropped)
    senders = [
        client for client in found.taken if not client.startswith((takeovers.TELEGRAF, takeovers.CONNECTOR))
    ]
    if senders and not found.connector.get("id taken"):
        return Part("Broker", "attention", (takeovers.told(senders[0]),))
    if (kept := found.broker.get("stored_messages", 0)) > _BACKLOG:
        return _part("Broker", "attention", "backlog", count=kept)
    return _part("Broker", "ok", "answers")


def _connector(found: Measured) -> Part:
    figures = found.connector
    others = [client for client in found.taken if client.startswith(takeovers.CONNECTOR)]
    if others:
        return Part("Connector", "attention", (takeovers.told(others[0], connector=True),))
    part = _answering("Connector", found.up.get("connector"), "readings-wait")
    if part.state != "ok":
        return part
    if figures.get("paused"):
        return _part("Connector", "attention", "connector-paused")
    if waiting := figures.get("without a function"):
        return _part("Connector", "attention", "no-function", count=waiting)
    if held := figures.get("held"):
        return _part("Connector", "ok", "answers-working", count=held)
    return part


def _gateway(answers: bool) -> Part:
    return _answering("Gateway", int(answers), "not-scored")


def _scoring(gateway_answers: bool, found: Measured) -> Part:
    if not gateway_answers:
        return _part("Scoring", "unknown", "gateway-away")
    return _answering("Scoring", found.up.get("scoring"), "readings-wait")


def _forecast(found: Measured) -> Part:
    figures = found.forecast
    if not figures:
        return _part("Forecast", "unknown", "forecast-unknown")
    minutes = max(0, (time.time() * 1000 - figures["at_ms"]) / 60_000)
    looked = reason("looked", fans=figures.get("fans", 0), ago=minutes)
    if minutes > _FORECAST_MINUTES:
        return Part("Forecast", "attention", (looked, reason("looked-late")))
    if failed := figures.get("failed"):
        return Part("Forecast", "attention", (looked, reason("looked-failed", count=failed)))
    behind = figures.get("behind")
    return Part("Forecast", "ok", (looked, reason("looked-behind", count=behind)) if behind else (looked,))


def _collector(found: Measured) -> Part:
    if not found.telegraf:
        return _part("Collector", "down", "collector-silent")
    others = [client for client in found.taken if client.startswith(takeovers.TELEGRAF)]
    if others:
        return Part("Collector", "attention", (takeovers.told(others[0]),))
    if not found.telegraf.get("storing"):
        return _part("Collector", "down", "collector-idle")
    return _part("Collector", "ok", "collector-stores")


def _machine(found: Measured) -> list[Part]:
    if found.certificates:
        days, name = min((days, name) for name, days in found.certificates.items())
        if days < _CERTIFICATE_DAYS:
            code = "certificate-page" if name.startswith("console") else "certificate"
            return [_part("Machine", "attention", code, name=name, days=days)]
    figures = found.machine
    if not figures:
        return []
    disk, memory = figures.get("disk_used_percent", 0), figures.get("memory_used_percent", 0)
    full = disk > _DISK_PERCENT or memory > _MEMORY_PERCENT
    state: State = "attention" if full else "ok"
    return [_part("Machine", state, "machine", cpu=figures.get("cpu_percent", 0), memory=memory, disk=disk)]


def _answering(name: str, up: int | None, otherwise: str) -> Part:
    """By whether it answers; None: nobody has heard of it. `otherwise` is what is said where it does not."""
    if up is None:
        return _part(name, "unknown", "not-heard")
    return _part(name, "ok", "answers") if up else _part(name, "down", otherwise)
