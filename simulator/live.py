"""The live fleet: takes readings when they are due and publishes them, until it is told to stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import paho.mqtt.client as mqtt

from fanwatch.broker import tools
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.files import opened
from fanwatch.logs import Log
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import BrokerSettings, StoreSettings, load
from fanwatch.signals import on_stop
from fanwatch.store.influx import Store
from fanwatch.store.readings import newest_of_each, scored
from simulator import demo, past
from simulator.fleet import FAILS_WITHIN_S, Fleet, steps
from simulator.machines import Machines, Readings
from simulator.outbox import Entry, Outbox
from simulator.physics import Physics
from simulator.quiet import Quiet
from simulator.results import Results

_TICK_S: Final = 0.005
_MOST_BEHIND_S: Final = 5.0
_LAST_WAIT_S: Final = 2.0
_ASKED_S: Final = 0.5
_ASK_AGAIN_S: Final = 1.0
_STORED_WITHIN_S: Final = 120.0
_LONGEST_RECONNECT_S: Final = 2
_PAST_PER_SECOND: Final = 500.0
_LEAST_PAST_PER_SECOND: Final = 50.0
"""How fast the past is played, less what is published now: the pipeline is for the present first."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate."""

    fans: int = 10
    rate: float = 1.0
    """Readings a second and fan."""
    failing: dict[int, str] = {}
    """Fans' numbers, from 1 on, to modes; from a few seconds after the start of real time on."""
    life_s: float = FAILS_WITHIN_S
    """Within which they fail."""
    seed: int | None = None
    outbox: int = 100_000
    """Unconfirmed readings kept at most, about 400 bytes each."""
    record: Path | None = None
    """File that gets a line `deviceID,timestamp in ms` for each reading that the broker has confirmed."""
    truth: Path | None = None
    """File that gets a row for each event, as events.csv."""
    fleet: Path | None = None
    """File that keeps the fleet's seed and birth, so that the next start finds the same fans."""
    history_days: float = 0.0
    """Days to play before real time begins."""
    interval_s: float = 600.0
    """Between two readings of a fan in them."""
    speed: float | None = None
    """How many times as fast as real time they pass; None: as fast as the pipeline likes."""
    when_stored: bool = False
    """Real time begins at once, and what InfluxDB has not of the days before is played once it answers."""
    demo: tuple[int, str] | None = None
    """A fan's number, and how it fails in the days that are played."""
    physics: Physics = Physics()


class _Asking(threading.Thread):
    """Asks until the store answers, beside the publishing, which must go on; `answer` is None before."""

    def __init__(self, ask: Callable[[], dict[str, int]], stop: threading.Event) -> None:
        super().__init__(name="store", daemon=True)
        self._ask = ask
        self._stopping = stop
        self.answer: dict[str, int] | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.answer = self._ask()
                return
            except FanwatchError:
                # Being built, starting, or not set up yet.
                self._stopping.wait(_ASK_AGAIN_S)


