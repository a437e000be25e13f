"""A live fleet as a process, and who listens to it."""

import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.broker import tools
from fanwatch.broker.tools import end_loop
from fanwatch.messages.timestamps import parse_ms
from fanwatch.messages.topics import READINGS
from tests.support.mosquitto import ROOT, Mosquitto
from tests.support.process import Process


class Seen(NamedTuple):
    """A reading that arrived."""

    device_id: str
    time_ms: int
    values: tuple[float, ...]
    ahead_ms: int
    """How far its time was ahead of the clock when it came."""


class Listener:
    """A persistent QoS 1 subscriber of fan/messages; remembers readings in order of arrival."""

    def __init__(self, broker: Mosquitto) -> None:
        self.seen: list[Seen] = []
        subscribed = threading.Event()
        self._client = tools.client(broker.settings, "listener")
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_connect = lambda client, *_: client.subscribe(READINGS, qos=1)
        tools.connect(self._client, broker.settings, session_expiry_s=600, clean=False)
        self._client.loop_start()
        assert subscribed.wait(10)

    @property
    def identities(self) -> list[tuple[str, int]]:
        """deviceID and time in ms, in order of arrival."""
        return [(each.device_id, each.time_ms) for each in self.seen]

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        reading = msgspec.json.decode(message.payload)
        time_ms = parse_ms(reading["timeStamp"], ZoneInfo("UTC"))
        values = tuple(reading[name] for name in ("rotation", "temperature", "vibration", "sound"))
        ahead_ms = time_ms - time.time_ns() // 1_000_000
        self.seen.append(Seen(reading["deviceID"], time_ms, values, ahead_ms))

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        end_loop(self._client)


def simulator(
    port: int, directory: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Process:
    """The live fleet as a process."""
    given = {"PYTHONPATH": str(ROOT), "FANWATCH_BROKER_PORT": str(port), **(environment or {})}
    argv = [sys.executable, "-m", "simulator", "live", "--record", str(directory / "record"), *arguments]
    return Process(argv, directory / "simulator.log", given, directory)


def events(process: Process) -> dict[str, list[dict[str, Any]]]:
    """Its log lines by event."""
    found = defaultdict(list)
    for line in process.output().splitlines():
        event = msgspec.json.decode(line)
        found[event["event"]].append(event)
    return found
