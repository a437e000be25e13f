"""The product's own runtime, without its live table: that one subscribes to everything, which costs CPU."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.processes import Child, Pids
from fanwatch.errors import FanwatchError
from fanwatch.settings import StoreSettings, load
from fanwatch.store.influx import Store
from local import config, tools
from local.layout import CHECKOUT, layout
from local.runtime import Runtime
from local.store_startup import Collecting

_LINKED = ("functions", "models", "fanwatch", "template")
_STORE_S = 90.0
_WAIT_S = 30.0
_TIMEOUT_S = 5.0


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_path() -> str:
    """PYTHONPATH for modules of this checkout, installed or not."""
    return os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "template/python3-fan")))


def plain_environment() -> dict[str, str]:
    """This process's, without settings that would change what is measured; FANWATCH_CACHE does not."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FANWATCH_") or name == "FANWATCH_CACHE"
    }
    return kept | {"PYTHONPATH": python_path()}


def single(text: str) -> str:
    """stack.yml without batches: one reading an invocation."""
    lines = [line for line in text.splitlines(keepends=True) if "fanwatch.batch" not in line]
    return "".join(lines)


class Pipeline:
    """Broker, gateway, functions and connector, with InfluxDB and Telegraf where `store` is true.

    On ports of its own, its state in a temporary directory; `with` starts it and stops it again. Without `store`,
    Telegraf's sessions do not exist, so that nothing queues for it.
    """

    def __init__(self, *, store: bool = False, stack: Callable[[str], str] = lambda text: text) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="fanwatch-bench-"))
        for name in _LINKED:
            (self.directory / name).symlink_to(CHECKOUT / name)
        stack_file = self.directory / "stack.yml"
        stack_file.write_text(stack((CHECKOUT / "stack.yml").read_text(encoding="utf-8")), encoding="utf-8")
        ports = [free_port() for _ in range(5)]
        self.broker_port = ports[1]
        self._influx_port = ports[2]
        environment = plain_environment() | {
            "FANWATCH_STATE_DIR": str(self.directory / "state"),
            "FANWATCH_STACK": str(stack_file),
            "FANWATCH_GATEWAY_PORT": str(ports[0]),
            "FANWATCH_BROKER_PORT": str(ports[1]),
            "FANWATCH_INFLUX_PORT": str(ports[2]),
            "FANWATCH_CONNECTOR_PORT": str(ports[3]),
            "FANWATCH_TELEGRAF_PORT": str(ports[4]),
            "FANWATCH_NO_FLEET": "true",
            "FANWATCH_NO_CONSOLE": "true",
            "FANWATCH_NO_STORE": "false" if store else "true",
        }
        self._stop = threading.Event()
        self.layout = layout(environment["FANWATCH_STATE_DIR"], environment["FANWATCH_STACK"])
        self._runtime = Runtime(environment, self.layout, lambda _text: None, self._stop)

    def __enter__(self) -> Self:
        try:
            runtime = self._runtime
            runtime.start(runtime.prepare())
            if not runtime.local.no_store:
                collecting = Collecting(runtime, lambda _part: None)
                collecting.start()
                collecting.join(_STORE_S)
                if collecting.part.state != "ok":
                    raise FanwatchError(f"Nothing can be stored: {collecting.part.detail}")
            runtime.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops all of it."""
        self._stop.set()
        self._runtime.stop()
        for path in (self.directory, self.layout.short):
            shutil.rmtree(path, ignore_errors=True)

    def parts(self) -> Pids:
        """Its processes; functions by their own name."""
        found: dict[str, list[int]] = {}
        for process in self._runtime.supervisor.processes():
            if process.pid:
                found.setdefault(_part(process.group), []).append(process.pid)
        return found

    def stop(self, part: str) -> None:
        """SIGTERM to a part, which stays down until `start`."""
        self._runtime.supervisor.stop(part)
        until(lambda: part not in self.parts(), f"{part} ends")

    def start(self, part: str) -> None:
        """Starts a stopped part again."""
        self._runtime.supervisor.restart(part)

    @property
    def store(self) -> Store:
        """Its InfluxDB."""
        return Store(load(StoreSettings, self._runtime.environment))

    def points_written(self) -> int:
        """Points that InfluxDB has taken since it started; cheaper for it than counting rows."""
        url = f"http://127.0.0.1:{self._influx_port}/debug/vars"
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            parts = msgspec.json.decode(answer.read(), type=dict[str, object])
        http = next(value for name, value in parts.items() if name.startswith("httpd"))
        return msgspec.convert(http, _Http).values["pointsWrittenOK"]


class _Http(msgspec.Struct):
    values: dict[str, int]


class Broker:
    """Mosquitto alone, with the product's own settings."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="fanwatch-bench-"))
        self.layout = layout(str(self.directory / "state"))
        self.layout.create()
        self.port = free_port()
        settings = config.write_mosquitto(self.layout, self.port, durable=False, queued_bytes=1 << 29)
        self.child = Child([tools.mosquitto(), "-c", str(settings)], stderr=subprocess.DEVNULL)
        try:
            until(lambda: listens(self.port), "the broker answers")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stops it."""
        self.child.end()
        for path in (self.directory, self.layout.short):
            shutil.rmtree(path, ignore_errors=True)


def listens(port: int) -> bool:
    """Whether something on loopback accepts connections."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def until(ready: Callable[[], bool], what: str, timeout_s: float = _WAIT_S) -> None:
    """Returns when it is so; FanwatchError after a while."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise FanwatchError(f"Waited {timeout_s:g} s in vain until {what}.")
        time.sleep(0.02)


def _part(group: str) -> str:
    return group.removeprefix("fn-").rsplit("-", 1)[0] if group.startswith("fn-") else group
