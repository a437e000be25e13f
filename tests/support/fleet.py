"""A few fans that publish in real time, and that a test can break and unplug."""

import random
import threading
import time

from fanwatch.broker.tools import client, end_loop
from fanwatch.settings import BrokerSettings
from tests.support.ledger import Key, reading

PER_SECOND = 2.0
_CONFIRM_S = 20.0
# Well inside the boxes that the default model was trained on, so that what a fan is said to be is never a close call.
_HEALTHY = {
    "rotation": (560, 640),
    "temperature": (37, 43),
    "vibration": (120, 180),
    "sound": (46.5, 50.5),
}
_WORN = {"rotation": (420, 470), "temperature": (50, 54), "vibration": (225, 245), "sound": (56, 59)}


class LiveFans(threading.Thread):
    """Publishes a reading of each fan twice a second, at QoS 1, until `end`."""

    def __init__(self, port: int, names: list[str]) -> None:
        super().__init__(daemon=True)
        self.names = names
        self.worn: set[str] = set()
        self.unplugged: set[str] = set()
        self.published: set[Key] = set()
        self._random = random.Random(7)
        self._ended = threading.Event()
        settings = BrokerSettings(broker_port=port)
        self._client = client(settings)
        self._client.connect(settings.broker_host, settings.broker_port)
        self._client.loop_start()
        self.start()

    def run(self) -> None:
        handles = []
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / PER_SECOND
            now_ms = time.time_ns() // 1_000_000
            for name in sorted(set(self.names) - self.unplugged):
                boxes = _WORN if name in self.worn else _HEALTHY
                values = {sensor: round(self._random.uniform(*box), 2) for sensor, box in boxes.items()}
                handles.append(self._client.publish("fan/messages", reading(name, now_ms, **values), qos=1))
                self.published.add((name, now_ms))
        for handle in handles:
            handle.wait_for_publish(_CONFIRM_S)

    def end(self) -> None:
        """Returns when all that was published is confirmed."""
        self._ended.set()
        self.join(2 * _CONFIRM_S)
        self._client.disconnect()
        end_loop(self._client)

    def publish(self, payload: bytes) -> None:
        """Anything, as any client could."""
        self._client.publish("fan/messages", payload, qos=1).wait_for_publish(_CONFIRM_S)
