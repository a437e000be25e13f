"""Episodes with what a technician can decide about them; the page Alarms has a list of them, a fan's page its own."""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from nicegui import events

from console import words
from console.auth.access import technician, visitor
from console.commands import send
from console.context import Console
from console.live.standstill import Stopped
from console.queries.episodes import FOUND, MODES, SHOWN_OPEN, Past, mode_in_words, ms
from console.shell import Component
from fanwatch.errors import FanwatchError
from fanwatch.logs import Log
from fanwatch.messages.alarm import Alarm, instrument_mode
from fanwatch.messages.command import INSTRUMENT_MODES

_WORDS: Final = {
    "foundWords": FOUND,
    "modeWords": {
        "fault": [[mode, words] for mode, words in MODES.items()],
        "instrument": [[mode, mode_in_words(mode)] for mode in INSTRUMENT_MODES],
    },
    "outcomeWords": {
        "prevented": "Repaired, or taken out of service, before it failed",
        "failed": "It failed",
    },
    "signs": words.SIGNS,
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


class Episodes(Component, component="../assets/episodes.js"):
    """Cards, a live list where `live` is true. Commands are checked here, whatever the browser shows."""

    def __init__(
        self,
        console: Console,
        cards: list[dict[str, Any]],
        done: Callable[[], Awaitable[None]] | None = None,
        **props: str | bool,
    ) -> None:
        """`done` is called after each command that forecast-fan has followed. Of `props`, `past` says that all are
        over, `calm` that no fan needs anybody; `empty` is said where there are none, and `most` is what those have in
        common that are marked `many`.
        """
        super().__init__(episodes=cards, may=visitor().may_act, **_WORDS, **props)
        self._console = console
        self._done = done
        self._props["id"] = f"ep{self.id}"
        self.on("act", self._act)

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


def cards(console: Console, alarms: Iterable[Alarm], now_ms: int) -> list[dict[str, Any]]:
    """What the browser shows of open episodes."""
    first = itertools.islice(alarms, SHOWN_OPEN)
    return [card(alarm, console.fleet.clock_of(alarm.deviceID, now_ms)) for alarm in first]


def card(alarm: Alarm, clock_ms: int = 0) -> dict[str, Any]:
    """What the browser shows of one; times in ms since the epoch, `clock_ms` where it is not now for the fan."""
    expected = alarm.failureExpected
    said = _said(alarm.state, alarm.cause, alarm.sensor if alarm.sensor else None, words.why(alarm))
    return said | {
        "episode": alarm.episode,
        "device": alarm.deviceID,
        "since": alarm.since_ms,
        "clock": clock_ms,
        "risk": alarm.risk if alarm.state in ("warning", "alarm") else None,
        "left": [ms(expected.earliest), ms(expected.latest)] if expected else None,
        "by": alarm.acknowledgedBy if isinstance(alarm.acknowledgedBy, str) else None,
        "snoozed": ms(alarm.snoozedUntil) if isinstance(alarm.snoozedUntil, str) else None,
        # None where forecast-fan has said it itself: then it knows since when.
        "stood": alarm.stood_ms if isinstance(alarm, Stopped) else None,
    }


def past_card(each: Past, clock_ms: int = 0) -> dict[str, Any]:
    """What the browser shows of one that is over; `clock_ms` as above."""
    return _said(each.state, each.cause, each.sensor, words.read(each.reasons)) | {
        "episode": each.episode,
        "device": each.device,
        "since": each.since_ms,
        "clock": clock_ms,
        "ended": each.ended_ms,
        "stopped": each.stopped_ms,
        "found": each.found,
        "note": each.note,
        "former": words.read(each.former),
        "foundBy": each.found_by,
        "closed": each.closed_ms,
    }


def _said(state: str, cause: str | None, sensor: str | None, why: str) -> dict[str, Any]:
    """A state with its word, what is wrong, and why. `mode` is what was seen of a sensor, as an answer names it: of a
    fan nobody knows that before somebody has looked.
    """
    seen = instrument_mode(cause, sensor) if state == "instrument" else ""
    return {
        "state": state or "ok",
        "word": words.word(state) if state else "",
        "cause": words.cause_of(state, cause, sensor),
        "why": why,
        "mode": seen if seen in INSTRUMENT_MODES else "",
    }


def _command(asked: Mapping[str, Any], by: str) -> dict[str, str | bool]:
    """What the browser asks for, in somebody's name; `send` judges what it says."""
    names = ("episode", "action", "until", "found", "mode", "outcome", "outcomeAt", "note")
    given = {name: text for name in names if (text := _text(asked.get(name)))}
    flags = {name: True for name in ("stands", "corrects") if asked.get(name) is True}
    return {**given, "by": by} | flags


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None
