"""The measurement of one way from readings to results: how many a second, how fast one, at what cost."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks import probe
from benchmarks.load import Readings
from benchmarks.processes import Meter, Pids, peaks_mb
from benchmarks.traffic import Source, Witness, compare

AGO_MS = 2_400_000
"""How old readings are: none is ahead of the clock, nor late to Telegraf, which would add a point to each."""
_TURN_S = 0.01
_DRAIN_S = 60.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a way is measured."""

    seconds: float
    """For which the highest rate is held, after `warm_s`."""
    outstanding: int
    """Readings published but not answered, at most: never idle, and the queue does not grow."""
    ceiling: int
    """Readings a second that are prepared; more are not to be expected."""
    latency_rate: float
    latency_count: int
    warm_s: float = 3.0
    devices: int = 100
    qos: int = 1


class Sustained(msgspec.Struct, frozen=True):
    """The highest rate that was held."""

    per_second: float
    cpu_us: dict[str, float]
    """CPU time a reading by part, in µs."""


class Way(msgspec.Struct, frozen=True):
    """What one way reached; in results.json under its name."""

    readings: int
    lost: int
    duplicated: int
    per_second: float
    latency_ms: probe.Latency
    cpu_us_per_reading: dict[str, float]
    rss_mb: dict[str, float]
    """The most that any process of a part had resident."""


class Rig:
    """Something that runs: a broker with readings going in and results coming out."""

    def __init__(self, port: int, parts: Callable[[], Pids], directory: Path) -> None:
        self.port = port
        self.parts = parts
        self.directory = directory
        self.witness = Witness(directory / "results", port)
        self.sources: list[Source] = []
        self._start_ms = int(time.time() * 1000) - AGO_MS
        self.published: set[str] = set()

    def readings(self, count: int, devices: int) -> Readings:
        """New readings, of other times than all before."""
        path = self.directory / f"readings-{self._start_ms}"
        made = Readings(path, devices=devices, count=count, start_ms=self._start_ms)
        self._start_ms = made.end_ms
        return made

    def source(self, readings: Readings, *, qos: int = 1) -> Source:
        """A publisher of them that ends with the rig."""
        source = Source(readings, self.port, qos=qos)
        self.sources.append(source)
        return source

    def close(self) -> None:
        """Ends publishers and subscriber."""
        for source in self.sources:
            source.close()
        self.witness.close()


def measure(
    rig: Rig, plan: Plan, taken: Callable[[], int] | None = None, settled: Callable[[], None] = lambda: None
) -> Way:
    """Latency first, then the highest rate.

    `taken` counts, beside the results, what else has to keep up; `settled` returns when that is done.
    """
    few = rig.readings(plan.latency_count, plan.devices)
    latency = probe.measure(few, rig.port, rate=plan.latency_rate, qos=plan.qos, directory=rig.directory)
    rig.published |= few.keys(0, few.count)
    rig.witness.await_count(len(rig.published), _DRAIN_S)
    many = rig.readings(int(plan.ceiling * (plan.seconds + plan.warm_s)), plan.devices)
    source = rig.source(many, qos=plan.qos)
    sustained = sustain(rig, plan, source, taken)
    source.finish()
    rig.published |= source.keys
    rig.witness.await_count(len(rig.published), _DRAIN_S)
    settled()
    counts = compare(rig.published, rig.witness.keys())
    return Way(
        readings=counts.readings,
        lost=counts.lost,
        duplicated=counts.duplicated,
        per_second=round(sustained.per_second, 1),
        latency_ms=latency,
        cpu_us_per_reading=sustained.cpu_us,
        rss_mb=peaks_mb(rig.parts()),
    )


def sustain(rig: Rig, plan: Plan, source: Source, taken: Callable[[], int] | None = None) -> Sustained:
    """Publishes as fast as results come back, for plan.seconds after plan.warm_s."""
    before = rig.witness.count()

    def done() -> int:
        scored = rig.witness.count() - before
        return scored if taken is None else min(scored, taken())

    def run(until: float) -> None:
        while (now := time.monotonic()) < until and not source.exhausted:
            source.feed(done() + plan.outstanding)
            time.sleep(min(_TURN_S, max(0.0, until - now)))

    run(time.monotonic() + plan.warm_s)
    parts, around = Meter(rig.parts), Meter(lambda: {"mosquitto_sub": [rig.witness.child.pid]})
    own, publisher = time.process_time(), source.cpu_s
    first, began = done(), time.monotonic()
    run(began + plan.seconds)
    last, ended = done(), time.monotonic()
    number = max(1, last - first)
    spent = parts.spent_s() | around.spent_s()
    spent |= {"mosquitto_pub": source.cpu_s - publisher, "benchmark": time.process_time() - own}
    cpu_us = {part: round(seconds / number * 1e6, 1) for part, seconds in spent.items()}
    return Sustained((last - first) / (ended - began), cpu_us)
