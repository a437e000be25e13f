"""What devices, operators and callers do with a deployment of containers."""

import urllib.request
from pathlib import Path

from tests.images.containers import Container

DEVICE = "fan-07"


class Outside:
    """`parts` by name, and in `directory` the secrets of all users."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.parts: dict[str, Container] = {}

    def address(self, part: str) -> str:
        """A part's address."""
        return self.parts[part].address

    def call(self, function: str, body: bytes | None = None) -> bytes | None:
        """What a function answers through the gateway, to a POST where there is a body; None for anything but 200."""
        url = f"http://{self.address('gateway')}:8080/function/{function}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=20) as answer:
                return bytes(answer.read()) if answer.status == 200 else None
        except OSError:
            return None

    def retained(self, topic: str) -> str:
        """The message that the broker keeps of a topic, as an operator gets it; AssertionError where it keeps none."""
        password = (self.directory / "secrets/services/operator/password").read_text(encoding="ascii")
        where = ["-h", "mosquitto.fanwatch", "-p", "8884", "--cafile", "/mosquitto/secrets/ca.crt"]
        who = ["-V", "mqttv5", "-u", "operator", "-P", password]
        take = ["-t", topic, "-C", "1", "-W", "20", "--retained-only"]
        return self.parts["mosquitto"].run("mosquitto_sub", *where, *who, *take)

    def publish(self, topic: str, payload: str) -> None:
        """One message of the device, over TLS, by mosquitto_pub in a container."""
        password = (self.directory / f"secrets/devices/{DEVICE}/password").read_text(encoding="ascii")
        where = ["-h", "mosquitto.fanwatch", "-p", "8883", "--cafile", "/mosquitto/secrets/ca.crt"]
        who = ["-V", "mqttv5", "-u", DEVICE, "-P", password, "-q", "1"]
        self.parts["mosquitto"].run("mosquitto_pub", *where, *who, "-t", topic, "-s", given=payload.encode())
