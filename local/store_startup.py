"""InfluxDB and Telegraf join the pipeline once they are there; until then the broker queues what they shall store."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fanwatch import files
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.settings import StoreSettings, load
from fanwatch.store.influx import Store
from local import config, damage, grafana, tools
from local.health import Part, stored_counts
from local.runtime import Runtime
from local.supervisor import Supervisor

_POLL_S = 0.2
_READY_S = 60.0
_SETUP_S = 60.0
_AGAIN_S = 5.0
_SETTLED_S = 60.0
"""So long nothing came of the days before: it is not being played any more."""
_SELDOM_S = 300.0
_KEPT = "Readings are scored all the same, and the broker keeps them to be stored."


class Stored:
    """What InfluxDB has got in one run: points of what happens in it, and of the days that are played in.

    The latter have times before the run began, where there may be points of earlier runs. So those are counted before
    Telegraf stores anything. Counting days takes long, so once nothing more comes of them, that is done seldom.
    `begin` before Telegraf starts, from then on `counts`; from one thread at a time each.
    """

    def __init__(self, settings: StoreSettings, start_ns: int, oldest_ns: int) -> None:
        """The run began at `start_ns`; what is played in may be as old as `oldest_ns`."""
        self._settings = settings
        self._start_ns, self._oldest_ns = start_ns, oldest_ns
        self._had: dict[str, int] | None = None
        """What there was of the days before; None where InfluxDB did not say."""
        self._past: dict[str, int] = {}
        self._counted = self._changed = 0.0

    def begin(self) -> None:
        """Counts what there is of the days before."""
        self._had = stored_counts(self._settings, self._oldest_ns, self._start_ns)
        self._changed = time.monotonic()

    def counts(self) -> dict[str, int] | None:
        """Points by measurement; None where InfluxDB does not answer."""
        self._count_past(time.monotonic())
        found = stored_counts(self._settings, self._start_ns)
        return found and {name: count + self._past.get(name, 0) for name, count in found.items()}

    def _count_past(self, now: float) -> None:
        settled = now - self._changed > _SETTLED_S
        if self._had is None or (settled and now - self._counted < _SELDOM_S):
            return
        found = stored_counts(self._settings, self._oldest_ns, self._start_ns)
        if found is None:
            return
        # Fewer than there were is what was kept for long enough, and is none of this run's doing.
        past = {name: max(0, count - self._had.get(name, 0)) for name, count in found.items()}
        self._counted = now
        if past != self._past:
            self._past, self._changed = past, now


class Collecting(threading.Thread):
    """Gets and starts both in the background; `part` says how far it is."""

    def __init__(
        self,
        runtime: Runtime,
        on_change: Callable[[Part], None],
        before_storing: Callable[[], None] = lambda: None,
    ) -> None:
        """`before_storing` is called once InfluxDB is there, and before Telegraf writes into it."""
        super().__init__(name="collecting", daemon=True)
        self._runtime = runtime
        self._on_change = on_change
        self._before_storing = before_storing
        # Clients of supervisord are not shared between threads.
        self._supervisor = Supervisor(runtime.layout)
        self.part = Part("store", "starting", "starting")

    def run(self) -> None:
        try:
            while not self._attempt():
                if self._runtime.stop_event.wait(_AGAIN_S):
                    return
        except (tools.Stopped, Unavailable) as error:
            self._tell("off", str(error))
        except FanwatchError as error:
            self._tell("off", f"{error} {_KEPT}")
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is to wait for what does not come
            self._tell("off", f"InfluxDB could not be started ({error!r}). {_KEPT}")

    def _attempt(self) -> bool:
        """False where a file could not be written, which is told: there may be room for it later."""
        try:
            self._start()
        except OSError as error:
            path = Path(error.filename or self._runtime.layout.state)
            self._tell("down", f"{files.unwritable(path, error)} {_KEPT}")
            return False
        return True

    def _start(self) -> None:
        runtime = self._runtime
        influxd = self._get(tools.INFLUXD)
        layout, environment = runtime.layout, runtime.environment
        self._until(lambda: damage.of_indexes(layout))
        self._tell("starting", "influxd is starting")
        port = runtime.local.influx_port
        self._supervisor.add(config.influxd(layout, environment, influxd, port))
        # Built while influxd opens its files.
        telegraf = self._get(tools.TELEGRAF)
        store = Store(load(StoreSettings, environment))
        self._wait(store.ready)
        if aside := damage.set_aside(layout):
            runtime.say(aside)
        self._set_up()
        self._before_storing()
        # Only now: Telegraf drops what a missing database refuses.
        self._supervisor.add(config.telegraf(layout, environment, telegraf))
        self._supervisor.add(config.ours("rollup", layout, environment))
        self._tell("ok", "storing")
        self._start_grafana()

    def _start_grafana(self) -> None:
        runtime = self._runtime
        wanted = runtime.grafana
        if wanted is None or wanted.program is None:
            return
        try:
            grafana.write_files(runtime.layout)
            self._supervisor.add(wanted.program)
            said = grafana.await_ready(wanted, runtime.layout, self._supervisor, runtime.stop_event)
        except (OSError, Unavailable) as error:
            said = f"Grafana could not be started: {error}"
        if said and not runtime.stop_event.is_set():
            runtime.say(said)

    def _get(self, tool: tools.GoTool) -> str:
        return tools.get(
            tool,
            tools.cache_directory(self._runtime.local),
            lambda text: self._tell("building", text),
            self._runtime.stop_event,
        )

    def _wait(self, ready: Callable[[], bool]) -> None:
        """For as long as it takes: once what is wrong was put right, it is started by itself and all goes on."""
        deadline = time.monotonic() + _READY_S
        self._until(lambda: None if ready() else self._trouble(late=time.monotonic() > deadline))

    def _until(self, trouble: Callable[[], str | None]) -> None:
        """Returns once there is none. It is told, with what becomes of readings meanwhile; "" is none to be told."""
        told = ""
        while (said := trouble()) is not None:
            if said and said != told:
                self._tell("down", f"{said} {_KEPT}")
                told = said
            if self._runtime.stop_event.wait(_POLL_S):
                raise tools.Stopped("Stopped while InfluxDB was starting.")

    def _trouble(self, *, late: bool) -> str:
        """Why InfluxDB does not answer, where that can be known, or where it is late."""
        layout = self._runtime.layout
        states = {each.statename for each in self._supervisor.processes() if each.name == "influxd"}
        log = layout.log("influxd")
        if states & {"BACKOFF", "FATAL"}:
            said = layout.last_line("influxd", "it says nothing")
            return damage.of_store(layout) or f"InfluxDB ends again and again: {said} (log: {log})."
        return f"InfluxDB does not answer; its log is {log}." if late else ""

    def _set_up(self) -> None:
        """Database and retention policies, as `fanwatch history setup` makes them. FanwatchError where that fails."""
        argv = [sys.executable, "-m", "history", "setup"]
        try:
            done = subprocess.run(
                argv,
                env=self._runtime.environment,
                cwd=self._runtime.layout.root,
                capture_output=True,
                text=True,
                timeout=_SETUP_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise FanwatchError(f"InfluxDB was not set up within {_SETUP_S:g} s.") from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()[-1:] or ["it says nothing."]
            raise FanwatchError(f"InfluxDB could not be set up: {said[0].removeprefix('history: ')}")

    def _tell(self, state: str, detail: str) -> None:
        self.part = Part("store", state, detail)
        self._on_change(self.part)
