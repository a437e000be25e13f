"""What is held in memory, bounded, and which functions each message goes to."""

import threading
import zlib
from collections import deque
from collections.abc import Mapping, Sequence

from connectors.mqtt import metrics
from connectors.mqtt.dead_letters import Identity, Letters
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.queue import Queue
from connectors.mqtt.worker import NO_FUNCTION
from fanwatch.broker import Message
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.messages.reading import MAX_READING_BYTES, oversized

# Routes are remembered for so many topics of at most so many characters; readings' topics are short.
_KNOWN_TOPICS = 20_000
_SHORT_TOPIC = 128
# Besides its payload, what Python keeps of a message.
_OVERHEAD_BYTES = 600


class Inbox:
    """Takes messages on the link's thread; workers give them back settled."""

    def __init__(self, *, held: int, held_bytes: int, letters: Letters, log: Log) -> None:
        """At most `held` messages and `held_bytes` bytes are kept; a last one may exceed them by its own size."""
        self._most = held
        self._most_bytes = held_bytes
        self._letters = letters
        self._log = log
        self._lock = threading.RLock()
        self._held = 0
        self._held_bytes = 0
        self._held_now: set[Delivery] = set()
        self._expected: dict[tuple[str, bytes], Delivery] = {}
        self._routes: dict[str, list[Queue]] = {}
        self._functions: dict[str, tuple[frozenset[str], Queue]] = {}
        self._waiting: deque[Delivery] = deque()
        self._abandoned: tuple[str, ...] = ()
        self.over = 0
        """Messages that left memory; grows."""
        self.let_go = False
        """Whether messages without a function were too many to hold: a new connection brings them again."""
        metrics.HELD.set_function(lambda: self._held)
        metrics.HELD_BYTES.set_function(lambda: self._held_bytes)
        metrics.WAITING.set_function(lambda: len(self._waiting))

    def has_room(self) -> bool:
        """Whether another message may be taken; twice as many while some of them may be held already."""
        fold = 2 if self._expected else 1
        return self._held < fold * self._most and self._held_bytes < fold * self._most_bytes

    def take(self, message: Message) -> None:
        """Routes a message to every function of its topic; an empty one of a reading's topic is over at once."""
        metrics.RECEIVED.value += 1
        if not message.payload and topics.is_readings(message.topic):
            # So somebody clears a message that the broker retained: it is no reading, and nothing is lost with it.
            metrics.EMPTY.value += 1
            ignored = Delivery(message, 0, lambda _over: None)
            ignored.expect(1)
            ignored.settle()
            return
        if self._expected:
            with self._lock:
                held = self._expected.pop((message.topic, message.payload), None)
            if held is not None and held.adopt(message):
                return
        size = _size(message)
        delivery = Delivery(message, size, self._release)
        with self._lock:
            self._held += 1
            self._held_bytes += size
            self._held_now.add(delivery)
            if len(message.payload) > MAX_READING_BYTES:
                self._refuse_oversized(delivery, message)
            else:
                self._route(delivery)

    def resumed(self) -> None:
        """The session was resumed: the broker sends again what is held, unless it lost that in a crash."""
        with self._lock:
            self._expected = {
                (delivery.topic, delivery.payload): delivery
                for delivery in self._held_now
                # Not those whose payload was too large to be held.
                if delivery.comes_again and delivery.size == _size(delivery)
            }

    def set_functions(self, functions: Mapping[str, tuple[frozenset[str], Queue]]) -> None:
        """Which topics each function takes, and where messages wait for its calls; those that had none are routed."""
        with self._lock:
            self._functions = dict(functions)
            self._routes = {}
            waiting, self._waiting = self._waiting, deque()
            # Before any newer message of their devices, which `take` routes under the same lock.
            for delivery in waiting:
                self._route(delivery)

    def waiting_topics(self) -> list[str]:
        """Topics of messages that wait for a function."""
        with self._lock:
            return sorted({delivery.topic for delivery in self._waiting})

    def abandon(self, filters: Sequence[str]) -> None:
        """From now on, messages of these topics that no function takes are dead letters, and no longer wait."""
        self._abandoned = (*self._abandoned, *filters)
        self.set_functions(self._functions)

    def _route(self, delivery: Delivery) -> None:
        routes = self._routes.get(delivery.topic)
        if routes is None:
            routes = self._find(delivery.topic)
        if not routes:
            self._without_function(delivery)
            return
        delivery.expect(len(routes))
        found = topics.NAMED_DEVICE.search(delivery.payload)
        delivery.key = zlib.crc32(found[1] if found else delivery.topic.encode())
        for queue in routes:
            queue.put(delivery)

    def is_taken(self, topic: str) -> bool:
        """Whether some function takes messages of `topic`."""
        return bool(self._takers(topic))

    def _takers(self, topic: str) -> list[Queue]:
        return [
            queue
            for filters, queue in self._functions.values()
            if any(topics.matches(f, topic) for f in filters)
        ]

    def _find(self, topic: str) -> list[Queue]:
        routes = self._takers(topic)
        if len(topic) <= _SHORT_TOPIC:
            if len(self._routes) >= _KNOWN_TOPICS:
                self._routes.clear()
            self._routes[topic] = routes
        return routes

    def _without_function(self, delivery: Delivery) -> None:
        delivery.expect(1)
        if any(topics.matches(pattern, delivery.topic) for pattern in self._abandoned):
            self._letters.reject(delivery, *NO_FUNCTION, 0)
        elif len(self._waiting) < self._most // 4:
            self._waiting.append(delivery)
            if len(self._waiting) == 1:
                self._log.warning(
                    "messages wait for a function of their topic",
                    topic=delivery.topic[:200],
                    hint="deploy it again, or run `fanwatch connector prune`",
                )
        else:
            self.let_go = True
            delivery.drop()

    def _refuse_oversized(self, delivery: Delivery, message: Message) -> None:
        delivery.expect(1)
        error = oversized(message.payload, over_mqtt=True)
        identity = Identity.of(message.topic, message.payload)
        message.payload = b""
        self._letters.reject_as(identity, delivery, "oversized", error, 0)

    def _release(self, delivery: Delivery) -> None:
        with self._lock:
            self._held -= 1
            self._held_bytes -= delivery.size
            self._held_now.discard(delivery)
            if self._expected:
                self._expected.pop((delivery.topic, delivery.payload), None)
            self.over += 1


def _size(message: Message | Delivery) -> int:
    return min(len(message.payload), MAX_READING_BYTES) + len(message.topic) + _OVERHEAD_BYTES
