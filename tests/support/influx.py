"""A real InfluxDB with infra's configuration."""

import os
from pathlib import Path

import pytest

from fanwatch.settings import LocalSettings, StoreSettings
from fanwatch.store.influx import Store
from history.setup import setup
from local import tools
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]


def tool(wanted: tools.GoTool) -> str:
    """The path of InfluxDB or Telegraf; the test is skipped where `make test` could not get it."""
    chosen = LocalSettings(cache=os.environ.get("FANWATCH_CACHE") or LocalSettings().cache)
    found = tools.find(wanted, tools.cache_directory(chosen))
    if found is None:
        pytest.skip(f"{wanted.name} is missing; get it with: python -m local.tools")
    return found


class Influx(Process):
    """Listens on `port`; `store` reads from it, its database is made."""

    def __init__(self, directory: Path, *, port: int | None = None, retention: str = "30d") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._retention = retention
        self.store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{self.port}"))
        environment = {
            "INFLUXDB_META_DIR": str(directory / "meta"),
            "INFLUXDB_DATA_DIR": str(directory / "data"),
            "INFLUXDB_DATA_WAL_DIR": str(directory / "wal"),
            "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{self.port}",
            "INFLUXDB_BIND_ADDRESS": "127.0.0.1:0",
        }
        argv = [tool(tools.INFLUXD), "-config", str(ROOT / "infra/influxdb/influxdb.conf")]
        super().__init__(argv, directory / "influxd.log", environment, directory)
        self.wait()

    def wait(self) -> "Influx":
        """Returns when it answers and has its database."""
        until(lambda: self.alive() and self.store.ready(), 20, f"influxd on {self.port}")
        self.set_up()
        return self

    def set_up(self, **settings: str) -> list[str]:
        """What `fanwatch history setup` does, with these FANWATCH_* settings."""
        environment = {"FANWATCH_INFLUX_URL": self.store.url, "FANWATCH_RAW_RETENTION": self._retention}
        return setup(environment | settings)
