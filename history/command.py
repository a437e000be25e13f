"""The commands, as `fanwatch history` and `python -m history` have them."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fanwatch.errors import SettingsError, Unavailable
from fanwatch.logs import Log
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.settings import HistorySettings, ReadingSettings, StoreSettings, duration_ms, load
from fanwatch.store.influx import Store
from history.loop import loop
from history.rollup import Rollup, store_of

if TYPE_CHECKING:
    from history.export import Say


_PAUSE_S = 1.0
"""Between two looks for a store that is still starting."""
_UNDER_WAY_MS = 60_000
"""What is younger may not be stored yet; an export that goes on later would miss it."""


def setup(environment: Mapping[str, str], *, wait: str | None = None) -> None:
    """Makes or alters what InfluxDB needs, and prints what was done. Waits for it for a duration such as 10m."""
    # Reads YAML, which the process that goes on computing means does without.
    from history.setup import setup as run

    deadline = time.monotonic() + (_seconds("--wait", wait) if wait else 0.0)
    if wait:
        # As the first process of a container it would not end otherwise.
        signal.signal(signal.SIGTERM, _stop)
    waiting = False
    while True:
        try:
            done = run(environment)
            break
        except Unavailable as error:
            if time.monotonic() >= deadline:
                raise
            if not waiting:
                print(f"Waiting {wait} at most. {error}", flush=True)
            waiting = True
        time.sleep(_PAUSE_S)
    for line in done or ["nothing to do"]:
        print(f"{line[0].upper()}{line[1:]}.", flush=True)


def rollup(environment: Mapping[str, str], *, every: str | None, since: str | None, full: bool) -> None:
    """One run, or with `every` one after the other until SIGTERM. Prints what the one run did."""
    history, reading = load(HistorySettings, environment), load(ReadingSettings, environment)
    _ = reading.rules
    start = _since(since, full=full)
    every_s = _seconds("--every", every) if every else None
    work = Rollup(store_of(load(StoreSettings, environment), history), history, reading)
    if every_s is None:
        done = work.run(start)
        print(
            f"{done.points:,} means of {done.windows:,} windows in {done.seconds:.1f} s; "
            f"late readings of {done.late_fans:,} fans on {done.late_days} days."
        )
        return
    if start is not None:
        raise SettingsError("--since and --full are for one run: leave out --every.")
    # At once, wherever it is: what was not finished is due again at the next start.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    loop(work, every_s, Log("rollup"))


def export(
    environment: Mapping[str, str],
    directory: Path,
    *,
    days: float,
    every: str | None,
    append: bool,
    say: "Say",
) -> str:
    """Writes `readings.csv`; what to say of it."""
    from history.export import export as run

    until_ms = time.time_ns() // 1_000_000 - _UNDER_WAY_MS
    done = run(
        Store(load(StoreSettings, environment)),
        directory,
        until_ms - round(days * 86_400_000),
        until_ms,
        every_ms=_milliseconds("--every", every) if every else None,
        append=append,
        say=say,
    )
    return (
        f"Wrote {done.rows:,} readings of {done.fans:,} fans, from {format_ms(done.first_ms)} to "
        f"{format_ms(done.last_ms)}, to {done.path}.\n"
        f"What people found belongs beside it: fanwatch labels export --out {directory / 'events.csv'}"
    )


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _milliseconds(option: str, text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}.") from error


def _seconds(option: str, text: str) -> float:
    return _milliseconds(option, text) / 1000


def _since(text: str | None, *, full: bool) -> int | None:
    if full:
        return 0
    if text is None:
        return None
    try:
        return time.time_ns() - duration_ms(text) * 1_000_000
    except ValueError:
        pass
    try:
        return parse_ms(text, zone("UTC")) * 1_000_000
    except ValueError as error:
        raise SettingsError(
            f"--since: {text!r} is neither a duration such as 7d nor a time such as 2026-11-20 or 2026-11-20T12:00:00Z."
        ) from error