class _Running:
    """One run of the fleet."""

    def __init__(
        self, options: Options, client: mqtt.Client, outbox: Outbox, stop: threading.Event, log: Log
    ) -> None:
        self.options = options
        self.outbox = outbox
        self.stop = stop
        self.log = log
        self.start_s = time.time()
        self.results = Results(client, format_ms(int(self.start_s * 1000)))
        self.quiet: Quiet | None = None
        """No forecasts meanwhile; None where nothing is played into a store that is asked."""
        self.birth = past.birth(
            options.fleet, options.seed, self.start_s, options.history_days, options.interval_s
        )

    def machines(self) -> Machines:
        """The fleet as it was born."""
        options = self.options
        return Machines(options.fans, self.birth.born_s, physics=options.physics, seed=self.birth.seed)

    def days(self, machines: Machines, until_s: Callable[[], float]) -> Iterator[tuple[float, Readings]]:
        """What `machines` go through from their birth on."""
        return steps(machines, self.birth.born_s, until_s, self.options.interval_s)

    def player(self, passed: Iterator[tuple[float, Readings]], newest: dict[str, int]) -> past.Player:
        """Publishes of the days before what is not stored."""
        options = self.options
        oldest_ms = int((self.start_s - options.history_days * 86_400) * 1000)
        most = max(_LEAST_PAST_PER_SECOND, _PAST_PER_SECOND - options.fans * options.rate)
        if options.speed is not None:
            most = min(most, options.fans * options.speed / options.interval_s)
        return past.Player(past.missing(passed, newest, oldest_ms), most, self.results)

    def ask(self, store: Store) -> dict[str, int]:
        """The newest stored reading of each fan before the start. FanwatchError where nobody can say yet."""
        start_ms = int(self.start_s * 1000)
        # What is published now comes first, and has to get through before anything is added to it.
        if not scored(store, start_ms, time.time_ns() // 1_000_000):
            raise Unavailable("Nothing of this run is stored yet.")
        newest = newest_of_each(store, start_ms - int(self.options.history_days * 86_400_000), start_ms)
        quiet = Quiet(store)
        quiet.begin()
        self.quiet = quiet
        return newest

    def end_quiet(self) -> None:
        """Lets forecasts go on."""
        if self.quiet is not None:
            self.quiet.end()


def run(options: Options) -> int:
    """Publish until SIGTERM or SIGINT; then wait briefly for confirmations. Returns the exit code."""
    log, stop = Log("simulator"), threading.Event()
    on_stop((signal.SIGTERM, signal.SIGINT), stop.set)
    settings = load(BrokerSettings)
    client = tools.client(settings)
    client.reconnect_delay_set(min_delay=1, max_delay=_LONGEST_RECONNECT_S)
    with contextlib.ExitStack() as stack:
        outbox = Outbox(client, options.outbox, log, _recorder(options.record, stack))
        tell = past.truth(options.truth, stack)
        client.connect_async(settings.broker_host, settings.broker_port, keepalive=30)
        client.loop_start()
        stack.callback(client.loop_stop)
        stack.callback(client.disconnect)
        running = _Running(options, client, outbox, stop, log)
        machines, player = _before(running, tell)
        if not stop.is_set():
            fleet = Fleet(
                options.fans,
                options.rate,
                failing=options.failing,
                life_s=options.life_s,
                start_s=time.time(),
                machines=machines,
            )
            _publish(running, fleet, player, tell)
        running.end_quiet()
        _drain(outbox)
    log.info("stopped", **outbox.counts()._asdict())
    return 0


def _before(running: _Running, tell: Callable[[Machines], None]) -> tuple[Machines, _Asking | None]:
    """Goes through the days before, or leaves them for later; the fleet as it is now, and who asks for the rest."""
    options, machines = running.options, running.machines()
    if options.demo is not None:
        stage = demo.Stage(running.outbox, running.stop, running.log)
        demo.play(*options.demo, machines, running.birth.born_s, options.interval_s, stage, running.log, tell)
        return machines, None
    if not options.history_days:
        return machines, None
    if options.when_stored:
        past.live_through(running.days(machines, lambda: running.start_s))
        tell(machines)
        store = Store(load(StoreSettings))
        asking = _Asking(lambda: running.ask(store), running.stop)
        asking.start()
        return machines, asking
    # The clock goes on meanwhile, so this ends where real time has been reached.
    player = running.player(running.days(machines, time.time), {})
    while not player.done and not running.stop.wait(_TICK_S):
        player.play(running.outbox)
        running.outbox.pump()
        tell(machines)
    running.log.info("the past is published", readings=player.played)
    return machines, None


def _publish(
    running: _Running, fleet: Fleet, asking: _Asking | None, tell: Callable[[Machines], None]
) -> None:
    outbox, log = running.outbox, running.log
    start, done, player = time.monotonic(), 0, None
    while True:
        due = int((time.monotonic() - start) * fleet.per_second) + 1
        behind = due - done - max(1, int(_MOST_BEHIND_S * fleet.per_second))
        if behind > 0:
            log.warning("the simulator was held up, readings were not taken", readings=behind)
            done += behind
        if due > done:
            outbox.add(fleet.entries(done, due))
            tell(fleet.machines)
            done = due
        if asking is not None and asking.answer is not None:
            again = running.days(running.machines(), lambda: running.start_s)
            player, asking = running.player(again, asking.answer), None
        if player is not None:
            player.play(outbox)
            if player.done:
                log.info("the past is published", readings=player.played)
                threading.Thread(target=_forecast, args=(running, player.played), daemon=True).start()
                player = None
        outbox.pump()
        next_s = start + fleet.seconds(done) - time.monotonic()
        # Short ticks while something waits for confirmations; otherwise sleep until the next reading is due.
        busy = outbox.counts().waiting or player is not None
        longest_s = 4 * _TICK_S if busy else _ASKED_S if asking is not None else next_s
        if running.stop.wait(max(_TICK_S, min(next_s, longest_s))):
            return


def _forecast(running: _Running, played: int) -> None:
    """Has forecast-fan look at the past once it is stored, for the next run of its schedule is minutes off."""
    stage = demo.Stage(running.outbox, running.stop, running.log)
    end_ms = int(running.start_s * 1000)
    begin_ms = end_ms - int(running.options.history_days * 86_400_000)
    whole = played and stage.stored(begin_ms, end_ms, played, _STORED_WITHIN_S)
    running.end_quiet()
    if whole:
        stage.forecast()


def _drain(outbox: Outbox) -> None:
    deadline = time.monotonic() + _LAST_WAIT_S
    while outbox.connected and outbox.counts().waiting and time.monotonic() < deadline:
        outbox.pump()
        time.sleep(_TICK_S)


def _recorder(record: Path | None, stack: contextlib.ExitStack) -> Callable[[Entry], None]:
    if record is None:
        return lambda entry: None
    file = stack.enter_context(opened(record, "a"))
    return lambda entry: print(f"{entry.device_id},{entry.timestamp_ms}", file=file)
