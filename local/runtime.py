"""Starts the whole pipeline on this machine, in the order in which nothing gets lost, and stops it again."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO

from fanwatch import proxies
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.messages import topics
from fanwatch.settings import BrokerSettings, ConnectorSettings, ConsoleSettings, LocalSettings, load
from local import config, damage, grafana, sessions, tools
from local.deploy import read_stack
from local.health import connector_ready, disk, functions_ready, healthy, listens
from local.layout import Layout
from local.lock import acquire
from local.ports import require_free
from local.supervisor import Program, Supervisor, argv_of, write_config, write_spec

Say = Callable[[str], None]

_POLL_S = 0.05
_GIVEN_UP_S = 5.0
"""Seconds for which a part may end right after each start before starting is given up."""
_STOP_S = (1.0, 3.0, 2.0, 2.5)
"""Seconds that each of config.STOP_WAVES may take before the next one begins; 10 s in all with what follows."""


class Interrupted(FanwatchError):
    """The user asked to stop while the runtime was starting."""


class Runtime:
    """One running pipeline. `stop_event` ends every wait."""

    def __init__(
        self, environment: Mapping[str, str], layout: Layout, say: Say, stop_event: threading.Event
    ) -> None:
        self.layout = layout
        self.stop_event = stop_event
        self.say = say
        config.check(environment)
        self.local = load(LocalSettings, environment)
        self.broker = load(BrokerSettings, environment)
        self.connector = load(ConnectorSettings, environment)
        self.console = load(ConsoleSettings, environment)
        self.environment = config.local_environment(environment, layout)
        # For webhooks and Grafana's messages, which leave the site.
        self._outward = self.environment | proxies.outward(environment)
        self.stack = read_stack(layout, self.environment)
        self.supervisor = Supervisor(layout)
        self.grafana: grafana.Plan | None = None
        """What becomes of Grafana; None without a store, or where it is not wanted."""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def prepare(self) -> str:
        """Everything that can fail before a process is started; returns the path of mosquitto."""
        self.layout.create()
        self._lock = acquire(self.layout)
        require_free(self.ports())
        tool = tools.mosquitto(self.say)
        config.write_secrets(self.layout)
        if not self.local.no_store and not self.local.no_grafana:
            self.grafana = grafana.plan(
                self._outward, self.layout, self.local.grafana_port, self.ports().values()
            )
        self.layout.refused.unlink(missing_ok=True)
        for left in (*self.layout.programs.iterdir(), *self.layout.short.glob("*.sock")):
            left.unlink()
        return tool

    def ports(self) -> dict[str, int]:
        """The ports in use, by the setting that moves each."""
        needed = {
            "FANWATCH_GATEWAY_PORT": self.local.gateway_port,
            "FANWATCH_BROKER_PORT": self.broker.broker_port,
            "FANWATCH_CONNECTOR_PORT": self.connector.connector_port,
        }
        if not self.local.no_console:
            needed["FANWATCH_CONSOLE_PORT"] = self.console.console_port
        if self.local.no_store:
            return needed
        return needed | {
            "FANWATCH_INFLUX_PORT": self.local.influx_port,
            "FANWATCH_TELEGRAF_PORT": self.local.telegraf_port,
        }

    def start(self, mosquitto: str) -> None:
        """Starts supervisord, broker, functions and gateway, then makes the sessions, then lets readings flow."""
        self._start_supervisord()
        port = self.broker.broker_port
        settings = config.write_mosquitto(
            self.layout, port, durable=self.local.broker_durable, queued_bytes=self.local.broker_queued_bytes
        )
        self._add(config.mosquitto(self.layout, self.environment, mosquitto, settings))
        self._add(config.ours("gateway", self.layout, self.environment))
        self._add(config.ours("deploy", self.layout, self._outward))
        self._until(lambda: listens(port), "mosquitto", "The broker does not answer")
        self._create_sessions()
        self._add(config.ours("connector", self.layout, self.environment))
        self._add(config.ours("cron", self.layout, self.environment))

    def start_fleet(self) -> None:
        """Starts the simulated fans; from now on readings flow, whether or not the functions are ready yet."""
        self._add(config.ours("simulator", self.layout, self.environment))

    def start_console(self) -> None:
        """Starts the page, which is to be there soon and never to delay a result."""
        if not self.local.no_console:
            self._add(config.ours("console", self.layout, self.environment))

    def wait_ready(self) -> None:
        """Returns when a reading would be scored. FanwatchError names the part that is not there in time, and why."""
        gateway_port = self.local.gateway_port
        self._until(lambda: healthy("gateway", gateway_port), "gateway", "The gateway does not answer")
        for name in self.stack.local:
            log = f"fn-{name}-{self.stack.generation(name)}-0"
            self._until(partial(functions_ready, self.layout, self.stack, name), log, f"{name} is not ready")
        self._until(lambda: connector_ready(self.connector), "connector", "The connector is not ready")

    @property
    def started(self) -> bool:
        """Whether there is anything to stop."""
        return self._process is not None

    def alive(self) -> bool:
        """Whether supervisord still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> float:
        """Stops everything, within 10 s; returns the seconds it took."""
        began = time.monotonic()
        if self._process is not None:
            # Not the threads' client: it may be in the middle of a call.
            self.supervisor = Supervisor(self.layout, timeout_s=1.0)
            with contextlib.suppress(Unavailable):
                self._stop_in_waves()
            self._end_supervisord()
        if self._lock is not None:
            self.layout.leave()
            with contextlib.suppress(OSError):
                self.layout.up_state.unlink(missing_ok=True)
            self._lock.close()
        return time.monotonic() - began

    def _start_supervisord(self) -> None:
        spec = self.layout.run / "supervisord.json"
        argv = write_config(self.layout, as_root=os.getuid() == 0)
        write_spec(spec, argv, self.environment, self.layout.state)
        with self.layout.log("supervisord.out").open("wb") as output:
            # A session of its own: Ctrl-C reaches this process alone, which then stops the parts in their order.
            self._process = subprocess.Popen(
                argv_of(spec), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._until(self.supervisor.answers, "supervisord.out", "supervisord does not answer")

    def _add(self, program: Program) -> None:
        if self.stop_event.is_set():
            raise Interrupted("Stopped while starting.")
        self.supervisor.add(program)

    def _create_sessions(self) -> None:
        annotated = [
            topic
            for function in self.stack.local.values()
            for topic in topics.annotated(function.annotations)
        ]
        wanted = [sessions.connector(self.connector, annotated)]
        for session in wanted if self.local.no_store else [*wanted, *sessions.TELEGRAF]:
            sessions.create(load(BrokerSettings, self.environment), session)

    def _until(self, ready: Callable[[], bool], name: str, what: str) -> None:
        """Waits for a part; `name` is that of its process and its log."""
        began = time.monotonic()
        ending_since: float | None = None
        while not ready():
            if self.stop_event.wait(_POLL_S):
                raise Interrupted("Stopped while starting.")
            if not self.alive():
                raise FanwatchError(f"supervisord ended: {self.layout.last_line('supervisord.out')}")
            if (full := disk(self.layout)) is not None:
                raise FanwatchError(full.detail)
            now = time.monotonic()
            states = self._states(name)
            if states & {"BACKOFF", "FATAL"}:
                ending_since = ending_since or now
            elif "RUNNING" in states:
                ending_since = None
            if now - began > self.local.start_timeout or now - (ending_since or now) > _GIVEN_UP_S:
                damaged = damage.of_broker(self.layout) if name == "mosquitto" else None
                if damaged:
                    raise FanwatchError(damaged)
                reason = self.layout.last_line(name, "its log is empty.")
                log = self.layout.log(name)
                raise FanwatchError(f"{what} after {now - began:.0f} s: {reason} (log: {log})")

    def _states(self, name: str) -> set[str]:
        """BACKOFF and FATAL: it ended within a second of its start, and will be started again."""
        try:
            return {process.statename for process in self.supervisor.processes() if process.name == name}
        except Unavailable:
            return set()

    def _stop_in_waves(self) -> None:
        for wave, seconds in zip(config.STOP_WAVES, _STOP_S, strict=True):
            deadline = time.monotonic() + seconds
            for group in self._running(wave):
                self.supervisor.stop(group)
            while self._running(wave) and time.monotonic() < deadline:
                time.sleep(_POLL_S)

    def _running(self, wave: tuple[str, ...]) -> set[str]:
        gone = ("STOPPED", "EXITED", "FATAL")
        return {
            process.group
            for process in self.supervisor.processes()
            if process.statename not in gone and process.group.startswith(wave)
        }

    def _end_supervisord(self) -> None:
        assert self._process is not None
        pids: list[int] = []
        with contextlib.suppress(Unavailable):
            pids = [process.pid for process in self.supervisor.processes() if process.pid]
        self._process.terminate()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait(1.0)
