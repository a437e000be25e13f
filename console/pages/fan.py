"""One fan: what is wrong with it, how long it has, what to look at first, and its history."""

import time
from typing import Any

import msgspec
from nicegui import ui
from nicegui.elements.echart import EChart  # noqa: F401 - makes its copy of ECharts known to the browser
from nicegui.events import GenericEventArguments

from console import checklists, shell, words
from console.context import Console
from console.live.standstill import Stopped
from console.live.states import Now, now
from console.live.view import number
from console.pages import actions
from console.pages.fleet import signals
from console.queries import fan
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.messages.alarm import EPISODES, Alarm
from fanwatch.messages.topics import DEVICE_ID

_FRESH_S = {"hour": 10, "day": 120, "week": 600, "month": 1800}
"""Seconds after which a page that stays open is given its history anew."""


class FanDetail(shell.Component, component="../assets/fan.js"):
    """Draws one fan; it asks for another range by the event `range`."""


def register(console: Console) -> None:
    """Adds the page."""

    @ui.page("/fan/{device}")
    def page(device: str) -> None:
        if DEVICE_ID.fullmatch(device) is None:
            device = ""
        detail = _Detail(console, device)
        with shell.frame(console, device or "No such fan", at="fleet", make=detail.live):
            detail.build()


class _Detail:
    """One viewer's page of one fan."""

    def __init__(self, console: Console, device: str) -> None:
        self._console = console
        self._device = device
        self._range = fan.RANGES[_begin(console, device)]
        self._asked = 0.0
        self._busy = False
        self._shown: Alarm | None = None
        self._card: actions.Episodes | None = None

    def build(self) -> None:
        self._client = ui.context.client
        self._view = FanDetail(
            device=self._device,
            states=words.states_prop(),
            signals=signals(self._console),
            ranges=[[each.name, each.word] for each in fan.RANGES.values()],
            safety=checklists.SAFETY,
            begin=self._range.name,
            first=self.live(time.time_ns() // 1_000_000),
            history=None,
        )
        self._view.classes("fp-root").on("range", self._choose)
        with self._view:
            self._place = ui.element("div")
        if self._device:
            self._act()
            ui.timer(1.0, self._act)
            ui.timer(0.05, self._fill, once=True)
            ui.timer(5.0, self._refresh)

    def live(self, now_ms: int) -> dict[str, Any]:
        """What the page is told each second."""
        away_ms = self._console.intake.away_since_ms
        found = now(self._console.fleet, self._device, away_ms or now_ms)
        if found is not None:
            return {"known": True, **described(found)}
        return {"known": False, "hidden": self._device in self._console.fleet.overflow.heard_ms}

    def _act(self) -> None:
        """What can be decided about the episode, drawn anew when that changes."""
        fleet = self._console.fleet
        with fleet.lock:
            place = fleet.find(self._device)
            alarm = None if place is None else fleet.alarms[place]
        if alarm is not None and alarm.state not in EPISODES:
            alarm = None
        if alarm == self._shown:
            return
        before, self._shown = self._shown, alarm
        if alarm is None:
            self._place.clear()
        elif before is not None and before.episode == alarm.episode and self._card is not None:
            self._card.show(episodes=[actions.card(alarm)])
        else:
            self._place.clear()
            with self._place:
                self._card = actions.Episodes(self._console, [actions.card(alarm)])

    async def _choose(self, event: GenericEventArguments) -> None:
        chosen = fan.RANGES.get(str(event.args))
        if chosen is not None:
            self._range = chosen
            await self._fill()

    async def _refresh(self) -> None:
        if time.monotonic() - self._asked >= _FRESH_S[self._range.name]:
            await self._fill()

    async def _fill(self) -> None:
        if self._busy:
            return
        self._busy = True
        self._asked = time.monotonic()
        chosen = self._range
        try:
            told = await fetch(self._console, self._device, chosen)
        except FanwatchError as error:
            why = "InfluxDB does not answer." if isinstance(error, Unavailable) else str(error)
            told = remembered(self._console, self._device, why)
            self._asked -= _FRESH_S[chosen.name] - 5
        finally:
            self._busy = False
        if self._client.has_socket_connection:
            self._view.show(history=told)
        if self._range is not chosen:
            await self._fill()


async def fetch(console: Console, device: str, chosen: fan.Range) -> dict[str, Any]:
    """The fan's history from the store, up to the time that it is for it. FanwatchError where that does not answer."""
    now_ms = time.time_ns() // 1_000_000
    found = now(console.fleet, device, now_ms)
    now_ms = (found.clock_ms if found else 0) or now_ms
    series, told = await console.store.ask(fan.history, device, chosen, now_ms)
    return {
        **msgspec.to_builtins(series),
        "episodes": [_told(each, found.alarm if found else None) for each in told],
        "problem": "",
    }


def remembered(console: Console, device: str, problem: str) -> dict[str, Any]:
    """Without the store: the last hour, a mean a minute, as this process has seen it."""
    now_ms = time.time_ns() // 1_000_000
    fleet = console.fleet
    with fleet.lock:
        place = fleet.find(device)
        if place is not None:
            now_ms = fleet.senders.clock(place, now_ms) or now_ms
        lines = [] if place is None else fleet.trends.lines(place, now_ms // 60_000).tolist()
    count = len(lines[0]) if lines else 0
    minute = now_ms // 60_000 - count + 1
    clean = [[number(value, 2) for value in line] for line in lines]
    return {
        "range": "hour",
        "start_ms": now_ms - 3_600_000,
        "end_ms": now_ms,
        "times": [(minute + step) * 60_000 for step in range(count)],
        "values": clean[:-1],
        "score": clean[-1] if clean else [],
        "risk": [],
        "episodes": [],
        "problem": problem,
    }


def described(found: Now) -> dict[str, Any]:
    """One fan as the page is told of it."""
    alarm = found.alarm
    expected = alarm.failureExpected if alarm else None
    about, why, by, lead = words.told(
        found.state, found.cause, alarm, found.standing, found.unjudged, found.heard
    )
    return {
        "state": found.state,
        "cause": about,
        "sensor": alarm.cause if alarm and alarm.state != "instrument" else found.cause,
        "why": why,
        "lead": lead,
        "by": by,
        "snoozed": words.ms(alarm.snoozedUntil) if alarm and isinstance(alarm.snoozedUntil, str) else 0,
        # What is the page's own is not since then.
        "since": alarm.since_ms if alarm and found.state == alarm.state else 0,
        "stood": alarm.stood_ms if isinstance(alarm, Stopped) else 0,
        "risk": alarm.risk if alarm and found.state != "unknown" else None,
        "earliest": words.ms(expected.earliest) if expected else 0,
        "latest": words.ms(expected.latest) if expected else 0,
        "read": found.read_ms,
        "clock": found.clock_ms,
        "values": [number(value, 2) for value in found.values],
        "score": number(found.probability, 3),
        "looks": checklists.looks(found),
    }


def _begin(console: Console, device: str) -> str:
    """The range that is shown first: what an episode rests on is seldom seen in an hour."""
    found = now(console.fleet, device, time.time_ns() // 1_000_000)
    troubled = found is not None and found.alarm is not None and found.alarm.state in EPISODES
    return "day" if troubled else "hour"


def _told(episode: fan.Episode, alarm: Alarm | None) -> dict[str, Any]:
    """One episode as the page is told of it; of one that goes on the alarm knows more."""
    why = words.read(episode.reasons)
    if alarm is not None and alarm.since_ms == episode.since_ms and alarm.state in EPISODES:
        why = words.why(alarm)
    about = words.cause_of(episode.state, episode.cause, episode.sensor)
    return {**msgspec.to_builtins(episode), "reasons": None, "cause_words": about, "why": why}
