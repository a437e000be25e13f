"""One `fanwatch up` from its first line to its last."""

import contextlib
import errno
import os
import signal
import threading
import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.status import Status

from fanwatch import output, proxies
from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.messages import topics
from fanwatch.messages.fields import DEVICE, TIME
from fanwatch.sensors import EXAMPLE
from fanwatch.settings import (
    BrokerSettings,
    ConnectorSettings,
    LocalSettings,
    ReadingSettings,
    StoreSettings,
    load,
)
from fanwatch.signals import on_stop
from local import fleet_state, health, runtime, view
from local.feed import Feed
from local.layout import command, note, of
from local.lock import prepare
from local.status_report import UpState
from local.store_startup import Collecting, Stored

_REFRESH_S = 1.0
_NEWS_SHOWN = 6
_POLL_S = 5.0
_PLAIN_LINE_S = 10.0
_FIRST_RESULT_S = 60.0
_HANGUP_S = 2.0
"""Seconds within which the hangup signal follows when the terminal is closed."""


def run(environment: Mapping[str, str]) -> int:
    """Starts everything, shows it until it is told to stop, stops everything. FanwatchError where it cannot start."""
    began = time.monotonic()
    stop = threading.Event()
    on_stop((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), stop.set)
    console = Console()
    environment = prepare(environment)
    place = of(load(LocalSettings, environment))
    machine = runtime.Runtime(environment, place, lambda text: console.print(text, highlight=False), stop)
    try:
        _Session(machine, console, began, environment).run()
    except runtime.Interrupted:
        pass
    except OSError as error:
        # The terminal was closed: nobody reads this any more, and all has to be stopped none the less.
        if error.errno != errno.EIO or not stop.wait(_HANGUP_S):
            raise
    finally:
        _stop(machine, console)
    return 0


def _stop(machine: runtime.Runtime, console: Console) -> None:
    if not machine.started:
        machine.stop()
        return
    with contextlib.suppress(OSError):
        console.print("Stopping ...")
    seconds = machine.stop()
    with contextlib.suppress(OSError):
        kept = f"Data is kept in {machine.layout.state}."
        console.print(f"Stopped in {seconds:.1f} s. {kept}", highlight=False, soft_wrap=True)


