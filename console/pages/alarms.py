"""Alarms: what is open, what a technician decides about it, and what was found before."""

import asyncio
import time
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from console import shell
from console.context import Console
from console.live.states import LAST_NEED, STATES, Outage, common_outage, states
from console.pages.actions import Episodes, cards, past_card
from console.queries.episodes import DAYS, SHOWN_OPEN, SHOWN_PAST, left_out, open_ones, past
from fanwatch.errors import FanwatchError
from fanwatch.messages.alarm import Alarm
from fanwatch.messages.topics import DEVICE_ID
from fanwatch.store.past_episodes import newest

_UNKNOWN = STATES.index("unknown")
_AGAIN_S = 15
"""A page that reconnects has missed what it was told; so often it is told anew."""
_PAST_AGAIN_S = 2
"""So often while the past of a fan comes in, whose clock runs faster than this one."""
_PAST_S = 30.0
_STORED_S = (1.0, 4.0, 12.0)
"""What was just decided is in the store a moment later: then it is asked again."""


class _OpenEpisodes:
    """What one page shows of the open episodes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = -1
        self._at_ms = 0
        self._again_ms = _AGAIN_S * 1000

    def make(self, now_ms: int) -> dict[str, Any] | None:
        """The live message; None while nothing has changed."""
        seen = self._console.fleet.alarm_revision
        if seen == self._seen and now_ms - self._at_ms < self._again_ms:
            return None
        self._seen, self._at_ms = seen, now_ms
        return self.shown(now_ms)

    def shown(self, now_ms: int) -> dict[str, Any]:
        """The episodes, and the sentence above them."""
        console = self._console
        found = open_ones(console.fleet.all_alarms().values(), now_ms)
        with console.fleet.lock:
            codes = states(console.fleet, console.intake.away_since_ms or now_ms)
            hidden = console.fleet.hidden
            most = common_outage(console.fleet, codes, now_ms)
        # Fans that need somebody although the forecast has not said so.
        others = int((codes <= LAST_NEED).sum()) - len(found)
        unjudged = int((codes == _UNKNOWN).sum())
        away = console.intake.away_since_ms is not None
        shown = _marked(cards(console, found, now_ms), most)
        self._again_ms = 1000 * (_PAST_AGAIN_S if any(each["clock"] for each in shown) else _AGAIN_S)
        return {
            "episodes": shown,
            "calm": others <= 0 and len(codes) > 0 and not away and not hidden and not unjudged,
            "empty": when_empty(len(codes), others, away, hidden, unjudged, most),
            "head": headline(found, now_ms),
            "most": most.text if most else "",
        }


def _marked(shown: list[dict[str, Any]], most: Outage | None) -> list[dict[str, Any]]:
    """Cards of one trouble of most fans come first, under one head."""
    fans = most.fans if most else frozenset()
    marked = [{**each, "many": each["device"] in fans} for each in shown]
    return sorted(marked, key=lambda each: not each["many"])


def register(console: Console) -> None:
    """Adds the page."""

    @ui.page("/alarms")
    def page() -> None:
        told = _OpenEpisodes(console)
        with shell.frame(console, "Alarms", at="alarms", make=told.make):
            now = told.shown(time.time_ns() // 1_000_000)
            ui.html("Alarms", sanitize=False, tag="h1")
            ended = _PastEpisodes(console)
            with ui.element("section").props('aria-label="Open episodes"').classes("ac-section"):
                Episodes(console, now.pop("episodes"), ended.soon, live=True, **now)
            with ui.element("section").props('aria-labelledby="past"').classes("ac-section"):
                ui.html(f"The last {DAYS} days", sanitize=False, tag="h2").props('id="past"')
                ended.build()


class _PastEpisodes:
    """The episodes of the past, as one page shows them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._device = ""
        """Whose are shown; empty for all fans'."""

    def build(self) -> None:
        """Builds the list, and has it filled and kept up to date."""
        with ui.element("label").classes("ep-field ep-find"):
            ui.html("Of one fan only", sanitize=False, tag="span")
            # A change is told by Enter or by leaving the field, and by the cross that empties it.
            looked = ui.element("input").classes("ep-input")
            looked.props('type="search" maxlength="64" placeholder="such as fan-07" autocomplete="off"')
            looked.props('autocapitalize="none" spellcheck="false"')
            for event in ("change", "search"):
                looked.on(event, self._look, js_handler="(event) => emit(event.target.value)")
        self._trouble = ui.label("Asking the store …").classes("fw-soft").props('role="status"')
        self._listed = Episodes(self._console, [], self.soon, past=True, empty=_none(""))
        self._listed.set_visibility(False)
        ui.timer(_PAST_S, self.refresh, immediate=True)

    async def _look(self, event: GenericEventArguments) -> None:
        device = str(event.args).strip()[:64]
        if device == self._device:
            return
        self._device = device
        await self.refresh()

    async def soon(self) -> None:
        """Asks the store anew, several times while what was decided gets there."""
        for wait_s in _STORED_S:
            await asyncio.sleep(wait_s)
            if self._listed.is_deleted:
                return
            await self.refresh()

    async def refresh(self) -> None:
        """Asks the store anew."""
        console, device = self._console, self._device
        if device and DEVICE_ID.fullmatch(device) is None:
            self._say("A fan’s name has letters, digits, _ and - only.")
            self._listed.set_visibility(False)
            return
        try:
            episodes, stored, labels, turns = await console.store.ask(newest, device, DAYS, SHOWN_PAST)
        except FanwatchError:
            self._say("The history is not there while the store is away; it comes back by itself.")
            return
        if device != self._device or self._listed.is_deleted:
            return  # another fan's were asked for meanwhile
        now_ms = time.time_ns() // 1_000_000
        still = {each.episode for each in open_ones(console.fleet.all_alarms().values(), now_ms)}
        self._say(left_out(len(episodes), stored, device))
        self._listed.set_visibility(True)
        ended = past(episodes, labels, turns, still)
        shown = [past_card(each, console.fleet.clock_of(each.device, now_ms)) for each in ended]
        self._listed.show(episodes=shown, empty=_none(device))

    def _say(self, words: str) -> None:
        self._trouble.set_text(words)
        self._trouble.set_visibility(bool(words))


