"""Dead letters: published until the broker has them and somebody keeps them; only then is the message acknowledged."""

import base64
import hashlib
import queue
import threading

import msgspec

from connectors.mqtt import metrics
from connectors.mqtt.delivery import Delivery
from fanwatch.broker import PUBLISHED, Publisher
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.messages.reading import MAX_READING_BYTES
from fanwatch.messages.timestamps import format_ns

_A_GROUP = 100
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0


class Letter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rejected message on the wire, with all that is needed to understand it and to send it again."""

    id: str
    """SHA-256 of topic, NUL and payload: the same message, rejected twice, has the same one."""
    payload: str
    """Base64 of at most MAX_READING_BYTES bytes."""
    length: int
    sha256: str
    """Of the whole payload."""
    topic: str
    reason: str
    error: str
    attempts: int
    first_seen: str
    first_seen_ns: str
    connector: str
    device_id: str | None = msgspec.field(default=None, name="deviceID")
    """The fan that it came from, where topic or payload says so: it is heard, though it cannot be used."""


class Identity(msgspec.Struct, frozen=True):
    """What is kept of a payload that may be too large to be held."""

    id: str
    sha256: str
    length: int
    start: bytes

    @classmethod
    def of(cls, topic: str, payload: bytes) -> "Identity":
        """Digests of the whole, bytes of the start."""
        return cls(
            hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest(),
            hashlib.sha256(payload).hexdigest(),
            len(payload),
            payload[:MAX_READING_BYTES],
        )


class Letters:
    """A thread that publishes dead letters; bounded by the inbox, which holds their messages until then."""

    def __init__(self, publisher: Publisher, connector_id: str, log: Log) -> None:
        self._publisher = publisher
        self._connector_id = connector_id
        self._log = log
        self._queue: queue.SimpleQueue[tuple[Delivery, Letter] | None] = queue.SimpleQueue()
        self._last_ns = 0
        self._naming = threading.Lock()
        self._stopping = threading.Event()
        self._waiting = 0
        self._warned = False
        self._thread = threading.Thread(target=self._run, name="dead letters", daemon=True)
        self._thread.start()

    def reject(self, delivery: Delivery, reason: str, error: str, attempts: int) -> None:
        """Queues the dead letter of a delivery whose payload is held."""
        self.reject_as(Identity.of(delivery.topic, delivery.payload), delivery, reason, error, attempts)

    def reject_as(
        self, identity: Identity, delivery: Delivery, reason: str, error: str, attempts: int
    ) -> None:
        """The same for one whose payload is known by its identity only."""
        with self._naming:
            # InfluxDB keeps dead letters by time: no two of one connector share theirs.
            self._last_ns = max(delivery.first_seen_ns, self._last_ns + 1)
            first_seen_ns = self._last_ns
        letter = Letter(
            id=identity.id,
            payload=base64.b64encode(identity.start).decode(),
            length=identity.length,
            sha256=identity.sha256,
            topic=delivery.topic,
            reason=reason,
            error=error[:1000],
            attempts=attempts,
            first_seen=format_ns(first_seen_ns),
            first_seen_ns=str(first_seen_ns),
            connector=self._connector_id,
            device_id=topics.sender_of(delivery.topic, identity.start),
        )
        self._log.warning(
            "message rejected", id=letter.id, topic=letter.topic[:200], reason=reason, error=error
        )
        self._queue.put((delivery, letter))

    def stop(self, timeout_s: float) -> None:
        """Publishes what it can at once and ends."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        pending: list[tuple[Delivery, Letter]] = []
        while not (self._stopping.is_set() and self._queue.empty()):
            pending += self._take(wait_s if pending else None)
            pending = self._publish(pending)
            metrics.UNDELIVERED.set(len(pending))
            if not pending:
                wait_s, self._warned = _FIRST_WAIT_S, False
            elif self._stopping.wait(wait_s):
                return
            else:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _take(self, timeout_s: float | None) -> list[tuple[Delivery, Letter]]:
        taken: list[tuple[Delivery, Letter]] = []
        try:
            first = self._queue.get_nowait() if timeout_s else self._queue.get()
            while first is not None and len(taken) < _A_GROUP:
                taken.append(first)
                first = self._queue.get_nowait()
        except queue.Empty:
            pass
        return taken

    def _publish(self, pairs: list[tuple[Delivery, Letter]]) -> list[tuple[Delivery, Letter]]:
        """Those that nobody has taken yet."""
        left: list[tuple[Delivery, Letter]] = []
        for start in range(0, len(pairs), _A_GROUP):
            group = pairs[start : start + _A_GROUP]
            messages = [
                (topics.dead_letter(letter.topic), msgspec.json.encode(letter)) for _, letter in group
            ]
            try:
                outcomes = self._publisher.publish(messages)
            except Unavailable as error:
                outcomes = [str(error)] * len(group)
            for (delivery, letter), outcome in zip(group, outcomes, strict=True):
                if outcome == PUBLISHED:
                    metrics.DEAD_LETTERED.labels(letter.reason).inc()
                    delivery.settle()
                else:
                    self._warn(outcome)
                    left.append((delivery, letter))
        return left

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            self._log.warning(
                "dead letters wait, and their messages stay unacknowledged",
                why=why,
                hint="is Telegraf's session for dead-letter/# there?",
            )
