"""An independent subscriber with paho's own client."""

import threading
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt

from fanwatch.broker import tools
from fanwatch.broker.tools import end_loop
from fanwatch.settings import BrokerSettings
from tests.support.wait import patience, until


class Listener:
    """Subscribed at QoS 1 once it is made; `got` holds (topic, payload) in the order of arrival."""

    def __init__(
        self, settings: BrokerSettings, *filters: str, client_id: str = "", session_expiry_s: int = 0
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        subscribed = threading.Event()
        self._client = tools.client(settings, client_id)

        def received(_client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
            self.got.append((message.topic, message.payload))

        def connected(client: mqtt.Client, *_rest: Any) -> None:
            client.subscribe([(name, 1) for name in filters])

        self._client.on_message = received
        self._client.on_connect = connected
        self._client.on_subscribe = lambda *_rest: subscribed.set()
        tools.connect(self._client, settings, session_expiry_s=session_expiry_s, clean=not session_expiry_s)
        self._client.loop_start()
        assert subscribed.wait(10 * patience()), "no SUBACK"

    def wait(self, count: int, timeout_s: float = 10) -> list[tuple[str, bytes]]:
        """Everything received, once it is `count` messages at least."""
        until(lambda: len(self.got) >= count, timeout_s, f"{count} messages, {len(self.got)} came")
        return list(self.got)

    def payloads(self, count: int, timeout_s: float = 10) -> list[bytes]:
        """The same, payloads only."""
        return [payload for _, payload in self.wait(count, timeout_s)]

    def close(self) -> None:
        """Disconnects."""
        self._client.disconnect()
        end_loop(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
