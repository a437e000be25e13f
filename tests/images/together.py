"""Everything as containers on one network of their own, with the names, the settings and the TLS of a cluster.

Only two things differ: the local gateway stands in for OpenFaaS's, so functions answer on unix sockets, and broker,
InfluxDB and Telegraf are images of the tests' own, so that they need no registry.
"""

import json
import shutil
import time
from pathlib import Path

import yaml

from credentials.certificates import Certificates
from credentials.users import Users
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from local.layout import layout
from tests.images.behind import reachable
from tests.images.building import Images
from tests.images.containers import HARDENED, Container, Containers
from tests.images.outside import DEVICE, Outside
from tests.support.influx import tool
from tests.support.servers import ROOT
from tests.support.wait import until

_READY_S = 90
_SERVICES = ("connector", "score-fan", "forecast-fan", "telegraf", "operator")
_GATEWAY = "http://gateway.openfaas:8080"


class Together(Outside):
    """Starts all of it; a reading published now is scored and stored."""

    def __init__(self, directory: Path, images: Images, containers: Containers, infer: str) -> None:
        super().__init__(directory)
        self.images = images
        self.infer = infer
        self._containers = containers
        self.network = f"fanwatch-test-{time.time_ns()}"
        # Internal: nothing in it needs the outside.
        images.engine.docker("network", "create", "--internal", self.network)
        containers.callback(images.engine.docker, "network", "rm", self.network, check=False)
        self._folders()
        self._broker()
        self._store()
        self._functions()
        self._connector()

    @property
    def store(self) -> Store:
        """What is stored."""
        return Store(StoreSettings(influx_url=f"http://{self.address('influxdb')}:8086"))

    def _start(self, part: str, image: str, *command: str, memory: str, **options: object) -> Container:
        made = self._containers(image, *command, network=self.network, memory=memory, **options)
        self.parts[part] = made
        return made

    def _once(self, *command: str, environment: dict[str, str], mounts: dict[Path, str]) -> None:
        """Runs a command of the connector's image to its end, again until it succeeds, as a runtime does."""

        def done() -> bool:
            box = self._containers(
                self.images.connector(),
                *command,
                network=self.network,
                environment=environment,
                mounts=mounts,
            )
            code = self.images.engine.docker("wait", box.id)
            self.said = box.logs()
            return code == "0"

        until(done, _READY_S, f"{' '.join(command)}")

    def _folders(self) -> None:
        for name in ("sockets", "data", "influxdb", "functions", "gateway", "mosquitto/conf.d"):
            (self.directory / name).mkdir(parents=True)
        secrets = self.directory / "secrets"
        certificates, users = Certificates(secrets), Users(secrets)
        certificates.init(["mosquitto.fanwatch"])
        users.prepare()
        certificates.distribute([users.home(users.add(name)) for name in (*_SERVICES, DEVICE)])
        services, functions = secrets / "services", self.directory / "functions"
        shutil.copy(services / "score-fan/ca.crt", functions / "fanwatch-ca")
        for name in ("score-fan", "forecast-fan"):
            shutil.copy(services / name / "password", functions / f"fanwatch-{name}-password")
        for name, text in (("basic-auth-user", "admin"), ("basic-auth-password", "secret")):
            (self.directory / "gateway" / name).write_text(text, encoding="ascii")
        shutil.copy(ROOT / "infra/mosquitto/mosquitto.conf", self.directory / "mosquitto")
        shutil.copy(ROOT / "infra/mosquitto/conf.d/common.conf", self.directory / "mosquitto/conf.d")
        # What is of the test alone may be read by the images' users, and some of it written.
        for path in self.directory.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for name in ("sockets", "data", "influxdb"):
            (self.directory / name).chmod(0o777)

    def _secrets(self, user: str) -> dict[Path, str]:
        return {self.directory / "secrets/services" / user: "/run/secrets/broker:ro"}

    @staticmethod
    def _as(user: str) -> dict[str, str]:
        return {
            "FANWATCH_BROKER_HOST": "mosquitto.fanwatch",
            "FANWATCH_BROKER_PORT": "8884",
            "FANWATCH_BROKER_USER": user,
            "FANWATCH_BROKER_PASSWORD_FILE": "/run/secrets/broker/password",
            "FANWATCH_BROKER_CA_FILE": "/run/secrets/broker/ca.crt",
        }

    def _broker(self) -> None:
        self._start(
            "mosquitto",
            self.images.own("mosquitto"),
            *("mosquitto", "-c", "/mosquitto/config/mosquitto.conf"),
            memory="1Gi",
            aliases=["mosquitto.fanwatch"],
            mounts={
                self.directory / "mosquitto": "/mosquitto/config:ro",
                self.directory / "secrets/mosquitto": "/mosquitto/secrets:ro",
                self.directory / "data": "/mosquitto/data",
            },
        )
        for user in ("connector", "telegraf"):
            command = ["python", "-m", "local.sessions", "--of", user]
            self._once(*command, environment=self._as(user), mounts=self._secrets(user))

    def _store(self) -> None:
        image = self.images.own("store", *map(Path, (tool(tools.INFLUXD), tool(tools.TELEGRAF))))
        self._start(
            "influxdb",
            image,
            *("/influxd", "-config", "/etc/influxdb/influxdb.conf"),
            memory="1Gi",
            aliases=["influxdb.fanwatch"],
            environment={"INFLUXDB_HTTP_BIND_ADDRESS": ":8086"},
            mounts={
                ROOT / "infra/influxdb": "/etc/influxdb:ro",
                self.directory / "influxdb": "/var/lib/influxdb",
            },
        )
        influx = {"FANWATCH_INFLUX_URL": "http://influxdb.fanwatch:8086"}
        self._once("python", "-m", "history", "setup", environment=influx, mounts={})
        files = ("telegraf", "metrics", "influxdb", "certificates", "secrets")
        self._start(
            "telegraf",
            image,
            *(
                "/telegraf",
                "--strict-env-handling",
                *(f"--config=/etc/telegraf/{name}.conf" for name in files),
            ),
            memory="256Mi",
            environment={
                "FANWATCH_BROKER_URL": "ssl://mosquitto.fanwatch:8884",
                "FANWATCH_INFLUX_URL": "http://influxdb.fanwatch:8086",
                "FANWATCH_CONNECTOR_URL": "http://connector.fanwatch:8091",
                "FANWATCH_GATEWAY_URL": _GATEWAY,
                "FANWATCH_GATEWAY_METRICS_URL": f"{_GATEWAY}/metrics",
                "TELEGRAF_BROKER_CA": "/run/secrets/broker/ca.crt",
                "TELEGRAF_BROKER_USER": "telegraf",
                "TELEGRAF_BROKER_PASSWORD": "@{files:password}",
                "TELEGRAF_SECRETS_DIR": "/run/secrets/broker",
                "TELEGRAF_CERTIFICATES": "tcp://mosquitto.fanwatch:8884",
                "GOGC": "400",
            },
            mounts={ROOT / "infra/telegraf": "/etc/telegraf:ro", **self._secrets("telegraf")},
        )
        self._start(
            "rollup",
            self.images.connector(),
            *("python", "-m", "history", "rollup", "--every", "10m"),
            memory="256Mi",
            environment=influx,
        )

    def _functions(self) -> None:
        # The whole stack, with the function that decides run here too.
        document = yaml.safe_load((ROOT / "stack.yml").read_text(encoding="utf-8"))
        for entry in document["functions"].values():
            entry.get("annotations", {}).pop("fanwatch.local", None)
        (self.directory / "gateway/stack.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        secrets = {self.directory / "gateway": "/world:ro"}
        sockets = Path("/tmp") / layout("/state").short.name
        self._start(
            "gateway",
            self.images.own("gateway", ROOT / "requirements/run.txt"),
            memory="256Mi",
            aliases=["gateway.openfaas"],
            environment={
                "TMPDIR": "/tmp",
                "FANWATCH_STATE_DIR": "/state",
                "FANWATCH_STACK": "/world/stack.yml",
                "FANWATCH_GATEWAY_USER_FILE": "/world/basic-auth-user",
                "FANWATCH_GATEWAY_PASSWORD_FILE": "/world/basic-auth-password",
            },
            mounts={**secrets, ROOT: "/checkout:ro", self.directory / "sockets": str(sockets)},
            # tempfile looks for a folder that it may write.
            options=(*HARDENED, "--tmpfs", "/tmp"),
        )
        for name in (self.infer, "score-fan", "forecast-fan"):
            function = self.images.stack.functions[name]
            self._start(
                name,
                self.images.function(name),
                memory=function.limits["memory"],
                environment={
                    **function.environment,
                    "FANWATCH_INFER_FUNCTION": self.infer,
                    "LISTEN_UDS": f"/sockets/{name}-00000000-0.sock",
                },
                mounts={
                    self.directory / "sockets": "/sockets",
                    self.directory / "functions": "/var/openfaas/secrets:ro",
                },
            )
        until(self._scores, _READY_S, "a reading scored ad hoc")
        until(lambda: self.call("forecast-fan/_/ready") is not None, _READY_S, "forecast-fan to be ready")

    def _scores(self) -> bool:
        for box in self.parts.values():
            box.alive()
        body = b'{"deviceID":"mine","rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9}'
        answer = self.call("score-fan", body)
        return answer is not None and json.loads(answer)["fault"] == 0

    def _connector(self) -> None:
        made = self._start(
            "connector",
            self.images.connector(),
            memory="192Mi",
            aliases=["connector.fanwatch"],
            environment={
                **self._as("connector"),
                "FANWATCH_GATEWAY_URL": _GATEWAY,
                "FANWATCH_GATEWAY_USER_FILE": "/run/secrets/gateway/basic-auth-user",
                "FANWATCH_GATEWAY_PASSWORD_FILE": "/run/secrets/gateway/basic-auth-password",
            },
            mounts={self.directory / "gateway": "/run/secrets/gateway:ro", **self._secrets("connector")},
        )
        until(lambda: made.alive() and reachable(8091, "/readyz", made.address), _READY_S, "the connector")
