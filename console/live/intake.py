"""From the broker into the live fleet, on the link's own thread."""

import contextlib
import math
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from console.live.fleet import Fleet
from console.live.senders import Refusal
from fanwatch.broker.link import Link
from fanwatch.errors import InvalidReading
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.messages.alarm import InvalidAlarm, decode_alarm
from fanwatch.messages.reading import MAX_READING_BYTES, parse_from_topic
from fanwatch.messages.result import InvalidResult, parse_result
from fanwatch.settings import BrokerSettings, ReadingSettings

_RETAINED_S = 10.0
"""Seconds after a connect within which all that the broker retains has come."""
_TIDY_S = 5.0
_FILTERS = (*topics.EVERY_READING, topics.RESULTS, topics.ALARMS)


class Intake(Link):
    """A clean session at QoS 0: what the page misses while it is away, it does not need; alarms are retained."""

    def __init__(
        self, fleet: Fleet, settings: BrokerSettings, readings: ReadingSettings, log: Log, *, client_id: str
    ) -> None:
        super().__init__(settings, log, client_id=client_id)
        self._fleet = fleet
        self._rules = readings.rules
        self.away_since_ms: int | None = time.time_ns() // 1_000_000
        """Since when the broker is away, ms since the epoch; None while it is there."""
        self._seen: set[str] = set()
        """Fans whose alarm came on this connection."""
        self._sweep_at = math.inf
        self._tidy_at = 0.0
        self._hidden = 0
        """Fans without room, as was said last."""

    @property
    def where(self) -> str:
        """Host and port of the broker."""
        return self._where

    def prepare(self, client: mqtt.Client) -> None:
        client.on_message = self._received

    def opened(self, client: mqtt.Client, session_present: bool) -> None:
        options = SubscribeOptions(qos=0)
        client.subscribe([(name, options) for name in _FILTERS])
        self._seen.clear()
        self._sweep_at = time.monotonic() + _RETAINED_S
        with self._fleet.lock:
            self._fleet.listening_ms = time.time_ns() // 1_000_000
        self.away_since_ms = None

    def before_writing(self, client: mqtt.Client) -> None:
        # An alarm that was taken back while this page was away is not told of: it is missing from what is retained.
        if time.monotonic() > self._sweep_at:
            self._sweep_at = math.inf
            with self._fleet.lock:
                told = self._fleet.overflow.alarms.keys() | set(self._fleet.names)
                for name in told - self._seen:
                    self._fleet.forget_alarm(name)
        if time.monotonic() > self._tidy_at:
            self._tidy_at = time.monotonic() + _TIDY_S
            with self._fleet.lock:
                self._fleet.tidy(time.time_ns() // 1_000_000)
                hidden = self._fleet.hidden
            self._say(hidden)

    def _say(self, hidden: int) -> None:
        """Once for each trouble: it begins, it has doubled, it is over."""
        if hidden > 2 * self._hidden or (hidden == 0 < self._hidden):
            say = self._log.warning if hidden else self._log.info
            hint = "raise FANWATCH_CONSOLE_FANS" if hidden else ""
            say("fans are not shown, for want of room", fans=hidden, room=self._fleet.table.most, hint=hint)
            self._hidden = hidden

    def closed(self, client: mqtt.Client) -> None:
        self.away_since_ms = time.time_ns() // 1_000_000

    def _received(self, _client: object, _userdata: object, message: Any) -> None:
        # What says nothing to this page is score-fan's to refuse; a fan's refused reading is noted on the way.
        with contextlib.suppress(InvalidReading, InvalidResult, InvalidAlarm):
            self.take(message.topic, message.payload)

    def take(self, topic: str, payload: bytes) -> None:
        """Takes one message. InvalidReading, InvalidResult or InvalidAlarm for one that says nothing."""
        fleet = self._fleet
        if topic == topics.RESULTS:
            result, ms = parse_result(payload)
            with fleet.lock:
                fleet.score(result.deviceID, ms, result.fault, result.probability, result.cause)
                fleet.model = result.model
            return
        device = topics.alarm_device_of(topic)
        if device is None and not payload:
            return  # so a retained message is cleared: it is no reading, and nothing is wrong with it
        if device is None:
            self._take_reading(topic, payload, time.time_ns() // 1_000_000)
        elif payload:
            alarm = decode_alarm(topic, payload)
            with fleet.lock:
                fleet.alarm(alarm, time.time_ns() // 1_000_000)
                if fleet.find(device) is not None or device in fleet.overflow.alarms:
                    self._seen.add(device)
        else:
            self._seen.discard(device)
            with fleet.lock:
                fleet.forget(device)

    def _take_reading(self, topic: str, payload: bytes, now_ms: int) -> None:
        try:
            reading = parse_from_topic(topic, payload, self._rules, now_ms)
        except InvalidReading as error:
            self._refused(topic, payload, now_ms, error)
            raise
        with self._fleet.lock:
            self._fleet.reading(reading.device_id, reading.timestamp_ms or 0, reading.features, now_ms)

    def _refused(self, topic: str, payload: bytes, now_ms: int, error: InvalidReading) -> None:
        """Its fan is heard all the same; why it is refused is said as score-fan says it."""
        device = topics.sender_of(topic, payload[:MAX_READING_BYTES])
        if device is not None:
            clock = error.reason == "clock"
            refusal = Refusal(now_ms, payload, str(error), clock, self._rules.timezone)
            with self._fleet.lock:
                self._fleet.refused(device, refusal)
