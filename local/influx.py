"""The InfluxDB of `make run`: where it takes backups, and starting it alone while nothing else runs."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping

import msgspec

from fanwatch import proxies
from fanwatch.errors import FanwatchError
from fanwatch.settings import LocalSettings, StoreSettings, load
from fanwatch.store.influx import Store
from local import config, damage, tools
from local.layout import Layout, of
from local.lock import acquire, holder
from local.ports import LOOPBACK, listened
from local.status_report import reachable
from local.supervisor import Supervisor, argv_of, write_spec

_READY_S = 60.0
_POLL_S = 0.05
_STOP_S = 10.0


class Reached(msgspec.Struct, frozen=True):
    """An InfluxDB that runs: the influxd that it is, where it takes backups and restores, and its store."""

    influxd: str
    address: str
    store: Store
    pid: int | None = None
    """Its process, where this one has started it."""


def influxd(environment: Mapping[str, str]) -> str:
    """The path of influxd, which also makes backups. FanwatchError where it is missing."""
    found = tools.find(tools.INFLUXD, tools.cache_directory(load(LocalSettings, environment)))
    if found is None:
        raise FanwatchError("influxd is missing; get it with: python -m local.tools")
    return found


def at(environment: Mapping[str, str], address: str) -> Reached:
    """The one whose backup port is `address`, and whose store the settings name."""
    return Reached(influxd(environment), address, Store(load(StoreSettings, reachable(environment))))


def running(environment: Mapping[str, str]) -> Reached | None:
    """The one that `make run` has started; None where nothing runs here. FanwatchError where it has none."""
    place = of(load(LocalSettings, environment))
    if holder(place) is None:
        return None
    here = reachable(environment)
    pids = [
        process.pid for process in Supervisor(place).processes() if process.name == "influxd" and process.pid
    ]
    if not pids:
        raise FanwatchError("InfluxDB does not run here: `fanwatch status` says why.")
    others = listened(pids[0]) - {load(LocalSettings, here).influx_port}
    if len(others) != 1:
        raise FanwatchError(f"This system does not tell where influxd (process {pids[0]}) takes backups.")
    return at(environment, f"{LOOPBACK}:{others.pop()}")


@contextlib.contextmanager
def alone(environment: Mapping[str, str]) -> Iterator[Reached]:
    """Starts InfluxDB on the data of `make run`, which does not run and cannot meanwhile; stops it afterwards."""
    place = of(load(LocalSettings, environment))
    tool = influxd(environment)
    place.create()
    if broken := damage.of_indexes(place):
        raise FanwatchError(broken)
    http, backups = _free(), _free()
    with acquire(place):
        settings = config.influx_environment(place, http) | {"INFLUXDB_BIND_ADDRESS": f"{LOOPBACK}:{backups}"}
        spec = place.run / "influxd.json"
        write_spec(spec, config.influxd_argv(tool), {**proxies.without(environment), **settings}, place.state)
        with place.log("influxd").open("ab") as log:
            # It ends with this process, however that ends.
            process = subprocess.Popen(argv_of(spec), stdout=log, stderr=log, start_new_session=True)
        try:
            url = f"http://{LOOPBACK}:{http}"
            store = Store(msgspec.structs.replace(load(StoreSettings, environment), influx_url=url))
            _wait(store, process, place)
            yield Reached(tool, f"{LOOPBACK}:{backups}", store, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(store: Store, process: "subprocess.Popen[bytes]", place: Layout) -> None:
    deadline = time.monotonic() + _READY_S
    while not store.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise FanwatchError(
                damage.of_store(place) or f"InfluxDB does not start; its log is {place.log('influxd')}."
            )
        time.sleep(_POLL_S)


def _free() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])