class _Session:
    def __init__(
        self, machine: runtime.Runtime, console: Console, began: float, environment: Mapping[str, str]
    ) -> None:
        self._machine = machine
        self._console = console
        self._began = began
        self._fleet = fleet_size(environment) > 0 and not machine.local.no_fleet
        self._demo = environment.get("DEMO")
        settings = {name: value for name, value in environment.items() if name.startswith("FANWATCH_")}
        store = health.STORE_OFF if machine.local.no_store else health.Part("store", "starting", "starting")
        self._state = UpState(os.getpid(), "starting", store=store, settings=settings)
        self._feed = Feed(
            load(BrokerSettings, machine.environment), load(ReadingSettings, machine.environment).rules
        )
        self._picture = view.Picture(store=store)
        self._picture.no_store = machine.local.no_store
        # A demonstration's store is its own, and its days are as many as it likes.
        start_ns = time.time_ns()
        days = machine.local.history_days
        oldest_ns = 0 if self._demo else start_ns - int(days * 86_400 * 1e9)
        self._stored = Stored(load(StoreSettings, machine.environment), start_ns, oldest_ns)

    def run(self) -> None:
        machine = self._machine
        tool = machine.prepare()
        self._write_state()
        with self._status("Starting broker, functions and connector ..."):
            machine.start(tool)
        self._step(f"Broker on port {machine.broker.broker_port}, sessions made")
        if not machine.local.no_store:
            Collecting(machine, self._on_store, self._stored.begin).start()
        self._feed.start()
        try:
            if self._fleet:
                machine.start_fleet()
            with self._status("Waiting for functions and connector ..."):
                machine.wait_ready()
            self._step(f"Pipeline ready; functions on http://127.0.0.1:{machine.local.gateway_port}")
            self._await_first_result()
            machine.start_console()
            self._state.state = "up"
            self._write_state()
            self._watch()
        finally:
            self._feed.stop()

    def _await_first_result(self) -> None:
        # A demonstration begins once there is a store, which the first time takes minutes to build.
        if not self._fleet or self._demo:
            return
        with self._status("Waiting for the first result ..."):
            deadline = time.monotonic() + _FIRST_RESULT_S
            while not self._feed.first_result.wait(0.05):
                if self._machine.stop_event.is_set():
                    raise runtime.Interrupted("Stopped while starting.")
                if time.monotonic() > deadline:
                    logs = self._machine.layout
                    said = logs.last_line("connector") or logs.last_line("simulator")
                    raise FanwatchError(
                        f"No reading was scored within {_FIRST_RESULT_S:g} s: {said} (logs: {logs.logs})"
                    )
        self._state.first_result_s = round(time.monotonic() - self._began, 2)
        self._picture.first_result_s = self._state.first_result_s
        self._step("First result")

    def _watch(self) -> None:
        polls = threading.Thread(target=self._poll, name="polls", daemon=True)
        polls.start()
        # Above the table and unbroken, so that they can be copied.
        self._console.print(hints(self._machine), highlight=False, soft_wrap=True)
        if not self._console.is_terminal:
            self._watch_plainly()
            return
        with Live(console=self._console, screen=False, auto_refresh=False, transient=False) as live:
            while not self._machine.stop_event.wait(_REFRESH_S):
                self._feed.tick()
                self._picture.news = [*self._picture.news, *self._feed.news()][-_NEWS_SHOWN:]
                live.update(view.table(self._feed, self._picture, self._console.size.height), refresh=True)
                self._require_alive()

    def _watch_plainly(self) -> None:
        last = 0.0
        disk: health.Part | None = None
        while not self._machine.stop_event.wait(_REFRESH_S):
            self._feed.tick()
            for alarm in self._feed.news():
                print(view.alarm_line(alarm), flush=True)
            if self._picture.disk != disk:
                disk = self._picture.disk
                print(f"disk: {disk.detail if disk else 'there is room again'}", flush=True)
            if time.monotonic() - last > _PLAIN_LINE_S:
                last = time.monotonic()
                print(view.line(self._feed, self._picture), flush=True)
            self._require_alive()

    def _require_alive(self) -> None:
        if not self._machine.alive():
            said = self._machine.layout.last_line("supervisord")
            raise FanwatchError(f"supervisord ended: {said} Start again with `fanwatch up`.")

    def _poll(self) -> None:
        environment = self._machine.environment
        connector = load(ConnectorSettings, environment)
        stored: dict[str, int] | None = None
        before: tuple[float, dict[str, float]] | None = None
        while not self._machine.stop_event.is_set():
            if self._picture.store.state == "ok":
                stored = self._stored.counts()
                with contextlib.suppress(FanwatchError):
                    self._picture.judged_ms = fleet_state.judged_ms(environment)
            counted = health.connector_counts(connector)
            self._picture.disk = health.disk(self._machine.layout)
            self._picture.ledger = health.Ledger(counted, stored, self._machine.local.no_store)
            now = (time.monotonic(), view.totals(counted)) if counted is not None else None
            if before and now:
                self._picture.rates = {
                    kind: max(0.0, now[1].get(name, 0) - before[1].get(name, 0)) / (now[0] - before[0])
                    for kind, name in (("readings", "received"), ("results", "scored"))
                }
            before = now
            self._machine.stop_event.wait(_POLL_S)

    def _on_store(self, part: health.Part) -> None:
        self._picture.store = part
        self._state.store = part
        self._write_state()
        if not self._console.is_terminal:
            print(f"store: {part.detail}", flush=True)

    def _status(self, text: str) -> Status:
        return self._console.status(text, spinner=output.spinner(self._console.encoding))

    def _step(self, text: str) -> None:
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}", highlight=False)

    def _write_state(self) -> None:
        # Where the disk is full, that is said of the disk, and readings are scored all the same.
        note(self._machine.layout.up_state, self._state)


def fleet_size(environment: Mapping[str, str]) -> int:
    """FANS, 10 by default. SettingsError for what is no number."""
    text = environment.get("FANS") or "10"
    if not text.isdigit():
        raise SettingsError(f"FANS={text!r} is no number of fans; give 0 or more.")
    return int(text)


def hints(machine: runtime.Runtime) -> str:
    """Commands that work when pasted, in rich's markup."""
    curl = "curl --noproxy localhost" if proxies.in_the_way() else "curl"
    gateway, broker = machine.local.gateway_port, machine.broker.broker_port
    shown = [f"[bold]Dashboards:[/bold]         {machine.grafana.said}"] if machine.grafana else []
    page = (
        []
        if machine.local.no_console
        else [f"[bold]Page:[/bold]               http://localhost:{machine.console.console_port}"]
    )
    return "\n".join(
        [
            *page,
            "[bold]Score a reading:[/bold]    "
            f'{curl} -s localhost:{gateway}/function/score-fan -d \'{{"{DEVICE}":"mine",{EXAMPLE}}}\'',
            "[bold]Publish a reading:[/bold]  "
            f'mosquitto_pub -p {broker} -q 1 -t {topics.READINGS} -m \'{{"{DEVICE}":"mine",'
            f'"{TIME}":"\'$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)\'",{EXAMPLE}}}\'',
            f"[bold]Follow the results:[/bold] mosquitto_sub -p {broker} -t {topics.RESULTS}",
            *shown,
            f"[bold]Logs:[/bold]               {machine.layout.logs}   [bold]Health:[/bold] {command()} status   "
            "[bold]Stop:[/bold] Ctrl-C",
        ]
    )
