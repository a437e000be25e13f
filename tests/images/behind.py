"""Our containers behind the local gateway: they answer on unix sockets in a folder that it watches.

Broker and gateway are processes of this machine, on loopback; the containers share its network.
"""

import shutil
from pathlib import Path
from urllib.request import urlopen

from fanwatch.settings import BrokerSettings
from local.sockets import status
from tests.images.building import Images
from tests.images.containers import Container, Containers
from tests.local.gateways import World, available
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.wait import until

_TOPICS = {"fanwatch.topics": "fan/messages,fan/+/messages", "fanwatch.batch": "256"}
_READY_S = 60


class Behind(World):
    """Starts nothing of ours but the broker and the gateway; `function` and `connect` start containers."""

    def __init__(self, directory: Path, images: Images, containers: Containers) -> None:
        super().__init__(directory)
        self.images = images
        self.containers = containers
        # The images' user makes sockets here, whoever runs the tests.
        self.sockets.chmod(0o777)
        self.broker = Mosquitto(directory / "mosquitto")
        self.declare("score-fan", annotations=_TOPICS)
        self.declare("infer-fan-lite")
        self.declare("infer-fan")
        self.front = self.gateway()
        self.parts: dict[str, Container] = {}

    @property
    def settings_of_broker(self) -> BrokerSettings:
        """How to reach the broker."""
        return self.broker.settings

    def function(self, name: str, generation: str = "0" * 8, *, infer: str = "infer-fan-lite") -> Container:
        """A replica of a function, ready; with stack.yml's settings and memory."""
        entry = self.images.stack.functions[name]
        socket = f"{name}-{generation}-0.sock"
        environment = {
            **entry.local_environment,
            "FUNCTION_NAME": name,
            "LISTEN_UDS": f"/sockets/{socket}",
        }
        if name == "score-fan":
            environment |= {
                "FANWATCH_INFER_FUNCTION": infer,
                "FANWATCH_GATEWAY_URL": f"http://127.0.0.1:{self.front.address}",
                "FANWATCH_BROKER_HOST": "127.0.0.1",
                "FANWATCH_BROKER_PORT": str(self.broker.port),
            }
        made = self.containers(
            self.images.function(name),
            network="host",
            memory=entry.limits["memory"],
            environment=environment,
            mounts={self.sockets: "/sockets"},
        )
        self.parts[name] = made
        until(lambda: made.alive() and (self.sockets / socket).exists(), _READY_S, f"{socket}")
        until(lambda: made.alive() and status(self.sockets / socket, "/_/ready", 5.0) == 200, _READY_S, name)
        available(self.front, name, 1)
        return made

    def connect(self) -> Container:
        """The connector, ready; one at a time."""
        self.connector_port = free_port()
        secrets = self.directory / "connector"
        secrets.mkdir(exist_ok=True)
        for name in ("user", "password"):
            shutil.copy(self.directory / name, secrets)
        made = self.containers(
            self.images.connector(),
            network="host",
            memory="192Mi",
            environment={
                "FANWATCH_BROKER_PORT": str(self.broker.port),
                "FANWATCH_GATEWAY_URL": f"http://127.0.0.1:{self.front.address}",
                "FANWATCH_GATEWAY_USER_FILE": "/secrets/user",
                "FANWATCH_GATEWAY_PASSWORD_FILE": "/secrets/password",
                "FANWATCH_CONNECTOR_HOST": "127.0.0.1",
                "FANWATCH_CONNECTOR_PORT": str(self.connector_port),
            },
            mounts={secrets: "/secrets:ro"},
        )
        self.parts["connector"] = made
        until(lambda: made.alive() and reachable(self.connector_port, "/readyz"), _READY_S, "the connector")
        return made

    def close(self) -> None:
        super().close()
        self.broker.kill()


def reachable(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Whether a GET gives 200."""
    try:
        with urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
