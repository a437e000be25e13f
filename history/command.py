"""The commands, as `fanwatch history` and `python -m history` have them."""

import signal
import time
from collections.abc import Mapping
from types import FrameType

from fanwatch.errors import SettingsError
from fanwatch.logs import Log
from fanwatch.settings import HistorySettings, ReadingSettings, StoreSettings, duration_ms, load
from fanwatch.timestamps import parse_ms, zone
from history.loop import loop
from history.rollup import Rollup, store_of


def setup(environment: Mapping[str, str]) -> None:
    """Makes or alters what InfluxDB needs, and prints what was done."""
    # Reads YAML, which the process that goes on computing means does without.
    from history.setup import setup as run

    for line in run(environment) or ["nothing to do"]:
        print(f"{line[0].upper()}{line[1:]}.", flush=True)


def rollup(environment: Mapping[str, str], *, every: str | None, since: str | None, full: bool) -> None:
    """One run, or with `every` one after the other until SIGTERM. Prints what the one run did."""
    history, reading = load(HistorySettings, environment), load(ReadingSettings, environment)
    _ = reading.rules
    start = _since(since, full=full)
    every_s = _seconds(every) if every else None
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


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _seconds(text: str) -> float:
    try:
        return duration_ms(text) / 1000
    except ValueError as error:
        raise SettingsError(f"--every: {error}.") from error


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
        return parse_ms(f"{text} 00:00:00" if len(text) == 10 else text, zone("UTC")) * 1_000_000
    except ValueError as error:
        raise SettingsError(
            f"--since: {text!r} is neither a duration such as 7d nor a time such as 2026-11-20 or 2026-11-20T12:00:00Z."
        ) from error