def _none(device: str) -> str:
    return (
        f"No episode of {device} has ended in the last {DAYS} days."
        if device
        else "No episode has ended yet."
    )


def when_empty(
    fans: int, others: int, away: bool, hidden: int, unjudged: int = 0, most: Outage | None = None
) -> str:
    if not fans:
        return "The broker is away: no fan is known yet." if away else "No fan has been heard of yet."
    if away:
        return "None was open when the broker was heard of last."
    if others <= 0 and hidden:
        count, it = ("One fan is", "it is") if hidden == 1 else (f"{hidden:,} fans are", "they are")
        return f"No alarm is open. {count} not shown, though, and how {it} is not known here."
    if others <= 0 and unjudged:
        are = "is" if unjudged == 1 else "are"
        return f"No alarm is open, but {unjudged:,} of {fans:,} fans {are} not judged: the fleet says why."
    if others <= 0:
        return "Nothing needs you. Every fan that is heard of is well."
    if most is not None:
        return f"No alarm is open. {most.text}"
    need = "One fan needs a look" if others == 1 else f"{others} fans need a look"
    return f"No alarm is open. {need} though: the fleet shows {'it' if others == 1 else 'them'} first."


def headline(found: list[Alarm], now_ms: int) -> str:
    """How many are open, and how many of them are in nobody's hand: the number that the fleet's headline counts."""
    if not found:
        return "No open episodes"
    count, waiting = len(found), sum(not each.in_hand(now_ms) for each in found)
    head = f"{count} open" if count <= SHOWN_OPEN else f"{count} open, the {SHOWN_OPEN} most urgent are shown"
    if waiting:
        return f"{head}, {waiting} not acknowledged yet"
    quiet = any(not each.acknowledged for each in found)
    return f"{head}, all acknowledged{' or snoozed' if quiet else ''}"
