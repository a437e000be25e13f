"""What the live table shows of the stream: the last reading and result of each fan, and rates.

A subscriber of its own, QoS 0 and without a session, so that it costs the pipeline little and can lose what it likes.
"""

import contextlib
import json
import threading
import time
from collections import OrderedDict, deque
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from fanwatch.broker.tools import client, end_loop
from fanwatch.errors import InvalidReading
from fanwatch.messages import topics
from fanwatch.messages.fields import DEVICE
from fanwatch.messages.reading import Reading, Rules, parse_from_topic
from fanwatch.settings import BrokerSettings, ReadingSettings

FANS_KEPT = 500
_DROPPED = "$SYS/broker/publish/messages/dropped"
# Above this many messages a second it only takes samples: showing a stream shall not slow it down.
_SAMPLED_ABOVE = 400
_SAMPLE_S = 1.0
_PAUSE_S = 9.0
_NEWS_KEPT = 100
_ALARMS = "fan/+/alarm"
_TELEMETRY = topics.EVERY_READING


class Fan:
    """What was last seen of one fan; times are of time.monotonic()."""

    def __init__(self) -> None:
        self.reading: Reading | None = None
        self.read_at = 0.0
        self.result: dict[str, object] = {}
        self.scored_at = 0.0


class News(NamedTuple):
    """A fan's alarm that has changed."""

    device_id: str
    before: str | None
    """The state that was known before."""
    alarm: dict[str, object]


class Feed:
    """Follows the broker from `start` to `stop`; `first_result` is set by the first result."""

    def __init__(self, settings: BrokerSettings, rules: Rules | None = None) -> None:
        """`rules` are those of the deployment's readings; None: the defaults."""
        self._settings, self._rules = settings, rules or ReadingSettings().rules
        self._lock = threading.Lock()
        self._fans: OrderedDict[str, Fan] = OrderedDict()
        self._counts = {"readings": 0, "results": 0}
        self._alarms: dict[str, dict[str, object]] = {}
        self._changed: deque[News] = deque(maxlen=_NEWS_KEPT)
        self._since = time.monotonic()
        self._paused = False
        self.rates = {"readings": 0.0, "results": 0.0}
        self.dropped = 0
        self.first_result = threading.Event()
        self._client = client(settings)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)

    def start(self) -> None:
        """Connects in the background, and again whenever the broker was away."""
        self._client.connect_async(self._settings.broker_host, self._settings.broker_port)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        end_loop(self._client)

    @property
    def sampled(self) -> bool:
        """Whether there is too much to follow; then the rates here are no measure."""
        return self._paused or sum(self.rates.values()) > _SAMPLED_ABOVE

    def fans(self) -> list[tuple[str, Fan]]:
        """The fans seen, by name."""
        with self._lock:
            return sorted(self._fans.items())

    def alarms(self) -> dict[str, dict[str, object]]:
        """The alarm of each fan that has one, as it came."""
        with self._lock:
            return dict(self._alarms)

    def behind_s(self) -> float | None:
        """How far the newest reading's time lies behind this machine's; None without readings."""
        with self._lock:
            times = [fan.reading.timestamp_ms or 0 for fan in self._fans.values() if fan.reading]
        newest_ms = max(times, default=0)
        return time.time() - newest_ms / 1000 if newest_ms else None

    def news(self) -> list[News]:
        """Alarms that have changed since this was called last."""
        with self._lock:
            changed = list(self._changed)
            self._changed.clear()
        return changed

    def tick(self) -> None:
        """Call it about once a second: works out the rates, and pauses or resumes a stream that is too much to show."""
        now = time.monotonic()
        passed = now - self._since
        if self._paused:
            if passed >= _PAUSE_S:
                self._paused = False
                self._restart(now)
                self._client.subscribe([(topic, 0) for topic in (*_TELEMETRY, topics.RESULTS)])
            return
        if passed < _SAMPLE_S * 0.9:
            return
        with self._lock:
            counts = dict(self._counts)
        self.rates = {kind: count / passed for kind, count in counts.items()}
        self._restart(now)
        if sum(self.rates.values()) > _SAMPLED_ABOVE:
            self._paused = True
            self._client.unsubscribe([*_TELEMETRY, topics.RESULTS])

    def _restart(self, now: float) -> None:
        with self._lock:
            self._counts = dict.fromkeys(self._counts, 0)
        self._since = now

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 0) for topic in (*_TELEMETRY, topics.RESULTS, _ALARMS, _DROPPED)])

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        topic, content = "", None
        with contextlib.suppress(ValueError, RecursionError):
            topic = message.topic
            if topics.is_readings(topic):
                self._take_reading(topic, bytes(message.payload))
                return
            content = json.loads(message.payload) if len(message.payload) < 10_000 else None
        if topic == _DROPPED:
            self.dropped = content if isinstance(content, int) else self.dropped
            return
        parts = topic.split("/")
        if parts[-1] == "alarm":
            self.note_alarm(parts[1], content)
            return
        with self._lock:
            self._counts["results"] += 1
            if isinstance(content, dict):
                self.note_result(content)
        self.first_result.set()

    def _take_reading(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self._counts["readings"] += 1
            # score-fan says what is wrong with it.
            with contextlib.suppress(InvalidReading):
                self.note_reading(parse_from_topic(topic, payload, self._rules, time.time_ns() // 1_000_000))

    def note_alarm(self, device: str, content: object) -> None:
        """Takes what came on a fan's topic of alarms; None where that was emptied."""
        with self._lock:
            before = self._alarms.get(device)
            if not isinstance(content, dict):
                # Emptied: the fan was retired.
                self._alarms.pop(device, None)
                return
            if before is None and len(self._alarms) >= FANS_KEPT:
                return
            self._alarms[device] = content
            state = None if before is None else str(before.get("state"))
            if content.get("state") != (state or "ok"):
                self._changed.append(News(device, state, content))

    def note_reading(self, reading: Reading) -> None:
        """Takes a reading; hold the lock."""
        fan = self._fan(reading.device_id)
        fan.reading, fan.read_at = reading, time.monotonic()

    def note_result(self, content: dict[str, object]) -> None:
        """Takes a result as it came; hold the lock."""
        device = content.get(DEVICE)
        if isinstance(device, str) and topics.DEVICE_ID.fullmatch(device):
            fan = self._fan(device)
            fan.result, fan.scored_at = content, time.monotonic()

    def _fan(self, device: str) -> Fan:
        fan = self._fans.setdefault(device, Fan())
        if len(self._fans) > FANS_KEPT:
            self._fans.popitem(last=False)
        return fan
