"""InfluxDB and Telegraf join the pipeline once they are there; until then the broker queues what they shall store."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable

from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.settings import StoreSettings, load
from fanwatch.store import Store
from local import grafana, programs, tools
from local.health import Part
from local.runtime import Runtime
from local.supervisor import Supervisor

_POLL_S = 0.2
_READY_S = 60.0
_SETUP_S = 60.0


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
            self._start()
        except (tools.Stopped, Unavailable) as error:
            self._tell("off", str(error))
        except FanwatchError as error:
            self._tell(
                "off", f"{error} Readings are scored all the same, and the broker keeps them to be stored."
            )

    def _start(self) -> None:
        runtime = self._runtime
        influxd = self._get(tools.INFLUXD)
        self._tell("starting", "influxd is starting")
        layout, environment = runtime.layout, runtime.environment
        port = runtime.local.influx_port
        self._supervisor.add(programs.influxd(layout, environment, influxd, port))
        # Built while influxd opens its files.
        telegraf = self._get(tools.TELEGRAF)
        store = Store(load(StoreSettings, environment))
        self._wait(store.ready)
        self._set_up()
        self._before_storing()
        # Only now: Telegraf drops what a missing database refuses.
        self._supervisor.add(programs.telegraf(layout, environment, telegraf))
        self._supervisor.add(programs.rollup(layout, environment))
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
        deadline = time.monotonic() + _READY_S
        while not ready():
            if self._runtime.stop_event.wait(_POLL_S):
                raise tools.Stopped("Stopped while InfluxDB was starting.")
            if time.monotonic() > deadline:
                raise FanwatchError(
                    f"InfluxDB does not answer; its log is {self._runtime.layout.log('influxd')}."
                )

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
