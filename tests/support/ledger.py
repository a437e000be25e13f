"""Both ends of the pipeline as records: what was published, and what an independent subscriber saw of it."""

import base64
import contextlib
import itertools
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fanwatch.broker.tools import end_loop
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.settings import BrokerSettings
from tests.support.wait import patience, until

Key = tuple[str, int]
"""deviceID and time in ms."""

VALUES = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
_UTC = zone("UTC")
_WINDOW = 800
_NO_SUBSCRIBER = 0x10


class Sent(NamedTuple):
    """One reading as it was published."""

    key: Key
    topic: str
    payload: bytes


def reading(device: str, ms: int, **changes: object) -> bytes:
    """A reading that is scored."""
    return json.dumps({"deviceID": device, "timeStamp": format_ms(ms), **VALUES, **changes}).encode()


def key_of(payload: bytes) -> Key:
    """Which reading a payload is, or is the result of."""
    content = json.loads(payload)
    return content["deviceID"], parse_ms(content["timeStamp"], _UTC)


class Fans:
    """Makes readings: devices in turn, times of each a millisecond apart; every second device has its own topic."""

    def __init__(self, prefix: str = "fan", devices: int = 20) -> None:
        self._names = [f"{prefix}-{number:02}" for number in range(devices)]
        self._base_ms = time.time_ns() // 1_000_000 - 3_600_000
        self._made = 0

    def make(self, count: int) -> list[Sent]:
        """The next `count` readings."""
        made = []
        for number in range(self._made, self._made + count):
            at = number % len(self._names)
            key = (self._names[at], self._base_ms + number // len(self._names))
            topic = f"fan/{key[0]}/messages" if at % 2 else "fan/messages"
            made.append(Sent(key, topic, reading(*key)))
        self._made += count
        return made


class Source:
    """Publishes at QoS 1, MQTT 5; what a lost connection left unconfirmed is sent again on the next one, in order."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._waiting: deque[Sent] = deque()
        self._pending: dict[int, Sent] = {}
        self._number = 0
        self._stopping = threading.Event()
        self.published: list[Sent] = []
        """All that was handed in."""
        self.confirmed_at: dict[Key, float] = {}
        """When the broker confirmed it, on the monotonic clock."""
        self.unheard: set[Key] = set()
        """The broker confirmed it, and had nobody to give it to."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def keys(self) -> set[Key]:
        """What was published."""
        return {sent.key for sent in self.published}

    def put(self, readings: Iterable[Sent]) -> None:
        """Publishes, now or once the broker is there."""
        made = list(readings)
        self.published += made
        with self._lock:
            self._waiting += made

    def flow(
        self, fans: Fans, *, rate: float, count: int = 10**9, stop: threading.Event | None = None
    ) -> None:
        """Publishes `rate` readings a second, so many or until `stop`."""
        stop = stop or threading.Event()
        began, made = time.monotonic(), 0
        while made < count and not stop.wait(0.01):
            due = min(count, int((time.monotonic() - began) * rate)) - made
            self.put(fans.make(due))
            made += due

    @contextlib.contextmanager
    def flowing(self, fans: Fans, rate: float, count: int = 10**9) -> Iterator[threading.Thread]:
        """Publishes in the background; at the end of the block at once, or after `count`."""
        stop = threading.Event()
        thread = threading.Thread(
            target=self.flow, args=(fans,), kwargs={"rate": rate, "count": count, "stop": stop}
        )
        thread.start()
        try:
            yield thread
            if count < 10**9:
                thread.join()
        finally:
            stop.set()
            thread.join()

    @property
    def unconfirmed(self) -> int:
        """How many the broker has not confirmed."""
        with self._lock:
            return len(self._waiting) + len(self._pending)

    def confirm(self, timeout_s: float = 30) -> None:
        """Waits until the broker has confirmed all."""
        until(lambda: self.unconfirmed == 0, timeout_s, f"{self.unconfirmed} confirmations")

    def close(self) -> None:
        """Ends, whatever is left."""
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except OSError:
                self._stopping.wait(0.05)

    def _serve(self) -> None:
        gone, there = threading.Event(), threading.Event()
        slots: dict[int, Any] = {}
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(_WINDOW)
        client.on_connect = lambda *_: there.set()
        client.on_disconnect = lambda *_: gone.set()
        client.on_publish = lambda _client, _data, mid, reason, _properties: self._answered(
            slots, mid, reason
        )
        client.connect(self._settings.broker_host, self._settings.broker_port, keepalive=30)
        client.loop_start()
        try:
            while not there.wait(0.05):
                if gone.is_set() or self._stopping.is_set():
                    return
            for number, sent in sorted(self._pending.items()):
                self._send(client, slots, number, sent)
            while not gone.is_set() and not (self._stopping.is_set() and not self._waiting):
                with self._lock:
                    room = _WINDOW - len(self._pending)
                    taken = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]
                    numbered = list(enumerate(taken, self._number))
                    self._number += len(taken)
                    self._pending.update(numbered)
                for number, sent in numbered:
                    self._send(client, slots, number, sent)
                if not taken:
                    gone.wait(0.002)
        finally:
            client.disconnect()
            end_loop(client)

    def _send(self, client: mqtt.Client, slots: dict[int, Any], number: int, sent: Sent) -> None:
        info = client.publish(sent.topic, sent.payload, qos=1)
        early = slots.setdefault(info.mid, number)
        if early is not number:
            self._confirm(slots, info.mid, number, early)

    def _answered(self, slots: dict[int, Any], mid: int, reason: Any) -> None:
        number = slots.setdefault(mid, reason)
        if number is not reason:
            self._confirm(slots, mid, number, reason)

    def _confirm(self, slots: dict[int, Any], mid: int, number: int, reason: Any) -> None:
        del slots[mid]
        with self._lock:
            sent = self._pending.pop(number, None)
        if sent is not None:
            self.confirmed_at[sent.key] = time.monotonic()
            if reason.value == _NO_SUBSCRIBER:
                self.unheard.add(sent.key)


