"""Pipeline: how each part is, whether every reading was scored, and those that could not be."""

import asyncio
import time
from typing import Any, Final

from nicegui import events, ui

from console import health, shell
from console.auth.access import technician, visitor
from console.context import Console
from console.health import Health
from console.words import SIGNS
from fanwatch.errors import FanwatchError
from fanwatch.logs import Log
from fanwatch.store import dead_letters
from fanwatch.store.parts import WINDOW_S
from fanwatch.store.unusable_readings import REASONS

_EVERY_S: Final = 10.0
_FRESH_S: Final = 5.0
"""So long viewers share one look at the parts."""
_SHOWN: Final = 200
_MOST_TEXT: Final = 4000
_WORDS: Final = {
    "ok": "Works",
    "attention": "Look here",
    "down": "Does not work",
    "unknown": "Not known",
    "off": "Off",
}
_LOG = Log("console")


class _Looks:
    """What was seen of the parts last, for all viewers together."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = asyncio.Lock()
        self._at = -_FRESH_S
        self._seen: Health | None = None

    async def look(self) -> Health:
        """At most every few seconds anew."""
        async with self._lock:
            if self._seen is None or time.monotonic() - self._at >= _FRESH_S:
                console = self._console
                trouble = (
                    f"It does not answer at {console.intake.where}." if console.intake.away_since_ms else None
                )
                self._seen = await console.call(
                    health.collect,
                    None if console.store.off else console.store.store,
                    console.gateway.answers,
                    trouble,
                )
                self._at = time.monotonic()
            return self._seen


class Pipeline(shell.Component, component="../assets/pipeline.js"):
    """The page's content; sending again is checked here, whatever the browser shows."""

    def __init__(self, console: Console, looks: _Looks) -> None:
        may, operator = visitor().may_act, console.operator is not None
        super().__init__(may=may, operator=operator, signs=SIGNS, health=None, letters=None)
        self._console, self._store = console, console.store
        self._looks = looks
        self._sending = False
        self.on("show", self._show)
        self.on("resend", self._resend)

    async def refresh(self) -> None:
        """Looks at everything and shows it."""
        seen = await self._looks.look()
        fleet, now_ms = self._console.fleet, time.time_ns() // 1_000_000
        with fleet.lock:
            past = fleet.senders.past_ms(now_ms) > 0
        self.show(health=described(seen, past), letters=await self._letters())

    async def _letters(self) -> list[dict[str, Any]] | None:
        try:
            found = await self._store.ask(dead_letters.recent, _SHOWN)
            again = await self._store.ask(dead_letters.sent_again)
        except FanwatchError:
            return None
        return [_letter(each, again.get(each.id)) for each in found]

    async def _show(self, event: events.GenericEventArguments) -> None:
        identity = str(event.args)[:64]
        text, error = "", None
        try:
            visitor()
            letter = await self._store.ask(dead_letters.with_id, identity)
            text = dead_letters.described(letter)["payload"][:_MOST_TEXT]
        except FanwatchError as problem:
            error = str(problem)
        self.run_method("shown", identity, text, error)

    async def _resend(self, event: events.GenericEventArguments) -> None:
        identity = str(event.args)[:64]
        said, error = "", None
        try:
            by = technician().name
            letter = await self._sent(identity)
            _LOG.info("sent a dead letter again", letter=identity[:12], topic=letter.topic[:120], user=by)
            said = f"Sent to {letter.topic}. If it is refused again, it comes back here."
        except FanwatchError as problem:
            error = str(problem)
        self.run_method("sent", identity, said, error)

    async def _sent(self, identity: str) -> dead_letters.Letter:
        console = self._console
        if console.operator is None:
            raise FanwatchError(
                "This page may not write to the broker: set FANWATCH_OPERATOR_USER and _PASSWORD_FILE."
            )
        if self._sending:
            raise FanwatchError("One is being sent just now. Try again in a moment.")
        self._sending = True
        try:
            letter = await self._store.ask(dead_letters.with_id, identity)
            dead_letters.require_whole([letter])
            trouble = await console.call(dead_letters.resend, self._store.store, console.operator, letter)
            if trouble:
                _LOG.warning("a dead letter was sent again, which is not noted", why=trouble)
            return letter
        finally:
            self._sending = False


def register(console: Console) -> None:
    """Adds the page."""
    looks = _Looks(console)

    @ui.page("/pipeline")
    def page() -> None:
        with shell.frame(console, "Pipeline", at="pipeline"):
            ui.html("Pipeline", sanitize=False, tag="h1")
            shown = Pipeline(console, looks)
            ui.timer(_EVERY_S, shown.refresh, immediate=True)


def described(seen: Health, past: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "trouble": seen.trouble,
        "parts": [
            {"name": p.name, "does": p.does, "state": p.state, "word": _WORDS[p.state], "words": p.words}
            for p in seen.parts
        ],
        "counters": [[name, int(value)] for name, value in seen.counters.items()],
        "minutes": WINDOW_S // 60,
    }
    if seen.ledger is not None:
        state, words = health.in_words(seen.ledger, past)
        found["ledger"] = {
            "state": state, "words": words, "stored": seen.ledger.came, "scored": seen.ledger.scored,
            "dead": seen.ledger.dead,
        }  # fmt: skip
    return found


def _letter(each: dead_letters.Summary, sent: dead_letters.Sent | None) -> dict[str, Any]:
    return {
        "id": each.id,
        "reason": REASONS.get(each.reason, each.reason),
        "error": each.error or "",
        "topic": each.topic,
        "length": each.length,
        "count": each.count,
        "seen": each.time // 1_000_000,
        "whole": each.whole,
        "sent": sent.time // 1_000_000 if sent else None,
        # With more of them than there were then, one has come back.
        "refused": sent is not None and each.count > sent.letters,
    }
