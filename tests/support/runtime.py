"""The product's own runtime for fault tests: its supervisord owns all parts, so what is killed is replaced by it."""

import contextlib
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from local.layout import CHECKOUT, layout
from local.runtime import Runtime
from local.store_startup import Collecting
from local.supervisor import Supervisor
from tests.support.influx import tool
from tests.support.ledger import Key, Source, Witness
from tests.support.ports import free_port, listens
from tests.support.wait import until

_LINKED = ("functions", "models", "fanwatch", "template")
_READY_S = 60


class Pipeline:
    """Broker, gateway, functions and connector, with InfluxDB and Telegraf where `store` is true."""

    def __init__(
        self,
        directory: Path,
        *,
        store: bool = False,
        stack: Callable[[str], str] = lambda text: text,
        environment: dict[str, str] | None = None,
    ) -> None:
        """`stack` changes the text of stack.yml; a folder `handlers` beside it holds functions of the test's own."""
        self.directory = directory
        self.stack = directory / "stack.yml"
        for name in _LINKED:
            (directory / name).symlink_to(CHECKOUT / name)
        self.stack.write_text(stack((CHECKOUT / "stack.yml").read_text(encoding="utf-8")), encoding="utf-8")
        self.gateway_port, self.broker_port, self.influx_port, self.connector_port, self.telegraf_port = (
            free_port() for _ in range(5)
        )
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FANWATCH_") or name == "FANWATCH_CACHE"
        }
        values = {
            "PYTHONPATH": os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "template/python3-fan"))),
            "FANWATCH_STATE_DIR": str(directory / "state"),
            "FANWATCH_STACK": str(self.stack),
            "FANWATCH_GATEWAY_PORT": str(self.gateway_port),
            "FANWATCH_BROKER_PORT": str(self.broker_port),
            "FANWATCH_INFLUX_PORT": str(self.influx_port),
            "FANWATCH_CONNECTOR_PORT": str(self.connector_port),
            "FANWATCH_TELEGRAF_PORT": str(self.telegraf_port),
            "FANWATCH_NO_GRAFANA": "true",
            "FANWATCH_NO_CONSOLE": "true",
            "FANWATCH_NO_STORE": "" if store else "true",
            **(environment or {}),
        }
        if store:
            tool(tools.INFLUXD), tool(tools.TELEGRAF)
        self.layout = layout(values["FANWATCH_STATE_DIR"], values["FANWATCH_STACK"])
        self._stop = threading.Event()
        self.runtime = Runtime(kept | values, self.layout, lambda _text: None, self._stop)
        self._store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{self.influx_port}"))
        self.peak_mb = 0.0
        """The most memory that any connector process has had resident."""
        self._ends: list[Callable[[], object]] = [self.runtime.stop]

    def start(self, *, collect: bool = True) -> "Pipeline":
        """Returns when a reading would be scored; `collect=False` leaves InfluxDB and Telegraf for `start_store`."""
        self.runtime.start(self.runtime.prepare())
        self.supervisor = self.runtime.supervisor
        self.settings = self.runtime.broker
        if collect and not self.runtime.local.no_store:
            self.start_store()
        self.runtime.wait_ready()
        watch = threading.Thread(target=self._sample, daemon=True)
        watch.start()
        self._ends.append(lambda: watch.join(5))
        self.witness = Witness(self.settings)
        self._ends.append(self.witness.close)
        self.source = Source(self.settings)
        self._ends.append(self.source.close)
        return self

    def start_store(self) -> None:
        """Starts InfluxDB and Telegraf as `fanwatch up` does, and waits until they store."""
        collecting = Collecting(self.runtime, lambda _part: None)
        collecting.start()
        collecting.join(_READY_S)
        assert collecting.part.state == "ok", collecting.part.detail

    def close(self) -> None:
        """Ends all of it."""
        self._stop.set()
        while self._ends:
            self._ends.pop()()

    # Parts, by the start of their name: connector, gateway, mosquitto, fn-score-fan, fn-infer-fan-lite, influxd, ...

    def pids(self, part: str) -> list[int]:
        """The processes of a part that run."""
        return [
            process.pid
            for process in self.supervisor.processes()
            if process.group.startswith(part) and process.pid
        ]

    def kill(self, part: str) -> None:
        """SIGKILL to all its processes; supervisord starts others."""
        for pid in self.pids(part):
            os.kill(pid, signal.SIGKILL)

    def kill_and_wait(self, part: str) -> None:
        """The same; returns once others run in their place."""
        before = self.pids(part)
        self.kill(part)
        self.replaced(part, before)

    def replaced(self, part: str, before: list[int]) -> None:
        """Waits until other processes than `before` are a part's, and supervisord takes them for started.

        One that ends sooner counts as a failed start, and the next one waits a second longer each time.
        """

        def started() -> bool:
            found = [process for process in self.supervisor.processes() if process.group.startswith(part)]
            return all(process.running and process.pid not in before for process in found)

        until(started, 20, f"another {part}")

    def freeze(self, part: str) -> list[int]:
        """SIGSTOP: its processes are there and do nothing. Returns what `thaw` takes."""
        found = self.pids(part)
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        return found

    def thaw(self, pids: list[int]) -> None:
        """SIGCONT, to those that are still there."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def groups(self, part: str) -> list[str]:
        """supervisord's names of a part."""
        return sorted({p.group for p in self.supervisor.processes() if p.group.startswith(part)})

    def down(self, part: str) -> None:
        """Stops a part by SIGTERM; it stays down until `up`."""
        for group in self.groups(part):
            self.supervisor.stop(group)
        until(lambda: not self.pids(part), 15, f"{part} down")

    def up(self, part: str) -> None:
        """Starts it again."""
        for group in self.groups(part):
            self.supervisor.restart(group)
        if part == "mosquitto":
            until(lambda: listens(self.broker_port), 15, "the broker")
        if part == "influxd":
            until(self._store.ready, 30, "the store")

    def metric(self, name: str) -> float:
        """The sum of a metric of the connector over its labels; 0 while it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.connector_port}/metrics", timeout=5
            ) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))
        )

    def ready(self) -> bool:
        """Whether the connector says that it is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.connector_port}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def log(self, name: str) -> str:
        """What a part has said."""
        path = self.layout.log(name)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stored(self) -> set[Key]:
        """What InfluxDB has of results."""
        return {
            (row["deviceID"], row["time"] // 1_000_000)
            for row in self._store.query('SELECT "deviceID", "quality" FROM "anomaly"')
        }

    def _sample(self) -> None:
        supervisor = Supervisor(self.layout)
        while not self._stop.wait(0.25):
            try:
                found = [p.pid for p in supervisor.processes() if p.group == "connector" and p.pid]
                for pid in found:
                    self.peak_mb = max(self.peak_mb, peak_mb(pid))
            except Exception:  # noqa: BLE001
                continue  # whatever is being stopped just now


def peak_mb(pid: int) -> float:
    """The most memory that a process has had resident, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def wait_s(began: float, seconds: float) -> None:
    """Lets an outage last until `seconds` after `began`."""
    time.sleep(max(0.0, began + seconds - time.monotonic()))
