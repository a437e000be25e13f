"""The live fleet: takes readings when they are due and publishes them, until it is told to stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from fanwatch.broker import tools
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings, load
from fanwatch.signals import on_stop
from fanwatch.timestamps import format_ms
from simulator.boxes import Floats
from simulator.fleet import Fleet
from simulator.modes import device_id
from simulator.outbox import Entry, Outbox

_TICK_S: Final = 0.005
_MOST_BEHIND_S: Final = 5.0
_LAST_WAIT_S: Final = 2.0
_LONGEST_RECONNECT_S: Final = 2


class Options(NamedTuple):
    """What to simulate."""

    fans: int = 10
    rate: float = 1.0
    """Readings a second and fan."""
    failing: dict[int, str] | None = None
    seed: int | None = None
    outbox: int = 100_000
    """Unconfirmed readings kept at most, about 400 bytes each."""
    record: Path | None = None
    """File that gets a line `deviceID,timestamp in ms` for each reading that the broker has confirmed."""


def run(options: Options) -> int:
    """Publish until SIGTERM or SIGINT; then wait briefly for confirmations. Returns the exit code."""
    log, stop = Log("simulator"), threading.Event()
    on_stop((signal.SIGTERM, signal.SIGINT), stop.set)
    settings = load(BrokerSettings)
    client = tools.client(settings)
    client.reconnect_delay_set(min_delay=1, max_delay=_LONGEST_RECONNECT_S)
    with contextlib.ExitStack() as stack:
        outbox = Outbox(client, options.outbox, log, _recorder(options.record, stack))
        client.connect_async(settings.broker_host, settings.broker_port, keepalive=30)
        client.loop_start()
        stack.callback(client.loop_stop)
        stack.callback(client.disconnect)
        fleet = Fleet(options.fans, options.rate, failing=options.failing, seed=options.seed)
        _publish(fleet, outbox, stop, log)
        _drain(outbox)
    log.info("stopped", **outbox.counts()._asdict())
    return 0


def entries(fleet: Fleet, first: int, last: int, start_ms: int) -> list[Entry]:
    """Readings number `first` to `last` - 1 as payloads, for a fleet that started at `start_ms`.

    A fan's readings lie 1 / rate apart, so their times differ for any rate up to 1,000 a second.
    """
    return [
        _entry(first + index, row, fleet, start_ms)
        for begin in range(first, last, fleet.fans)
        for index, row in enumerate(_rows(fleet.take(begin, min(begin + fleet.fans, last))), begin - first)
    ]


def _rows(readings: Floats) -> list[list[float]]:
    rows: list[list[float]] = readings.round(2).tolist()
    return rows


def _entry(number: int, row: list[float], fleet: Fleet, start_ms: int) -> Entry:
    device = device_id(number % fleet.fans + 1)
    timestamp_ms = start_ms + int(fleet.seconds(number) * 1000)
    rotation, temperature, vibration, sound = row
    payload = (
        f'{{"deviceID": "{device}", "timeStamp": "{format_ms(timestamp_ms)}", "rotation": {rotation}, '
        f'"temperature": {temperature}, "vibration": {vibration}, "sound": {sound}}}'
    )
    return Entry(device, timestamp_ms, payload.encode())


def _publish(fleet: Fleet, outbox: Outbox, stop: threading.Event, log: Log) -> None:
    start_ms, start, done = time.time_ns() // 1_000_000, time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * fleet.per_second) + 1
        behind = due - done - max(1, int(_MOST_BEHIND_S * fleet.per_second))
        if behind > 0:
            log.warning("the simulator was held up, readings were not taken", readings=behind)
            done += behind
        if due > done:
            outbox.add(entries(fleet, done, due, start_ms))
            done = due
        outbox.pump()
        next_s = start + fleet.seconds(done) - time.monotonic()
        # Short ticks while something waits for confirmations; otherwise sleep until the next reading is due.
        if stop.wait(max(_TICK_S, next_s if not outbox.counts().waiting else min(next_s, 4 * _TICK_S))):
            return


def _drain(outbox: Outbox) -> None:
    deadline = time.monotonic() + _LAST_WAIT_S
    while outbox.connected and outbox.counts().waiting and time.monotonic() < deadline:
        outbox.pump()
        time.sleep(_TICK_S)


def _recorder(record: Path | None, stack: contextlib.ExitStack) -> Callable[[Entry], None]:
    if record is None:
        return lambda entry: None
    file = stack.enter_context(record.open("a", encoding="ascii", buffering=1))
    return lambda entry: print(f"{entry.device_id},{entry.timestamp_ms}", file=file)
