"""Publishes at QoS 1 and hands out each message's PUBACK. Never queues while the broker is away."""

import os
import secrets
import socket
import threading
from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as mqtt

from fanwatch.broker.link import Link
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings

PUBLISHED = ""
"""The broker took the message and somebody is subscribed to it."""

NO_SUBSCRIBER = "nobody is subscribed to its topic"
"""The broker took the message, and it is gone: no session is subscribed to its topic."""

_PENDING = "no PUBACK in time"
_ENDED = "the connection to the broker ended before its PUBACK"
_NO_MATCHING_SUBSCRIBERS = 0x10
# Publishes on the way at most: Mosquitto, and so its receive maximum, is set to 1000. Counted here, a group at a time,
# because paho looks through all of them at each PUBACK.
_IN_FLIGHT = 1000


class Publisher(Link):
    """One connection for publishing; safe to share between threads.

    Messages of one `publish` call, and those of calls that follow one another, reach the broker in order.
    """

    def __init__(self, settings: BrokerSettings, log: Log, *, name: str) -> None:
        """Begins to connect, under a client id that starts with `name`; returns at once."""
        unique = f"{name}-{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__(settings, log, client_id=unique)
        self._current: tuple[mqtt.Client, dict[int, Any]] | None = None
        self._room = threading.Condition()
        self._flying = 0
        self.connections = 0
        """How many there were so far: a broker that has forgotten what it retained has been connected to anew."""
        self.start()

    def publish(self, messages: Sequence[tuple[str, bytes]], *, retain: bool = False) -> list[str]:
        """Publishes (topic, payload) pairs and waits for their PUBACKs, at most the broker's timeout in all.

        Returns for each PUBLISHED, NO_SUBSCRIBER, or a sentence that says why it was not taken.
        Raises Unavailable where the broker is away: then nothing was sent.
        """
        outcomes: list[str] = []
        for start in range(0, len(messages), _IN_FLIGHT):
            group = messages[start : start + _IN_FLIGHT]
            self._enter(len(group))
            try:
                outcomes += self._publish(group, retain)
            finally:
                self._leave(len(group))
        return outcomes

    def _enter(self, count: int) -> None:
        with self._room:
            if not self._room.wait_for(
                lambda: self._flying + count <= _IN_FLIGHT, self._settings.broker_timeout
            ):
                raise Unavailable(
                    f"The broker at {self._where} acknowledges too slowly: nothing was published."
                )
            self._flying += count

    def _leave(self, count: int) -> None:
        with self._room:
            self._flying -= count
            self._room.notify_all()

    def _publish(self, messages: Sequence[tuple[str, bytes]], retain: bool) -> list[str]:
        current = self._current
        if current is None:
            raise Unavailable(f"The broker at {self._where} is away: nothing was published.")
        client, slots = current
        group = _Group(len(messages))
        for index, (topic, payload) in enumerate(messages):
            info = client.publish(topic, payload, qos=1, retain=retain)
            if info.rc != mqtt.MQTT_ERR_SUCCESS:
                group.settle(index, f"it was not sent: {mqtt.error_string(info.rc)}")
                continue
            slot = (group, index)
            early = slots.setdefault(info.mid, slot)
            if early is not slot:  # its PUBACK was quicker than this line
                del slots[info.mid]
                group.settle(index, early)
        if self._current is not current:
            # It ended meanwhile, and `closed` may have been too early to see all of this group.
            group.end()
        outcomes = group.wait(self._settings.broker_timeout)
        if _PENDING in outcomes:
            # Their ids come round again: nothing of them may be left for the next message that gets one.
            for mid, late in list(slots.items()):
                if isinstance(late, tuple) and late[0] is group:
                    slots.pop(mid, None)
        return outcomes

    def prepare(self, client: mqtt.Client) -> None:
        client.max_inflight_messages_set(0)
        slots: dict[int, Any] = {}

        def acknowledged(
            _client: object, _userdata: object, mid: int, reason: Any, _properties: object
        ) -> None:
            outcome = _outcome(reason)
            # `setdefault` is one step for all threads: whoever comes second finds what the first one left.
            slot = slots.setdefault(mid, outcome)
            if slot is not outcome:
                del slots[mid]
                group, index = slot
                group.settle(index, outcome)

        client.on_publish = acknowledged
        client.user_data_set(slots)

    def opened(self, client: mqtt.Client, session_present: bool) -> None:
        self._current = (client, client.user_data_get())
        self.connections += 1

    def closed(self, client: mqtt.Client) -> None:
        self._current = None
        slots: dict[int, Any] = client.user_data_get()
        for slot in list(slots.values()):
            if isinstance(slot, tuple):
                group, index = slot
                group.settle(index, _ENDED)


class _Group:
    """The PUBACKs of one `publish` call."""

    def __init__(self, size: int) -> None:
        self._outcomes = [_PENDING] * size
        self._left = size
        self._counting = threading.Lock()
        self._all = threading.Event()

    def settle(self, index: int, outcome: str) -> None:
        with self._counting:
            self._outcomes[index] = outcome
            self._left -= 1
            if self._left == 0:
                self._all.set()

    def end(self) -> None:
        """Gives up what has no PUBACK yet."""
        with self._counting:
            self._outcomes = [_ENDED if outcome == _PENDING else outcome for outcome in self._outcomes]
            self._all.set()

    def wait(self, timeout_s: float) -> list[str]:
        if self._outcomes:
            self._all.wait(timeout_s)
        return list(self._outcomes)


def _outcome(reason: Any) -> str:
    if reason.value == 0:
        return PUBLISHED
    if reason.value == _NO_MATCHING_SUBSCRIBERS:
        return NO_SUBSCRIBER
    return f"the broker refused it: {reason}"
