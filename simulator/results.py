"""How far the pipeline is with the past that was played, so that it never has much of it to do before the present."""

import threading
import time
from typing import Any, Final

import msgspec
import paho.mqtt.client as mqtt

from fanwatch.messages.fields import TIME
from fanwatch.messages.topics import RESULTS

_WINDOW: Final = 1000
"""Readings of the past without a result, at most."""
_PATIENCE_S: Final = 10.0
"""After so long without any result, whoever reads no results (or may not) goes on all the same, a window at a time."""


class _Result(msgspec.Struct):
    time: str | None = msgspec.field(default=None, name=TIME)


class Results:
    """Counts results of readings from before the start; a subscription without a session, so that it costs little."""

    def __init__(self, client: mqtt.Client, start: str) -> None:
        """`start` is RFC 3339, as in results."""
        self._client = client
        self._start = start
        self._decode = msgspec.json.Decoder(_Result).decode
        self._lock = threading.Lock()
        self._open = 0
        self._heard = time.monotonic()
        client.message_callback_add(RESULTS, self._on_result)

    def listen(self) -> None:
        """From now on; before, every result would be one of the present."""
        self._heard = time.monotonic()
        self._client.subscribe(RESULTS, qos=0)

    def close(self) -> None:
        """The past is over."""
        self._client.unsubscribe(RESULTS)

    def expect(self, count: int) -> None:
        """So many readings of the past are on their way."""
        with self._lock:
            self._open += count

    def behind(self) -> bool:
        """Whether the past has to wait."""
        with self._lock:
            if self._open < _WINDOW:
                return False
            if time.monotonic() - self._heard > _PATIENCE_S:
                self._open, self._heard = 0, time.monotonic()
                return False
        return True

    def _on_result(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            time_stamp = self._decode(message.payload).time
        except msgspec.DecodeError:
            return
        if time_stamp is not None and time_stamp < self._start:
            with self._lock:
                self._open, self._heard = max(0, self._open - 1), time.monotonic()
