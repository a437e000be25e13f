"""How the pipeline is, in plain words.

The page asks the store and the gateway only, which it reaches in every deployment; what it cannot know then, it says.
"""

import re
import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from console.store import OFF
from fanwatch.errors import FanwatchError
from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.store import takeovers
from fanwatch.store.influx import Store
from fanwatch.store.parts import WINDOW_S, Ledger, Measured, ledger, measured

State = Literal["ok", "attention", "down", "unknown", "off"]
_WORST_FIRST: Final[tuple[State, ...]] = ("down", "attention", "unknown", "ok", "off")

_DISK_PERCENT: Final = 90.0
_MEMORY_PERCENT: Final = 95.0
_BACKLOG: Final = 5000
"""Messages kept by the broker beyond which somebody is behind; a few hundred are its own and retained ones."""
_FORECAST_MINUTES: Final = VERDICT_S // 60
_SIGNS: Final = ("connected", "paused", "id taken")
"""Figures of the connector that count nothing."""
_CERTIFICATE_DAYS: Final = 30
_MINUTES = WINDOW_S // 60
_KEEPS: Final = "Keeps the history."


class Part(msgspec.Struct, frozen=True):
    """One part: its name for people, what it does, how it is, and the sentence that says so."""

    name: str
    does: str
    state: State
    words: str


class Health(msgspec.Struct, frozen=True):
    """Everything at one moment; `trouble` says so where the store is away and little is known."""

    parts: list[Part]
    ledger: Ledger | None = None
    counters: dict[str, float] = {}
    """The connector's own, since it started."""
    trouble: str | None = None

    @property
    def worst(self) -> State:
        """The state of the part that is worst off."""
        return next(
            (state for state in _WORST_FIRST if any(part.state == state for part in self.parts)), "ok"
        )


def collect(store: Store | None, gateway_answers: Callable[[], bool], broker_trouble: str | None) -> Health:
    """Asks all; no store where nothing is to be stored. Blocks for seconds.

    `broker_trouble` is why the page has no broker just now, None while it has one.
    """
    answers = gateway_answers()
    if store is None:
        off = Part("Store", _KEEPS, "off", OFF)
        return Health(
            [_broker(broker_trouble, Measured()), _gateway(answers), off],
            trouble=f"{OFF} So this page knows little; `fanwatch status` counts what is scored.",
        )
    try:
        found, counted = measured(store), ledger(store)
    except FanwatchError as error:
        return Health(
            [_broker(broker_trouble, Measured()), _gateway(answers), _store(str(error))],
            trouble="The store does not answer, so this page knows little. Readings wait in the broker meanwhile, "
            "and are stored once it is back.",
        )
    parts = [
        _broker(broker_trouble, found),
        _connector(found),
        _gateway(answers),
        _scoring(answers, found),
        _forecast(found),
        _collector(found),
        _store(None),
        *_machine(found),
    ]
    counters = {name: value for name, value in found.connector.items() if name not in _SIGNS}
    return Health(parts, counted, counters)


def in_words(counted: Ledger, past: bool = False) -> tuple[State, str]:
    """Whether anything is missing; `past` says that what comes in is of the past."""
    if past and not counted.stored and not counted.dead:
        return (
            "unknown",
            f"What comes in now is of the past, and only readings of the last {_MINUTES} minutes are counted here:"
            " this begins once the fans have caught up. The connector’s own counts go on.",
        )
    if not counted.stored and not counted.dead:
        return "attention", f"No reading has come in within the last {_MINUTES} minutes."
    if not counted.stored:
        return (
            "attention",
            f"Nothing that could be used has come in within the last {_MINUTES} minutes.{_dead(counted)}",
        )
    head = f"{_readings(counted.came)} came in within the last {_MINUTES} minutes"
    missing = counted.stored - counted.scored - counted.dead_stored
    if missing > 0:
        waiting = f"{missing:,} {'has' if missing == 1 else 'have'} no result yet; the broker keeps what is not scored."
        return "attention", f"{head}. {waiting}{_dead(counted)}"
    if counted.dead:
        were = "was" if counted.scored == 1 else "were"
        return "attention", f"{head}. {counted.scored:,} {were} scored.{_dead(counted)}"
    return "ok", f"{head}, and every one of them was scored."


def _dead(counted: Ledger) -> str:
    if not counted.dead:
        return ""
    why = f": {counted.why}" if counted.why else ""
    return f" {counted.dead:,} could not be used{why}."


def _fans(count: float) -> str:
    return f"{count:,.0f} {'fan' if count == 1 else 'fans'}"


def _readings(count: int) -> str:
    return f"{count:,} {'reading' if count == 1 else 'readings'}"


def _broker(trouble: str | None, found: Measured) -> Part:
    does = "Takes the fans’ readings, and keeps them until they are scored."
    kept = found.broker.get("stored_messages", 0)
    if trouble is not None:
        return Part("Broker", does, "down", trouble)
    if found.broker_dropped > 0:
        lost = f"Messages dropped within {_MINUTES} minutes, for its queue was full: {found.broker_dropped:,.0f}."
        return Part("Broker", does, "attention", lost)
    senders = [
        client for client in found.taken if not client.startswith((takeovers.TELEGRAF, takeovers.CONNECTOR))
    ]
    if senders and not found.connector.get("id taken"):
        return Part("Broker", does, "attention", takeovers.said(senders[0]))
    if kept > _BACKLOG:
        behind = f"It keeps {kept:,.0f} messages for a part that is away or behind."
        return Part("Broker", does, "attention", behind)
    return Part("Broker", does, "ok", "It answers.")


