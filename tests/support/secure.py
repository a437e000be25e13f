"""A real Mosquitto with the deployment's configuration: TLS, users and roles."""

import shutil
import threading
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from credentials.certificates import Certificates
from credentials.users import Users
from fanwatch.broker.tools import end_loop
from fanwatch.broker.transport import BufferedClient
from fanwatch.settings import BrokerSettings
from local import tools
from tests.support.ports import free_port, listens
from tests.support.process import Process
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("connector", "score-fan", "forecast-fan", "telegraf", "console", "operator")
DEVICES = ("fan-07", "fan-08")
GATEWAY = "hall-2"
_LISTENERS = {"devices": 8883, "services": 8884, "certificates": 8885}


class Deployment(Process):
    """The broker of infra/mosquitto/mosquitto.conf on free ports, all its paths below `directory`.

    Its users are SERVICES, named like their roles, DEVICES and GATEWAY, all with passwords; fan-08 and hall-2 have
    certificates as well.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.secrets = directory / "secrets"
        self.certificates, self.users = Certificates(self.secrets), Users(self.secrets)
        self.certificates.init([])
        self.users.prepare()
        for name in (*SERVICES, *DEVICES):
            self.add(name)
        self.add(GATEWAY, "gateway")
        for name in (DEVICES[1], GATEWAY):
            self.certificates.issue(name)
        config = directory / "config"
        shutil.copytree(ROOT / "infra/mosquitto/conf.d", config / "conf.d")
        (directory / "data").mkdir()
        self.ports = {name: free_port() for name in _LISTENERS}
        text = (ROOT / "infra/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
        for name, port in _LISTENERS.items():
            assert f"\nlistener {port}\n" in text
            text = text.replace(f"\nlistener {port}\n", f"\nlistener {self.ports[name]} 127.0.0.1\n")
        for part in ("config", "data"):
            text = text.replace(f"/mosquitto/{part}", str(directory / part))
        text = text.replace("/mosquitto/secrets", str(self.secrets / "mosquitto"))
        # The test's own user may read the folder; the one that Mosquitto would change to may not.
        (config / "conf.d/site.conf").write_text("user root\n", encoding="utf-8")
        (config / "mosquitto.conf").write_text(text, encoding="utf-8")
        argv = [tools.mosquitto(), "-c", str(config / "mosquitto.conf")]
        super().__init__(argv, directory / "mosquitto.log", {}, directory)
        self.wait()

    def wait(self) -> "Deployment":
        """Returns when it serves: it listens earlier than it can be sent a signal."""
        until(lambda: self.alive() and all(map(listens, self.ports.values())), 10, "the secured mosquitto")
        first = self.visit("operator")
        assert not first.refused
        first.close()
        return self

    def add(self, name: str, role: str | None = None) -> None:
        """A user with its folder, as `fanwatch users add` makes it."""
        self.certificates.distribute([self.users.home(self.users.add(name, role))])

    def settings(self, user: str, **changes: Any) -> BrokerSettings:
        """How `user` reaches its listener."""
        role = next(known.role for known in self.users.all() if known.name == user)
        group = "services" if role in SERVICES else "devices"
        home = self.secrets / group / user
        settings = BrokerSettings(
            broker_host="127.0.0.1",
            broker_port=self.ports[group],
            broker_user=user,
            broker_password_file=str(home / "password"),
            broker_ca_file=str(home / "ca.crt"),
        )
        return msgspec.structs.replace(settings, **changes)

    def environment(self, user: str) -> dict[str, str]:
        """The same as FANWATCH_* settings."""
        values = msgspec.structs.asdict(self.settings(user))
        return {f"FANWATCH_{name.upper()}": str(value) for name, value in values.items()}

    def publish_reading(self, payload: str) -> None:
        """One message at QoS 1 of fan-07; somebody's session must want it."""
        device = self.visit("fan-07")
        assert device.publish("fan/fan-07/messages", payload.encode()) == "Success"
        device.close()

    def visit(self, name: str, **options: Any) -> "Visitor":
        """A connection of a user with its password."""
        settings = self.settings(name)
        assert settings.broker_password_file
        password = Path(settings.broker_password_file).read_text(encoding="ascii")
        return Visitor(self, settings.broker_port, **{"user": name, "password": password, **options})

    def visit_with_certificate(self, name: str, **options: Any) -> "Visitor":
        """A connection of a device with its certificate."""
        return Visitor(
            self, self.ports["certificates"], pair=self.secrets / "devices" / name / "client", **options
        )


class _Client(mqtt.Client):
    """paho's, which alone would leave the socket of a refused broker open."""

    _ssl_wrap_socket = BufferedClient._ssl_wrap_socket


class Visitor:
    """One connection with paho's own client. `refused` says why there is none; "" where there is one."""

    def __init__(
        self,
        broker: Deployment,
        port: int,
        *,
        user: str = "",
        password: str = "",
        client_id: str = "",
        pair: Path | None = None,
        ca: Path | None = None,
        session_expiry_s: int = 0,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.refused = ""
        self.ended = ""
        self._answers: dict[int, str] = {}
        self._subscribed = threading.Event()
        self._open = threading.Event()
        self._client = _Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False
        )
        client = self._client
        if user:
            client.username_pw_set(user, password)
        client.tls_set(
            ca_certs=str(ca or broker.secrets / "mosquitto/ca.crt"),
            certfile=f"{pair}.crt" if pair else None,
            keyfile=f"{pair}.key" if pair else None,
        )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _c, _d, mid, reason, _p: self._answers.update({mid: str(reason)})
        client.on_subscribe = lambda *_rest: self._subscribed.set()
        client.on_message = lambda _c, _d, message: self.got.append((message.topic, message.payload))
        options: dict[str, Any] = {}
        if session_expiry_s:
            options["properties"] = mqtt.Properties(mqtt.PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = session_expiry_s
            options["clean_start"] = False
        try:
            client.connect("127.0.0.1", port, keepalive=60, **options)
        except OSError as error:
            self.refused = str(error)
            return
        client.loop_start()
        assert self._open.wait(10), "no answer to the connect"

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> str:
        """The broker's answer to one message at QoS 1."""
        handle = self._client.publish(topic, payload, qos=1, retain=retain)
        until(lambda: handle.mid in self._answers or self.ended, 10, "an answer to the publish")
        return self._answers.get(handle.mid, self.ended)

    def subscribe(self, *filters: str) -> "Visitor":
        """Returns once it is confirmed."""
        self._subscribed.clear()
        self._client.subscribe([(name, 1) for name in filters])
        assert self._subscribed.wait(10), "no SUBACK"
        return self

    def close(self) -> None:
        """Leaves."""
        self._client.disconnect()
        end_loop(self._client)

    def _on_connect(self, _client: object, _data: object, _flags: object, reason: Any, _p: object) -> None:
        self.refused = str(reason) if reason.is_failure else ""
        self._open.set()

    def _on_disconnect(self, _client: object, _data: object, _flags: object, reason: Any, _p: object) -> None:
        self.ended = str(reason)
        if not self._open.is_set():
            self.refused = str(reason)
            self._open.set()
