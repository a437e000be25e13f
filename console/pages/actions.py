"""Episodes with what a technician can decide about them; the page Alarms has a list of them, a fan's page its own."""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from nicegui import events, ui

from console import words
from console.auth.access import technician, visitor
from console.commands import send
from console.context import Console
from console.live.stops import Stopped
from console.queries.episodes import FOUND, MODES, SHOWN_OPEN, Past, mode_in_words, ms
from fanwatch.errors import FanwatchError
from fanwatch.logs import Log
from fanwatch.messages.alarm import Alarm, instrument_mode
from fanwatch.messages.command import INSTRUMENT_MODES

_MODE_WORDS: Final = {
    "fault": [[mode, words] for mode, words in MODES.items()],
    "instrument": [[mode, mode_in_words(mode)] for mode in INSTRUMENT_MODES],
}
_OUTCOME_WORDS: Final = {
    "prevented": "Repaired, or taken out of service, before it failed",
    "failed": "It failed",
}
_DONE: Final = {
    "acknowledge": "{device}: acknowledged.",
    "snooze": "{device} is quiet for now.",
    "close": "{device}: closed, and what you found is kept.",
}
_SHOWN: Final = ("acknowledge", "snooze")
"""Its card says so itself, from then on."""
_LONGEST: Final = 2000
_LOG = Log("console")


class Episodes(ui.element, component="../assets/episodes.js"):
    """Cards, a live list where `live` is true. Commands are checked here, whatever the browser shows."""

    def __init__(
        self,
        console: Console,
        cards: list[dict[str, Any]],
        *,
        live: bool = False,
        calm: bool = False,
        past: bool = False,
        head: str = "",
        empty: str = "",
        most: str = "",
        done: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`most` is what those have in common that are marked `many`; `calm` says that no fan needs anybody; `done` is
        called after each command that forecast-fan has followed.
        """
        super().__init__()
        self._console = console
        self._done = done
        self._props["episodes"] = cards
        self._props["may"] = visitor().may_act
        self._props["live"] = live
        self._props["calm"] = calm
        self._props["past"] = past
        self._props["head"] = head
        self._props["empty"] = empty
        self._props["most"] = most
        self._props["foundWords"] = FOUND
        self._props["modeWords"] = _MODE_WORDS
        self._props["outcomeWords"] = _OUTCOME_WORDS
        self._props["signs"] = words.SIGNS
        self._props["id"] = f"ep{self.id}"
        self.on("act", self._act)

    def show(self, cards: list[dict[str, Any]], empty: str = "") -> None:
        """Other episodes than before; `empty` is said where there are none."""
        shown = {"episodes": cards, "empty": empty or self._props["empty"]}
        if any(self._props[name] != value for name, value in shown.items()):
            self._props.update(shown)
            self.update()

    async def _act(self, event: events.GenericEventArguments) -> None:
        asked = event.args if isinstance(event.args, dict) else {}
        episode = _text(asked.get("episode")) or ""
        action = _text(asked.get("action"))
        done, error = "", None
        try:
            by = technician().name
            command = _command(asked, by)
            await self._console.call(send, self._console.gateway, command)
            device = episode.partition("/")[0]
            if command.get("stands"):
                self._console.fleet.acknowledged_now(episode)
            done = _DONE.get(action or "", "{device}: done.").format(device=device)
            _LOG.info("decided about an episode", episode=episode[:120], action=action, user=by)
        except FanwatchError as problem:
            error = str(problem)
        self.run_method("answered", episode, done, action in _SHOWN, error)
        if error is None and self._done is not None:
            await self._done()


def buttons(console: Console, alarm: Alarm) -> Episodes:
    """The card of one fan's episode, for its own page."""
    return Episodes(console, [card(alarm)])


def cards(console: Console, alarms: Iterable[Alarm], now_ms: int) -> list[dict[str, Any]]:
    """What the browser shows of open episodes."""
    first = itertools.islice(alarms, SHOWN_OPEN)
    return [card(alarm, console.fleet.clock_of(alarm.deviceID, now_ms)) for alarm in first]


def card(alarm: Alarm, clock_ms: int = 0) -> dict[str, Any]:
    """What the browser shows of one; times in ms since the epoch, `clock_ms` where it is not now for the fan."""
    expected = alarm.failureExpected
    left = [ms(expected.earliest), ms(expected.latest)] if expected else None
    return {
        "episode": alarm.episode,
        "device": alarm.deviceID,
        "state": alarm.state,
        "word": words.word(alarm.state),
        "cause": words.cause(alarm),
        "why": words.why(alarm),
        "since": alarm.since_ms,
        "clock": clock_ms,
        "mode": _mode(alarm.state, alarm.cause, alarm.sensor if alarm.sensor else None),
        "risk": alarm.risk if alarm.state in ("warning", "alarm") else None,
        "left": left,
        "by": alarm.acknowledgedBy if isinstance(alarm.acknowledgedBy, str) else None,
        "snoozed": ms(alarm.snoozedUntil) if isinstance(alarm.snoozedUntil, str) else None,
        # None where forecast-fan has said it itself: then it knows since when.
        "stood": alarm.stood_ms if isinstance(alarm, Stopped) else None,
    }


def past_card(each: Past, clock_ms: int = 0) -> dict[str, Any]:
    """What the browser shows of one that is over; `clock_ms` as above."""
    return {
        "episode": each.episode,
        "device": each.device,
        "state": each.state or "ok",
        "word": words.word(each.state) if each.state else "",
        "cause": words.cause_of(each.state, each.cause, each.sensor),
        "why": words.read(each.reasons),
        "since": each.since_ms,
        "mode": _mode(each.state, each.cause, each.sensor),
        "clock": clock_ms,
        "ended": each.ended_ms,
        "stopped": each.stopped_ms,
        "found": each.found,
        "note": each.note,
        "former": words.read(each.former),
        "foundBy": each.found_by,
        "closed": each.closed_ms,
    }


def _mode(state: str, cause: str | None, sensor: str | None) -> str:
    """What was seen of a sensor, as an answer names it; of a fan nobody knows before somebody has looked."""
    seen = instrument_mode(cause, sensor) if state == "instrument" else ""
    return seen if seen in INSTRUMENT_MODES else ""


def _command(asked: Mapping[str, Any], by: str) -> dict[str, str | bool]:
    """What the browser asks for, in somebody's name; `send` judges what it says."""
    names = ("episode", "action", "until", "found", "mode", "outcome", "outcomeAt", "note")
    given = {name: text for name in names if (text := _text(asked.get(name)))}
    flags = {name: True for name in ("stands", "corrects") if asked.get(name) is True}
    return {**given, "by": by} | flags


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None
