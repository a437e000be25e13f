"""Whether another client uses this connector's id: told by the broker's DISCONNECT, or by its log."""

import threading
import time
from collections import deque
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.mqtt import metrics
from fanwatch.broker import Publisher
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings
from fanwatch.store.takeovers import LOG, SURE, WITHIN_S, logged, said

_LATELY_S = 5.0
"""Within which a session that is gone was thrown away by whoever took it over."""


class IdConflict:
    """What was seen of other clients with this id. Any thread may tell and ask."""

    def __init__(self, client_id: str, log: Log) -> None:
        self.client_id = client_id
        self._said = said(client_id, connector=True)
        self._log = log
        self._lock = threading.Lock()
        self._seen: deque[float] = deque(maxlen=SURE)
        self._warned = False
        metrics.ID_TAKEN.set_function(lambda: bool(self.trouble))

    def taken(self, *, sure: bool = False) -> None:
        """The id was taken over; `sure` where it was certainly not this process itself that did."""
        with self._lock:
            self._seen.extend([time.monotonic()] * (SURE if sure else 1))
            warn = self._is_sure() and not self._warned
            self._warned = self._warned or warn
        metrics.TAKEN_OVER.inc()
        if warn:
            self._log.error("another client uses this connector's id", id=self.client_id, hint=self._said)

    @property
    def trouble(self) -> str | None:
        """What is wrong, and what to do; None where nobody else uses the id."""
        with self._lock:
            if self._is_sure():
                return self._said
            self._warned = False
        return None

    def lately(self) -> bool:
        """Whether it was taken over just now, even if only once."""
        with self._lock:
            return bool(self._seen) and time.monotonic() - self._seen[-1] < _LATELY_S

    def _is_sure(self) -> bool:
        return len(self._seen) == SURE and time.monotonic() - self._seen[0] < WITHIN_S


class Listening(Publisher):
    """A publisher under an id of its own, which hears the broker's log where it may."""

    def __init__(self, settings: BrokerSettings, log: Log, *, name: str, conflict: IdConflict) -> None:
        self._id_conflict = conflict
        super().__init__(settings, log, name=name)

    def prepare(self, client: mqtt.Client) -> None:
        super().prepare(client)
        client.on_message = self._heard

    def opened(self, client: mqtt.Client, session_present: bool) -> None:
        super().opened(client, session_present)
        client.subscribe([(LOG, SubscribeOptions(qos=0))])

    def _heard(self, _client: object, _userdata: object, message: Any) -> None:
        if logged(bytes(message.payload)) == self._id_conflict.client_id:
            self._id_conflict.taken()
