"""The scoring pipeline as processes: broker, gateway, score-fan, infer-fan-lite and connector."""

from collections.abc import Mapping
from pathlib import Path

from tests.local.gateways import World, available
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.servers import ROOT, Server


class Functions(World):
    """The gateway with score-fan and infer-fan-lite, one process each; `broker_port` need not be listened on."""

    def __init__(
        self,
        directory: Path,
        broker_port: int,
        *,
        batched: bool = True,
        score: Mapping[str, str] | None = None,
    ) -> None:
        """`score` is more of score-fan's environment."""
        super().__init__(directory)
        self.environment = {
            "FANWATCH_BROKER_PORT": str(broker_port),
            "FANWATCH_INFER_FUNCTION": "infer-fan-lite",
        }
        topics = {"fanwatch.topics": "fan/messages,fan/+/messages"} | (
            {"fanwatch.batch": "256"} if batched else {}
        )
        self.declare("score-fan", annotations=topics)
        self.declare("infer-fan-lite")
        self.front = self.gateway()
        self.environment["FANWATCH_GATEWAY_URL"] = self.url = f"http://127.0.0.1:{self.front.address}"
        self.infer = self.function("infer-fan-lite", "infer_fan", FANWATCH_ENGINE="litert")
        self.score = self.function("score-fan", "score_fan", **self.environment, **(score or {}))
        for name in ("score-fan", "infer-fan-lite"):
            available(self.front, name, 1)

    def function(self, name: str, folder: str, **settings: str) -> Server:
        """A replica of one of our functions."""
        path = self.sockets / f"{name}-00000000-0.sock"
        environment = {"HANDLER_DIR": str(ROOT / "functions" / folder), "LISTEN_UDS": str(path), **settings}
        server = Server("function_server", path, self.directory / f"{name}.log", environment, ROOT)
        self.servers.append(server)
        return server.wait_for("/_/ready")


class Pipeline(Functions):
    """The same with a broker and a connector that is ready."""

    def __init__(self, directory: Path, *, batched: bool = True) -> None:
        self.broker = Mosquitto(directory / "mosquitto")
        super().__init__(directory, self.broker.port, batched=batched)
        port = free_port()
        settings = self.environment | {
            "FANWATCH_CONNECTOR_PORT": str(port),
            "FANWATCH_GATEWAY_USER_FILE": str(directory / "user"),
            "FANWATCH_GATEWAY_PASSWORD_FILE": str(directory / "password"),
        }
        self.connector = Server("connectors.mqtt", port, directory / "connector.log", settings, ROOT)
        self.servers.append(self.connector)
        self.connector.wait_for("/readyz")

    def metric(self, name: str) -> float:
        """The sum of one of the connector's counters over its labels."""
        page = self.connector.call("GET", "/metrics").body.decode()
        return sum(
            float(line.rpartition(" ")[2])
            for line in page.splitlines()
            if line.partition("{")[0].split(" ")[0] == name
        )

    def close(self) -> None:
        super().close()
        self.broker.kill()
