"""A reading over TLS, each part under its own user, from a device to a stored row; and no secret is seen."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import sessions
from tests.support.influx import Influx
from tests.support.pipeline import Functions
from tests.support.ports import free_port
from tests.support.readings import reading
from tests.support.secure import DEVICES, GATEWAY, SERVICES, Deployment
from tests.support.servers import ROOT, Server
from tests.support.telegraf import Telegraf
from tests.support.wait import until


class Secured:
    """Broker, functions, connector, store and Telegraf."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.broker = Deployment(directory / "broker")
        self.influx = Influx(directory / "influxdb")
        connector = sessions.Session("fanwatch-connector-0", ("fan/messages", "fan/+/messages"), 3600)
        sessions.create(self.broker.settings("connector"), connector)
        for session in sessions.TELEGRAF:
            sessions.create(self.broker.settings("telegraf"), session)
        score = self.broker.environment("score-fan")
        port = int(score.pop("FANWATCH_BROKER_PORT"))
        self.functions = Functions(directory, port, score=score)
        self.port = free_port()
        settings = {
            "FANWATCH_GATEWAY_URL": self.functions.url,
            "FANWATCH_CONNECTOR_PORT": str(self.port),
            "FANWATCH_GATEWAY_USER_FILE": str(directory / "user"),
            "FANWATCH_GATEWAY_PASSWORD_FILE": str(directory / "password"),
            **self.broker.environment("connector"),
        }
        self.connector = Server("connectors.mqtt", self.port, directory / "connector.log", settings, ROOT)
        self.functions.servers.append(self.connector)
        self.connector.wait_for("/readyz")
        home = self.broker.secrets / "services/telegraf"
        self.telegraf = Telegraf(
            directory / "telegraf",
            broker_port=port,
            influx_port=self.influx.port,
            environment={
                "FANWATCH_BROKER_URL": f"ssl://127.0.0.1:{port}",
                "TELEGRAF_BROKER_CA": str(home / "ca.crt"),
                "TELEGRAF_BROKER_USER": "telegraf",
                # A reference: the secret itself stays in its file.
                "TELEGRAF_BROKER_PASSWORD": "@{files:password}",
                "TELEGRAF_SECRETS_DIR": str(home),
            },
            extra=["--config", str(ROOT / "infra/telegraf/secrets.conf")],
        )

    @property
    def processes(self) -> list[int]:
        """Process ids of all parts."""
        servers = [server.process.pid for server in self.functions.servers]
        return [*servers, self.broker.process.pid, self.influx.process.pid, self.telegraf.process.pid]

    def stored(self, measurement: str, device: str) -> list[dict[str, object]]:
        """A device's rows."""
        return self.influx.store.query(f"SELECT * FROM \"{measurement}\" WHERE deviceID = '{device}'")

    def send(self, name: str, topic: str, content: object) -> None:
        """As a device does it by hand: mosquitto_pub, which takes its password from a file."""
        home = self.broker.secrets / "devices" / name
        config = self.directory / f"config-{name}"
        config.mkdir(exist_ok=True)
        lines = [f"-u {name}", f"-P {(home / 'password').read_text()}", f"--cafile {home}/ca.crt", "-V 5"]
        (config / "mosquitto_pub").write_text("\n".join(lines) + "\n", encoding="ascii")
        command = ["mosquitto_pub", "-p", str(self.broker.ports["devices"]), "-q", "1", "-t", topic, "-s"]
        subprocess.run(
            command,
            input=json.dumps(content).encode(),
            env={**os.environ, "XDG_CONFIG_HOME": str(config)},
            check=True,
            timeout=20,
        )

    def close(self) -> None:
        """Ends everything."""
        self.telegraf.kill()
        self.functions.close()
        self.influx.kill()
        self.broker.kill()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One for all tests here."""
    made = Secured(tmp_path_factory.mktemp("secured"))
    yield made
    made.close()


def test_a_reading_goes_from_a_device_to_a_stored_row(secured: Secured) -> None:
    sent = reading("fan-07")
    secured.send("fan-07", "fan/fan-07/messages", sent)
    secured.send(GATEWAY, "fan/messages", reading("fan-20"))
    for device in ("fan-07", "fan-20"):
        for measurement in ("telemetry", "anomaly"):
            until(
                lambda device=device, measurement=measurement: len(secured.stored(measurement, device)) == 1,
                30,
                f"{measurement} of {device}",
            )
    assert secured.stored("anomaly", "fan-07")[0]["quality"] == "ok"


def test_what_cannot_be_read_is_stored_as_a_dead_letter(secured: Secured) -> None:
    secured.send("fan-08", "fan/fan-08/messages", {"deviceID": "fan-07"})
    until(
        lambda: secured.influx.store.query('SELECT * FROM "dead_letter"'),
        30,
        "the dead letter",
    )


def test_new_certificates_and_a_new_ca_disturb_nobody(secured: Secured) -> None:
    for number, rotate in enumerate(
        (secured.broker.certificates.rotate, secured.broker.certificates.rotate_authority)
    ):
        rotate()
        secured.broker.process.send_signal(signal.SIGHUP)
        device = f"after-{number}"
        secured.send(GATEWAY, "fan/messages", reading(device))
        until(lambda device=device: secured.stored("anomaly", device), 30, f"the result of {device}")
    for log in (secured.connector.output(), secured.functions.score.output()):
        assert log.count("broker connected") <= 2, "one connection was kept"
        assert "broker away" not in log


def test_no_secret_is_seen_in_a_log_a_process_list_or_an_environment(secured: Secured) -> None:
    secrets = {
        path: [line for line in path.read_text(encoding="ascii").splitlines() if "-----" not in line]
        for pattern in ("**/password", "**/*.key")
        for path in secured.broker.secrets.glob(pattern)
    }
    assert len(secrets) > len(SERVICES) + len(DEVICES)
    logs = list(secured.directory.rglob("*.log"))
    assert len(logs) >= 6
    seen = [Path(f"/proc/{pid}/{part}") for pid in secured.processes for part in ("cmdline", "environ")]
    for place in (*logs, *seen):
        content = place.read_bytes().decode(errors="replace")
        # Of a key, any line of it.
        found = [path.name for path, lines in secrets.items() if any(line in content for line in lines)]
        assert not found, f"{found} in {place}"
