"""A real Mosquitto with infra's configuration."""

import getpass
import json
import os
import subprocess
from pathlib import Path
from string import Template

from fanwatch.settings import BrokerSettings
from local import tools
from tests.support.ports import free_port, listens
from tests.support.process import Process
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]


class Mosquitto(Process):
    """Listens on `port`; keeps its sessions in `directory`, where another one can go on with them."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = False,
        also: str = "127.0.0.1",
        queued_bytes: int = 512 * 1024 * 1024,
        sys_interval_s: int = 10,
    ) -> None:
        """`also` is one more address of this machine to listen on, for what runs outside of it."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.settings = BrokerSettings(broker_host="127.0.0.1", broker_port=self.port)
        template = (ROOT / "infra/mosquitto/mosquitto.conf.template").read_text(encoding="utf-8")
        config = directory / "mosquitto.conf"
        values = {
            "port": self.port,
            "bind_address": "127.0.0.1",
            "allow_anonymous": "true",
            "user": "root" if os.getuid() == 0 else getpass.getuser(),
            "max_queued_bytes": queued_bytes,
            "persistence_directory": directory,
            "autosave_on_changes": str(durable).lower(),
            "common_directory": ROOT / "infra/mosquitto/conf.d",
        }
        text = f"{Template(template).substitute(values)}\nsys_interval {sys_interval_s}\n"
        if also != "127.0.0.1":
            text += f"\nlistener {self.port} {also}\n"
        config.write_text(text, encoding="utf-8")
        super().__init__([tools.mosquitto(), "-c", str(config)], directory / "mosquitto.log", {}, directory)
        self.wait()

    def wait(self) -> "Mosquitto":
        """Returns when it accepts connections."""
        until(lambda: self.alive() and listens(self.port), 10, f"mosquitto on {self.port}")
        return self

    def publish(self, topic: str, payload: bytes | str | dict[str, object], *, retain: bool = False) -> None:
        """One message at QoS 1, through mosquitto_pub."""
        content = json.dumps(payload) if isinstance(payload, dict) else payload
        data = content.encode() if isinstance(content, str) else content
        command = ["mosquitto_pub", "-p", str(self.port), "-q", "1", "-t", topic, "-s" if data else "-n"]
        if retain:
            command.append("-r")
        subprocess.run(command, input=data, check=True, timeout=20)
