"""What history takes: bytes on disk of raw points and means, and what a rollup costs: `python -m benchmarks.history`.

Values are the simulated fleet's, scored with the default bundle; times have a sensor's jitter, for regular ones would
take no space at all. InfluxDB is the pinned one with infra's configuration, but compacts soon instead of after hours.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from influxdb_client.client.write.point import Point
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.pipeline import plain_environment
from benchmarks.processes import cpu_s
from fanwatch.errors import FanwatchError
from fanwatch.scorers import Judge, open_judge
from fanwatch.sensors import FEATURES
from fanwatch.settings import HistorySettings, InferSettings, ReadingSettings, StoreSettings
from fanwatch.store.influx import Store, point
from fanwatch.store.means import WINDOW_NS
from history.rollup import Rollup, Summary
from history.setup import setup
from local.influx import Reached, alone
from simulator.fleet import Fleet

_DAY_S = 86_400
_JITTER_NS = 20_000_000
_STEP = 20_000
_SOON = {
    "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "2s",
    "INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION": "2s",
}
_COMPACTED_S = 180.0
_RATES = {"1 reading/s": 1.0, "1 reading in 10 s": 0.1}


class Size(msgspec.Struct, frozen=True):
    """Bytes on disk after compaction, index and all."""

    points: int
    size: int


class Bench:
    """One InfluxDB with a database for each thing that is measured."""

    def __init__(self, reached: Reached, environment: dict[str, str], data: Path) -> None:
        self._url = reached.store.url
        self._environment = environment | {"FANWATCH_INFLUX_URL": self._url}
        self._data = data
        self._judge = open_judge(InferSettings(engine="litert"))
        assert reached.pid is not None
        self._pid = reached.pid

    def store(self, database: str) -> Store:
        """A new database, set up."""
        setup(self._environment | {"FANWATCH_INFLUX_DATABASE": database})
        return Store(StoreSettings(influx_url=self._url, influx_database=database, influx_timeout=60.0))

    def raw(self, fans: int, rate: float, days: int, measurement: str) -> Size:
        """Whole UTC days of one measurement."""
        store = self.store(f"raw-{rate:g}-{measurement}")
        last = int(time.time()) // _DAY_S * _DAY_S
        feed = Feed(self._judge, fans, rate, last - days * _DAY_S)
        feed.write(store, last, (measurement,))
        return self._size(store, "raw", feed.readings)

    def means(self, fans: int, days: int) -> Size:
        """Ten-minute means of telemetry and anomaly, from a reading a minute."""
        store = self.store("means")
        last = int(time.time()) // _DAY_S * _DAY_S
        feed = Feed(self._judge, fans, 1 / 60, last - days * _DAY_S)
        feed.write(store, last, ("telemetry", "anomaly"))
        rollup(store).run()
        return self._size(store, "means", fans * days * _DAY_S * 10**9 // WINDOW_NS)

    def runs(self, fans: int, rate: float) -> dict[str, tuple[Summary, float]]:
        """Of a first run over two hours and a half, of a run ten minutes later, and of one with a late reading."""
        store = self.store("rollup")
        full = int(time.time_ns() // WINDOW_NS * WINDOW_NS // 10**9)
        feed = Feed(self._judge, fans, rate, full - 9_000)
        work, found = rollup(store), {}
        feed.write(store, full - 600 + 15, ("telemetry", "anomaly"))
        found["first run, 2 h 30 min"] = self._run(work)
        feed.write(store, min(full + 15, int(time.time())), ("telemetry", "anomaly"))
        found["regular run"] = self._run(work)
        found["run without news"] = self._run(work)
        day = full // _DAY_S * _DAY_S - 3 * _DAY_S
        Feed(self._judge, 1, rate, day).write(store, day + _DAY_S, ("telemetry", "anomaly"))
        store.write([point("late", {"deviceID": "fan-0001"}, {"seen": 1}, day * 10**9)])
        found["run with a late day of one fan"] = self._run(work)
        return found

    def _run(self, work: Rollup) -> tuple[Summary, float]:
        before = cpu_s(self._pid)
        done = work.run()
        return done, cpu_s(self._pid) - before

    def _size(self, store: Store, policy: str, points: int) -> Size:
        """Waits until each shard is one file."""
        directory = self._data / store.database / policy
        deadline = time.monotonic() + _COMPACTED_S
        before: list[int] = []
        while True:
            time.sleep(5)
            files = [path for path in directory.rglob("*") if path.is_file()]
            sizes = sorted(path.stat().st_size for path in files)
            shards = sum(path.is_dir() for path in directory.iterdir())
            if sizes == before and sum(path.suffix == ".tsm" for path in files) == shards:
                break
            before = sizes
            if time.monotonic() > deadline:
                raise FanwatchError(f"InfluxDB did not compact {directory} within {_COMPACTED_S:g} s.")
        return Size(points, sum(sizes))


class Feed:
    """Readings of a fleet from a time on, in s, with their results."""

    def __init__(self, judge: Judge, fans: int, rate: float, start_s: int) -> None:
        self._judge = judge
        self._fleet = Fleet(fans, rate, seed=1)
        self._random = np.random.default_rng(1)
        self._start_s = start_s
        self.readings = 0

    def write(self, store: Store, until_s: int, measurements: tuple[str, ...]) -> None:
        """All readings that are due before `until_s`."""
        fleet = self._fleet
        last = int((until_s - self._start_s) * fleet.per_second)
        while self.readings < last:
            # The fleet gives each fan's reading once in a step.
            end = min(last, self.readings + min(fleet.fans, _STEP))
            ends = [end]
            while len(ends) * fleet.fans < _STEP and ends[-1] < last:
                ends.append(min(last, ends[-1] + fleet.fans))
            store.write(self._lines(ends, measurements))

    def _lines(self, ends: list[int], measurements: tuple[str, ...]) -> Iterator[Point]:
        first = self.readings
        taken = []
        for end in ends:
            taken.append(self._fleet.take(self.readings, end))
            self.readings = end
        rows = np.concatenate(taken).round(2)
        jitter = self._random.integers(0, _JITTER_NS // 10**6, len(rows)).tolist()
        decisions = self._judge.judge(rows) if "anomaly" in measurements else []
        for index, row in enumerate(rows.tolist()):
            number = first + index
            tags = {"deviceID": f"fan-{number % self._fleet.fans + 1:04}"}
            at = (int((self._start_s + self._fleet.seconds(number)) * 1000) + jitter[index]) * 10**6
            if "telemetry" in measurements:
                yield point("telemetry", tags, dict(zip(FEATURES, row, strict=True)), at)
            if decisions:
                decision = msgspec.structs.asdict(decisions[index])
                decision["fields"] = ",".join(decision["fields"]) if decision.get("fields") else None
                yield point("anomaly", tags, decision, at)


def rollup(store: Store) -> Rollup:
    """As `make run` has it."""
    return Rollup(store, HistorySettings(), ReadingSettings())


def sizes(bench: Bench, effort: float) -> Table:
    """What is on disk once InfluxDB has compacted it."""
    fans = max(2, round(10 * effort))
    table = Table(
        "", "bytes a point", "a fan and day", "a fan and 30 d", "a fan and 2 years", title="On disk"
    )
    for label, rate in _RATES.items():
        few, days = (fans, 2) if rate < 1 else (max(1, fans // 3), 1)
        for name in ("telemetry", "anomaly"):
            size = bench.raw(few, rate, days, name)
            table.add_row(f"raw {name}, {label}", *_growth(size, rate * _DAY_S, raw=True))
    means = bench.means(fans, max(2, round(14 * effort)))
    table.add_row("means, telemetry and anomaly", *_growth(means, 144, raw=False))
    return table


def costs(bench: Bench, effort: float) -> Table:
    """What runs of the rollup take."""
    fans = round(1000 * effort)
    title = f"A rollup: {fans:,} fans, 1 reading in 10 s"
    table = Table("", "windows", "means written", "seconds", "influxd CPU s", title=title)
    for label, (done, spent_s) in bench.runs(fans, 0.1).items():
        table.add_row(label, str(done.windows), f"{done.points:,}", f"{done.seconds:.1f}", f"{spent_s:.1f}")
    return table


def _growth(size: Size, per_day: float, *, raw: bool) -> list[str]:
    each = size.size / size.points
    day = each * per_day
    later = "" if raw else f"{day * 730 / 1e6:.1f} MB"
    return [f"{each:.1f}", f"{day / 1e3:,.0f} kB", f"{day * 30 / 1e6:.1f} MB", later]


def main() -> int:
    """0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.history", description="Measure history's growth."
    )
    parser.add_argument("--effort", type=float, default=1.0, help="a fraction makes it quick, and less true")
    effort = parser.parse_args().effort
    console = Console(width=120)
    try:
        # A rollup's cost shall not include compacting the same points sooner than they would be.
        for measure, changes in ((sizes, _SOON), (costs, {})):
            with tempfile.TemporaryDirectory(prefix="history-") as state:
                environment = plain_environment() | changes | {"FANWATCH_STATE_DIR": state}
                with alone(environment) as reached:
                    data = Path(state) / "influxdb/data"
                    console.print(measure(Bench(reached, environment, data), effort))
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    console.print(f"On {machine.describe().cores} cores, load average {os.getloadavg()[0]:.1f}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
