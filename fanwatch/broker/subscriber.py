"""Subscribes at QoS 1 with a persistent session and hands out each message with the duty to acknowledge it."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from fanwatch.broker.link import Link
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings


class Connection:
    """One connection of a session. Acknowledgements belong to it: after it ended their ids mean other messages.

    `superseded` turns true once a later connection resumed the session: the broker then sends again whatever was
    not acknowledged.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.acknowledged: deque[int] = deque()
        self.alive = True
        self.superseded = False

    def acknowledge(self, mid: int) -> bool:
        """Queues the PUBACK; False where this connection has ended."""
        if not self.alive:
            return False
        self.acknowledged.append(mid)
        self._wake()
        return True


class Message:
    """A message as it came: `acknowledge` it once its consequences are safe, or never."""

    __slots__ = ("_mid", "connection", "payload", "topic")

    def __init__(self, topic: str, payload: bytes, connection: Connection, mid: int) -> None:
        self.topic = topic
        self.payload = payload
        self.connection = connection
        self._mid = mid

    def acknowledge(self) -> bool:
        """Whether the PUBACK goes out; False where the connection has ended and the broker will send it again."""
        return self._mid == 0 or self.connection.acknowledge(self._mid)


class Subscriber(Link):
    """A client of one persistent session; `start` resumes it, `stop` leaves it, and it reconnects by itself meanwhile.

    While `has_room()` is false nothing is read from the socket. That is what bounds memory here, for Mosquitto
    keeps to a receive maximum only until the first PUBACK; call `wake` when there is room again.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        log: Log,
        *,
        client_id: str,
        session_expiry_s: int,
        receive_maximum: int,
        on_message: Callable[[Message], None],
        on_opened: Callable[[bool], None],
        on_taken_over: Callable[[], None] = lambda: None,
        has_room: Callable[[], bool],
    ) -> None:
        """`on_message`, `on_opened(session_present)` and `on_taken_over` run on the link's thread and must not wait."""
        super().__init__(
            settings,
            log,
            client_id=client_id,
            session_expiry_s=session_expiry_s,
            receive_maximum=receive_maximum,
        )
        self._deliver = on_message
        self._on_opened = on_opened
        self.wants_more = has_room  # type: ignore[method-assign]
        self.taken_over = on_taken_over  # type: ignore[method-assign]
        self._connection: Connection | None = None
        self._earlier: list[Connection] = []
        self._client_now: mqtt.Client | None = None
        self._filters: set[str] = set()
        self._asked: dict[int, list[str]] = {}
        # The answer may come before `subscribe` has said which number the question had.
        self._asking = threading.RLock()
        self.confirmed: frozenset[str] = frozenset()
        """Filters that the broker confirmed on this connection."""

    def subscribe(self, filters: Iterable[str]) -> None:
        """Subscribes at QoS 1, now and after every reconnect; `confirmed` and the log tell the outcome."""
        added = sorted(set(filters) - self._filters)
        self._filters.update(added)
        client = self._client_now
        if client is not None and added:
            self._ask(client, added)

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Ends subscriptions; Unavailable, and nothing is changed, while the broker is away."""
        removed = sorted(filters)
        client = self._client_now
        if client is None:
            raise Unavailable(f"The broker at {self._where} is away: subscriptions cannot be ended now.")
        self._filters.difference_update(removed)
        with self._asking:
            self.confirmed -= set(removed)
        if removed:
            client.unsubscribe(removed)

    def prepare(self, client: mqtt.Client) -> None:
        client.on_message = self._received
        client.on_subscribe = self._answered

    def opened(self, client: mqtt.Client, session_present: bool) -> None:
        if session_present:
            for earlier in self._earlier:
                earlier.superseded = True
        # What came before a session was lost, no later session knows of: those connections stay as they are.
        self._earlier.clear()
        self._connection = Connection(self.wake)
        self._earlier.append(self._connection)
        with self._asking:
            self._asked.clear()
            self.confirmed = frozenset()
        self._client_now = client
        # At once, and not when somebody asks: without a session, what is published until then is lost.
        if self._filters:
            self._ask(client, sorted(self._filters))
        self._on_opened(session_present)

    def closed(self, client: mqtt.Client) -> None:
        self._client_now = None
        if self._connection is not None:
            self._connection.alive = False

    def before_writing(self, client: mqtt.Client) -> None:
        connection = self._connection
        if connection is not None and connection.alive:
            acknowledged = connection.acknowledged
            while acknowledged:
                client.ack(acknowledged.popleft(), 1)

    def _received(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        connection = self._connection
        if connection is None:
            raise RuntimeError("a message came before its connection was accepted")
        self._deliver(
            Message(message.topic, bytes(message.payload), connection, message.mid if message.qos else 0)
        )

    def _ask(self, client: mqtt.Client, names: list[str]) -> None:
        # Retained messages come when a subscription is new, and not again with every start.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        with self._asking:
            _, mid = client.subscribe([(name, options) for name in names])
            if mid is not None:
                self._asked[mid] = names

    def _answered(
        self, _client: object, _userdata: object, mid: int, reasons: list[Any], _properties: object
    ) -> None:
        with self._asking:
            names = self._asked.pop(mid, [])
            for name, reason in zip(names, reasons, strict=False):
                if reason.is_failure:
                    self._log.error(
                        "subscription refused: check the broker's access rules",
                        topic=name,
                        reason=str(reason),
                    )
                else:
                    self.confirmed |= {name}