class Witness:
    """An independent subscriber of results and dead letters, with a session that outlives its connections."""

    def __init__(self, settings: BrokerSettings, *, dead_letters: bool = True) -> None:
        self.results: Counter[Key] = Counter()
        self.first_at: dict[Key, float] = {}
        self.order: dict[str, list[int]] = {}
        """A device's times, as their results first came."""
        self.differing: list[Key] = []
        """Results of one reading that were not the same bytes."""
        self.letters: list[dict[str, Any]] = []
        self.last_at = time.monotonic()
        self._bytes: dict[Key, bytes] = {}
        topics = ["fan/anomaly", *(["dead-letter/#"] if dead_letters else [])]
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="fault-witness", protocol=MQTTProtocolVersion.MQTTv5
        )
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 86_400
        self._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self._client.on_connect = lambda *_: self._client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._take(message)
        self._client.connect(
            settings.broker_host, settings.broker_port, keepalive=30, clean_start=False, properties=properties
        )
        self._client.loop_start()
        assert self._subscribed.wait(10 * patience()), "the witness is not subscribed"

    @property
    def scored(self) -> set[Key]:
        """What has a result."""
        return set(self.results)

    @property
    def dead(self) -> set[Key]:
        """What has a dead letter, of those that can be read."""
        found = set()
        for letter in list(self.letters):
            try:
                found.add(key_of(base64.b64decode(letter["payload"])))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    @property
    def duplicated(self) -> int:
        """Results beyond the first of their reading."""
        return sum(self.results.values()) - len(self.results)

    def close(self) -> None:
        """Ends the connection; the session stays."""
        self._client.disconnect()
        end_loop(self._client)

    def _take(self, message: mqtt.MQTTMessage) -> None:
        self.last_at = time.monotonic()
        if message.topic != "fan/anomaly":
            self.letters.append(json.loads(message.payload) | {"on": message.topic})
            return
        key = key_of(message.payload)
        self.results[key] += 1
        if self._bytes.setdefault(key, message.payload) != message.payload:
            self.differing.append(key)
        if self.results[key] == 1:
            self.first_at[key] = self.last_at
            self.order.setdefault(key[0], []).append(key[1])


class Counts(NamedTuple):
    """One run's figures."""

    published: int
    scored: int
    dead_lettered: int
    lost: int
    duplicated: int


def settled(source: Source, witness: Witness, timeout_s: float) -> None:
    """Waits until every published reading has a result or a dead letter."""
    wanted = source.keys

    def complete() -> bool:
        time.sleep(0.05)
        if len(witness.results) + len(witness.letters) < len(wanted):
            return False
        return wanted <= witness.scored | witness.dead

    try:
        until(complete, timeout_s, "every reading scored or dead-lettered")
    except AssertionError as error:
        missing = sorted(wanted - witness.scored - witness.dead)
        raise AssertionError(f"{error}: {len(missing)} of {len(wanted)} are missing, {missing[:3]}") from None


def identity(
    source: Source,
    witness: Witness,
    *,
    dead: Iterable[Key] = (),
    timeout_s: float = 30,
    stored: Callable[[], set[Key]] | None = None,
) -> Counts:
    """published = scored ∪ dead-lettered, disjoint; `dead` are those that must be dead letters, and no others.

    Also: a device's results come first in the order of its readings, a repeated result is the same bytes, and what
    `stored` reads is what was scored.
    """
    source.confirm(timeout_s)
    settled(source, witness, timeout_s)
    return check(source, witness, dead=dead, timeout_s=timeout_s, stored=stored)


def check(
    source: Source,
    witness: Witness,
    *,
    dead: Iterable[Key] = (),
    timeout_s: float = 30,
    stored: Callable[[], set[Key]] | None = None,
    missing: Iterable[Key] = (),
) -> Counts:
    """The same of what has come so far; `missing` are readings that may be lost."""
    published, scored, letters = source.keys, witness.scored, witness.dead
    assert letters == set(dead), f"dead letters: {[letter['error'] for letter in witness.letters][:3]}"
    assert not scored & letters, "a reading was both scored and dead-lettered"
    assert published - set(missing) <= scored | letters
    assert scored | letters <= published, "results of readings that nobody published"
    assert witness.differing == []
    for device, times in witness.order.items():
        assert times == sorted(times), f"{device}'s results came in another order than its readings"
    if stored is not None:
        until(lambda: time.sleep(0.1) or stored() == scored, timeout_s, "stored = scored")
    lost = len(published - scored - letters)
    return Counts(len(published), len(scored), len(letters), lost, witness.duplicated)


def recovery_s(source: Source, witness: Witness, since: float) -> float:
    """Seconds from `since` until everything that the broker had taken by then was scored."""
    before = [key for key, at in list(source.confirmed_at.items()) if at <= since]
    return max((witness.first_at[key] - since for key in before if key in witness.first_at), default=0.0)


def longest_pause_s(witness: Witness) -> float:
    """The longest time without a new result."""
    times = sorted(witness.first_at.values())
    return max((later - sooner for sooner, later in itertools.pairwise(times)), default=0.0)
