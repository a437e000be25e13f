"""The connector as a process, against a broker and a gateway of the test's choosing."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
CLIENT_ID = "fanwatch-connector-0"


class ConnectorProcess(Process):
    """`python -m connectors.mqtt`; settings by their names without FANWATCH_CONNECTOR_, in lower case."""

    def __init__(
        self,
        directory: Path,
        broker: Mosquitto,
        gateway_url: str,
        *,
        wait: bool = True,
        credentials: tuple[Path, Path] | None = None,
        **settings: object,
    ) -> None:
        """`credentials` are the files that hold the gateway's user and password."""
        self.port = free_port()
        environment = {
            "PYTHONPATH": str(ROOT),
            "FANWATCH_BROKER_HOST": broker.settings.broker_host,
            "FANWATCH_BROKER_PORT": str(broker.port),
            "FANWATCH_GATEWAY_URL": gateway_url,
            "FANWATCH_CONNECTOR_PORT": str(self.port),
            "FANWATCH_CONNECTOR_REFRESH": "0.2",
            "FANWATCH_BROKER_TIMEOUT": "2",
            **{f"FANWATCH_CONNECTOR_{name.upper()}": str(value) for name, value in settings.items()},
        }
        if credentials is not None:
            user, password = map(str, credentials)
            environment |= {"FANWATCH_GATEWAY_USER_FILE": user, "FANWATCH_GATEWAY_PASSWORD_FILE": password}
        argv = [sys.executable, "-m", "connectors.mqtt"]
        super().__init__(argv, directory / f"connector-{self.port}.log", environment, directory)
        if wait:
            self.wait()

    def wait(self) -> "ConnectorProcess":
        """Returns when it is ready."""
        until(lambda: self.alive() and self.get("/readyz")[0] == 200, 15, "the connector")
        return self

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and body; status 0 where it does not answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, label: str = "") -> float:
        """The sum of a metric, by its name after `fanwatch_connector_`, over the labels that contain `label`."""
        start = f"fanwatch_connector_{name}"
        return sum(
            float(line.rpartition(" ")[2])
            for line in self.get("/metrics")[1].splitlines()
            if line.startswith((start + " ", start + "{")) and label in line
        )

    def rss_mb(self) -> float:
        """The most memory that it has had resident, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise AssertionError(f"no memory figure of process {os.fspath(str(self.process.pid))}")
