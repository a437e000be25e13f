"""A real Telegraf with infra's configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from local import sessions, tools
from local.config import telegraf_configs
from tests.support.influx import Influx, tool
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.process import Process

ROOT = Path(__file__).resolve().parents[2]


class Telegraf(Process):
    """From the broker at one port to the InfluxDB at the other; both may be away."""

    def __init__(
        self,
        directory: Path,
        *,
        broker_port: int,
        influx_port: int,
        environment: Mapping[str, str] | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        """`environment` goes before the defaults; `extra` are further arguments."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        nobody = f"http://127.0.0.1:{free_port()}"
        values = {
            "FANWATCH_BROKER_URL": f"tcp://127.0.0.1:{broker_port}",
            "FANWATCH_INFLUX_URL": f"http://127.0.0.1:{influx_port}",
            "FANWATCH_CONNECTOR_URL": nobody,
            "FANWATCH_GATEWAY_URL": nobody,
            "FANWATCH_GATEWAY_METRICS_URL": f"{nobody}/metrics",
            "FANWATCH_TELEGRAF_PORT": str(self.port),
            "FANWATCH_TELEGRAF_DIR": str(ROOT / "infra/telegraf"),
            **(environment or {}),
        }
        argv = [tool(tools.TELEGRAF), "--strict-env-handling", *telegraf_configs(), *extra]
        super().__init__(argv, directory / "telegraf.log", values, directory)


def collecting(directory: Path, broker: Mosquitto, influx: Influx, **environment: str) -> Telegraf:
    """A collector between the two, its sessions made."""
    for session in sessions.TELEGRAF:
        sessions.create(broker.settings, session)
    return Telegraf(
        directory / "telegraf", broker_port=broker.port, influx_port=influx.port, environment=environment
    )