def _connector(found: Measured) -> Part:
    does = "Hands readings to the functions, and acknowledges them once their result is out."
    state, words = _answering(found.up.get("connector"), "Readings wait in the broker until it is back.")
    figures = found.connector
    others = [client for client in found.taken if not client.startswith(takeovers.TELEGRAF)]
    others = [client for client in others if client.startswith(takeovers.CONNECTOR)]
    if others or (figures.get("id taken") and others):
        return Part("Connector", does, "attention", takeovers.said((others or others)[0], connector=True))
    if state == "ok" and figures.get("paused"):
        return Part("Connector", does, "attention", "Functions fail, so it waits before it tries again.")
    if state == "ok" and figures.get("without a function"):
        waiting = f"{_readings(int(figures['without a function']))} wait for a function that is not deployed."
        return Part("Connector", does, "attention", waiting)
    if state == "ok" and figures.get("held"):
        words = f"It answers, with {_readings(int(figures['held']))} in hand."
    return Part("Connector", does, state, words)


def _gateway(answers: bool) -> Part:
    state, words = _answering(int(answers), "Nothing is scored until it is back.")
    return Part("Gateway", "The door to the functions.", state, words)


def _scoring(gateway_answers: bool, found: Measured) -> Part:
    does = "The functions that judge readings."
    if not gateway_answers:
        return Part("Scoring", does, "unknown", "Not known while the gateway does not answer.")
    state, words = _answering(found.up.get("scoring"), "Readings wait in the broker until it is back.")
    return Part("Scoring", does, state, words)


def _forecast(found: Measured) -> Part:
    does = "Looks at each fan’s history, and announces failures before they happen."
    figures = found.forecast
    if not figures:
        return Part(
            "Forecast", does, "unknown", "It has not run within the last two hours. Is forecast-fan deployed?"
        )
    minutes = max(0, (time.time() * 1000 - figures["at_ms"]) / 60_000)
    when = (
        "less than a minute" if minutes < 1 else f"{minutes:.0f} minute{'' if round(minutes) == 1 else 's'}"
    )
    words = f"It looked at {_fans(figures.get('fans', 0))} {when} ago."
    if minutes > _FORECAST_MINUTES:
        return Part("Forecast", does, "attention", f"{words} It is due every few minutes; no fan is judged.")
    if figures.get("failed"):
        return Part(
            "Forecast",
            does,
            "attention",
            f"{words} {_fans(figures['failed'])} could not be worked up: see its log.",
        )
    if figures.get("behind"):
        words += f" {_fans(figures['behind'])} were left for its next run, for there was no time."
    return Part("Forecast", does, "ok", words)


def _collector(found: Measured) -> Part:
    does = "Writes readings, results and alarms to the store."
    figures = found.telegraf
    if not figures:
        silent = "It has stored nothing of itself for two minutes. Is Telegraf running?"
        return Part("Collector", does, "down", silent)
    others = [client for client in found.taken if client.startswith(takeovers.TELEGRAF)]
    if others:
        return Part("Collector", does, "attention", takeovers.said(others[0]))
    if not figures.get("storing"):
        return Part("Collector", does, "down", "It runs, and stores nothing. Its log says why.")
    return Part("Collector", does, "ok", "It stores what comes in.")


def _store(trouble: str | None) -> Part:
    # What the operating system calls it helps nobody here.
    words = re.sub(r" \(<[^)]*>\)", "", trouble) if trouble else "It answers."
    return Part("Store", _KEEPS, "down" if trouble else "ok", words)


def _machine(found: Measured) -> list[Part]:
    does = "What all of it runs on."
    if found.certificates:
        days, name = min((days, name) for name, days in found.certificates.items())
        if days < _CERTIFICATE_DAYS:
            left = f"{days:.0f} day{'' if round(days) == 1 else 's'}"
            renew = "page" if name.startswith("console") else "rotate"
            ends = f"The certificate of {name} ends in {left}: `fanwatch certs {renew}`."
            return [Part("Machine", does, "attention", ends)]
    figures = found.machine
    if not figures:
        return []
    disk, memory = figures.get("disk_used_percent", 0), figures.get("memory_used_percent", 0)
    words = (
        f"Processor {figures.get('cpu_percent', 0):.0f} %, memory {memory:.0f} %, disk {disk:.0f} % in use."
    )
    full = disk > _DISK_PERCENT or memory > _MEMORY_PERCENT
    return [Part("Machine", does, "attention" if full else "ok", words)]


def _answering(up: int | None, meanwhile: str) -> tuple[State, str]:
    if up is None:
        return "unknown", "Nothing was heard of it within the last two minutes."
    return ("ok", "It answers.") if up else ("down", f"It does not answer. {meanwhile}")
