"""What was published and is not confirmed: kept in memory, sent again after a reconnect, bounded."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt

from fanwatch.logs import Log
from fanwatch.messages.topics import READINGS

_WINDOW: Final = 500
"""Readings on their way at once; a larger window adds nothing, and message ids end at 65,535."""
_NOBODY_LISTENED: Final = 0x10
_FAILURES_FROM: Final = 0x80


class Entry(NamedTuple):
    """One reading to deliver."""

    device_id: str
    timestamp_ms: int
    payload: bytes


class Counts(NamedTuple):
    """Since the start. Every reading taken is confirmed, refused, dropped or still waiting."""

    confirmed: int
    """The broker has them."""
    unheard: int
    """Among the confirmed: nobody had subscribed, so the broker threw them away."""
    refused: int
    """The broker would not take them."""
    dropped: int
    """They came while the outbox was full."""
    waiting: int
    """In the outbox, or sent and not answered."""


class Outbox:
    """Delivers readings in order through a paho client, whose network thread must be running.

    paho sends again by itself what a lost connection left unanswered. Nothing newer is handed to it until
    that is confirmed, or a fan's readings could overtake each other.
    """

    def __init__(
        self,
        client: mqtt.Client,
        bound: int,
        log: Log,
        on_confirmed: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        self._client = client
        self._bound = bound
        self._log = log
        self._on_confirmed = on_confirmed
        self._lock = threading.Lock()
        self._waiting: deque[Entry] = deque()
        self._sent: dict[int, Entry] = {}
        self._resent: set[int] = set()
        self._early: dict[int, Any] = {}
        self._connected = self._missed = False
        self._confirmed = self._unheard = self._refused = self._dropped = self._dropped_now = 0
        client.max_inflight_messages_set(_WINDOW)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish

    def add(self, entries: list[Entry]) -> None:
        """Take readings, the newest last; those that do not fit are dropped, counted and said."""
        with self._lock:
            room = self._bound - len(self._waiting) - len(self._sent)
            self._waiting.extend(entries[:room] if room > 0 else ())
            lost = len(entries) - max(0, min(room, len(entries)))
            began, ended = lost and not self._dropped_now, self._dropped_now and not lost
            dropped = self._dropped_now
            self._dropped += lost
            self._dropped_now = self._dropped_now + lost if lost else 0
        if began:
            self._log.warning(
                "outbox full, new readings are dropped until the broker is back", bound=self._bound
            )
        if ended:
            self._log.warning("outbox has room again", dropped=dropped)

    def pump(self) -> None:
        """Hand to the client what may go now. Called from one thread only."""
        while True:
            with self._lock:
                blocked = not self._connected or self._resent or len(self._sent) >= _WINDOW
                if blocked or not self._waiting:
                    return
                entry = self._waiting.popleft()
            sent = self._client.publish(READINGS, entry.payload, qos=1)
            with self._lock:
                self._sent[sent.mid] = entry
                answered = sent.mid in self._early
                reason = self._early.pop(sent.mid, None)
            if answered:
                self._settle(sent.mid, reason)

    @property
    def connected(self) -> bool:
        """Whether the broker is there, as far as is known."""
        return self._connected

    def counts(self) -> Counts:
        """How it stands."""
        with self._lock:
            waiting = len(self._waiting) + len(self._sent)
            return Counts(self._confirmed, self._unheard, self._refused, self._dropped, waiting)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._log.warning("the broker refuses the connection", reason=str(reason))
            return
        with self._lock:
            self._resent = set(self._sent)
            self._connected, self._missed = True, False
        self._log.info("connected to the broker", again=len(self._resent), waiting=len(self._waiting))

    def _on_connect_fail(self, client: mqtt.Client, _data: Any) -> None:
        if not self._missed:
            self._missed = True
            self._log.warning(
                "no broker answers, keeping readings",
                broker=f"{client.host}:{client.port}",
                hint="FANWATCH_BROKER_HOST and FANWATCH_BROKER_PORT say where it is",
                bound=self._bound,
            )

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._lock:
            was, self._connected = self._connected, False
        if was and reason.is_failure:
            self._log.warning("lost the broker, keeping readings", reason=str(reason), bound=self._bound)

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        with self._lock:
            if mid not in self._sent:
                # The answer overtook the thread that is just noting what it sent.
                self._early[mid] = reason
                return
        self._settle(mid, reason)

    def _settle(self, mid: int, reason: Any) -> None:
        code = reason.value if reason is not None else 0
        with self._lock:
            entry = self._sent.pop(mid)
            self._resent.discard(mid)
            refused, unheard = code >= _FAILURES_FROM, code == _NOBODY_LISTENED
            said = (refused and not self._refused) or (unheard and not self._unheard)
            self._refused += refused
            self._unheard += unheard
            self._confirmed += not refused
        if said:
            self._log.warning("a reading went nowhere", deviceID=entry.device_id, reason=str(reason))
        if not refused:
            self._on_confirmed(entry)
