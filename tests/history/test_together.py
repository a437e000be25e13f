"""Two rollups at once, one killed in the middle, the store away: nothing is wrong afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from fanwatch.errors import Unavailable
from fanwatch.store.influx import MEANS, point
from fanwatch.store.lease import Lease, LeaseHeld, Lost
from history import windows
from tests.support.history import DAY_MS, Record
from tests.support.influx import ROOT, Influx
from tests.support.process import Process
from tests.support.wait import patience, until

HOUR_MS = 3_600_000
# A killed one's claim counts for three times as long.
TIMEOUT_S = 2


class Worker(Process):
    """`python -m history rollup` as a process."""

    def __init__(
        self, directory: Path, influx: Influx, *arguments: str, timeout_s: float = TIMEOUT_S
    ) -> None:
        environment = {
            "FANWATCH_INFLUX_URL": influx.store.url,
            "FANWATCH_ROLLUP_TIMEOUT": str(timeout_s),
            "PYTHONPATH": str(ROOT),
        }
        argv = [sys.executable, "-m", "history", "rollup", *arguments]
        super().__init__(argv, directory / "rollup.log", environment, directory)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines()]


def late_points(record: Record, now: int, seen: int) -> None:
    """One more late point on each of three days, and its marker right after it."""
    for days in (2, 3, 4):
        at = now - days * DAY_MS + seen
        record.add("fan-01", [at])
        record.mark("fan-01", [at], seen)


def test_only_one_works_at_a_time(influx: Influx) -> None:
    inside: list[int] = []
    most = []

    def work(seed: int) -> None:
        for _ in range(5):
            with Lease(influx.store, 20, "rollup").acquire(30, lambda _s: time.sleep(random.random() / 20)):
                inside.append(seed)
                most.append(len(inside))
                time.sleep(0.002)
                inside.remove(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 15
    assert max(most) == 1


def test_a_claim_ends_with_its_holder_or_its_time(influx: Influx) -> None:
    first = Lease(influx.store, 10.0, "rollup").acquire(0)
    with pytest.raises(LeaseHeld, match=r"^Another rollup \(\S+:\w+\) is at work"):
        Lease(influx.store, 4.0, "rollup").acquire(0)
    first.keep()
    second = Lease(influx.store, 60.0, "rollup").acquire(30)
    with pytest.raises(Lost):
        first.keep()
    with second:
        second.require()
    Lease(influx.store, 4.0, "rollup").acquire(0)


def test_two_at_once_while_late_points_come(tmp_path: Path, influx: Influx, record: Record) -> None:
    now = time.time_ns() // 10**6
    record.add("fan-01", range(now - 4 * DAY_MS, now, 300_000))
    both = [
        Worker(path, influx, "--every", "1s") for path in (tmp_path / "a", tmp_path / "b") if not path.mkdir()
    ]
    try:
        for seen in range(1, 30):
            late_points(record, now, seen)
        for worker in both:
            until(lambda worker=worker: runs(worker), 60, "a run")  # type: ignore[misc]
        late_points(record, now, 30)
        until(lambda: settled(record), 60, "all late points are worked up")
        until(lambda: fits(record), 10, "means")
    finally:
        for worker in both:
            worker.kill()
    record.check()


def runs(worker: Worker) -> int:
    return sum(event["event"] == "rolled up" for event in worker.events() if worker.alive())


def settled(record: Record) -> bool:
    late, done = (
        {(row["time"], row["deviceID"], row["seen"]) for row in record.store.query(f'SELECT * FROM "{name}"')}
        for name in ("late", "late_done")
    )
    return late == done


def fits(record: Record) -> bool:
    try:
        record.check()
    except AssertionError:
        return False
    return True


def test_killed_in_the_middle_it_is_made_up_for(tmp_path: Path, influx: Influx, record: Record) -> None:
    now = time.time_ns() // 10**6
    for number in range(20):
        record.add(f"fan-{number:02}", range(now - 4 * DAY_MS, now, 600_000))
    late_points(record, now, 1)
    worker = Worker(tmp_path, influx)
    until(lambda: record.stored(), 60, "some means")
    worker.kill()
    assert len(record.stored()) < len(record.expected()), "it was killed after its work"
    # Newer late points: what the killed ones have remembered must not hide them.
    late_points(record, now, 2)
    # It waits for what the killed one had claimed, and then as long as a busy store needs.
    worker = Worker(tmp_path, influx, timeout_s=20)
    until(lambda: worker.process.poll() is not None, 60, "a whole run")
    assert worker.process.returncode == 0, worker.output()
    record.check()
    assert settled(record)


def test_a_first_run_that_is_killed_goes_on_where_it_was(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns() // 10**6
    record.add("fan-01", range(now - 6 * DAY_MS, now, 600_000))
    pieces, days = windows.pieces, []

    def third_fails(start: int, end: int) -> Any:
        if start not in days[-1:]:
            days.append(start)
        if len(days) == 4:
            raise Unavailable("gone")
        return pieces(start, end)

    monkeypatch.setattr(windows, "pieces", third_fails)
    with pytest.raises(Unavailable):
        record.rollup.run()
    days[:] = [0, 0, 0]
    with pytest.raises(Unavailable):
        record.rollup.run()
    assert days[-1] > now * 10**6 - 5 * DAY_MS * 10**6
    monkeypatch.undo()
    record.rollup.run()
    record.check()


def test_one_that_was_held_up_too_long_writes_nothing(
    influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read; before it writes, another one takes over, reads more, and writes."""
    record = Record(influx.store, timeout_s=1.5)
    now = time.time_ns() // 10**6
    at = now - 3 * DAY_MS
    record.add("fan-01", [at])
    record.mark("fan-01", [at], 1)
    other = Record(influx.store, seed=2)
    from fanwatch.store import means

    read = means.telemetry

    def held_up(*arguments: Any) -> list[str]:
        found = read(*arguments)
        monkeypatch.undo()
        record.add("fan-01", [at + 1])
        record.mark("fan-01", [at + 1], 2)
        # As after SIGSTOP: longer than the lease.
        time.sleep(3 * 1.5 + 0.1)
        other.rollup.run()
        return found

    monkeypatch.setitem(sys.modules["history.rollup"]._MAKERS, "telemetry", held_up)
    with pytest.raises(Lost):
        record.rollup.run()
    record.check()
    assert record.rollup.run().points == 0
    record.check()


def test_it_goes_on_while_the_store_comes_and_goes(tmp_path: Path, influx: Influx, record: Record) -> None:
    now = time.time_ns() // 10**6
    record.add("fan-01", range(now - HOUR_MS, now, 10_000))
    worker = Worker(tmp_path, influx, "--every", "1s")
    try:
        until(lambda: runs(worker), 20, "a run")
        record.check()
        influx.kill()
        until(
            lambda: any(event["event"] == "the store is away" for event in worker.events()), 20, "it says so"
        )
        time.sleep(2.5)
        assert sum(event["event"] == "the store is away" for event in worker.events()) == 1, "once"
        influx.start()
        influx.wait()
        until(
            lambda: any(event["event"] == "the store is back" for event in worker.events()), 20, "it says so"
        )
        record.add("fan-01", range(now - HOUR_MS + 1, now, 10_000))
        before = runs(worker)
        until(lambda: runs(worker) > before + 1, 20, "runs")
        record.check()
        assert worker.stop() < 2 * patience()
        assert worker.process.returncode == 0
        done = [event for event in worker.events() if event["event"] == "rolled up"]
        assert done[-1].keys() >= {"time", "part", "windows", "points", "late_days", "late_fans", "seconds"}
        # It has given its lease back.
        Lease(influx.store, 60, "rollup").acquire(0)
    finally:
        worker.kill()


def test_it_stops_in_the_middle_of_a_query(tmp_path: Path, influx: Influx) -> None:
    worker = Worker(tmp_path, influx, "--every", "10m")
    try:
        until(lambda: runs(worker), 20, "a run")
        influx.process.send_signal(signal.SIGSTOP)
        second = Worker(tmp_path, influx, "--every", "10m", timeout_s=60)
        try:
            time.sleep(0.6)
            assert second.stop() < 20, "the store hangs"
        finally:
            second.kill()
        influx.process.send_signal(signal.SIGCONT)
        assert worker.stop() < patience()
    finally:
        os.kill(influx.process.pid, signal.SIGCONT)
        worker.kill()


def test_its_process_is_small(tmp_path: Path, influx: Influx, record: Record) -> None:
    """No numpy, no typer: it is one more process on a small machine."""
    now = time.time_ns() // 10**6
    record.add("fan-01", range(now - HOUR_MS, now, 10_000))
    worker = Worker(tmp_path, influx, "--every", "10m")
    try:
        until(lambda: runs(worker), 20, "a run")
        maps = Path(f"/proc/{worker.process.pid}/maps").read_text(encoding="utf-8")
        assert "numpy" not in maps
        status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="utf-8")
        rss_kb = int(status.split("VmRSS:")[1].split()[0])
        assert rss_kb < 60_000
    finally:
        worker.kill()
    modules = subprocess.run(
        [sys.executable, "-c", "import history.__main__, sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True, timeout=20, cwd=ROOT,
    )  # fmt: skip
    assert not {"numpy", "typer", "rich", "yaml"} & set(modules.stdout.split())


def test_bad_settings_are_one_clear_line(tmp_path: Path, influx: Influx) -> None:
    for arguments, said in (
        (("--every", "often"), "--every: 'often' is no duration"),
        (("--since", "yesterday"), "--since: 'yesterday' is neither"),
        (("--every", "10m", "--full"), "leave out --every"),
    ):
        worker = Worker(tmp_path, influx, *arguments)
        worker.process.wait(20)
        line = worker.output().splitlines()[-1]
        assert worker.process.returncode == 2, line
        assert line.startswith("history: "), line
        assert said in line


def test_means_have_the_types_that_grafana_reads(influx: Influx, record: Record) -> None:
    """Whole means are floats too, so that no later one is refused."""
    now = time.time_ns() // 10**6
    influx.store.write(
        [
            point(
                "telemetry",
                {"deviceID": "a"},
                dict.fromkeys(("rotation", "temperature", "vibration", "sound"), 2.0),
                now * 10**6,
            )
        ]
    )
    record.rollup.run()
    keys = influx.store.execute(f'SHOW FIELD KEYS ON "fanwatch" FROM "{MEANS}"."telemetry"')
    assert {row["fieldKey"]: row["fieldType"] for row in keys} == {"n": "integer"} | {
        f"{name}_{what}": "float"
        for name in ("rotation", "temperature", "vibration", "sound")
        for what in ("mean", "min", "max")
    }


def test_a_database_that_is_not_made_yet_is_waited_for_without_a_traceback(
    tmp_path: Path, influx: Influx
) -> None:
    influx.store.execute("DROP DATABASE fanwatch")
    worker = Worker(tmp_path, influx, "--every", "1s")
    try:
        until(lambda: worker.alive() and worker.events(), 20, "what it says")
        influx.set_up()
        until(lambda: worker.alive() and runs(worker), 20, "a run")
    finally:
        worker.stop()
    [first, *_] = worker.events()
    assert (first["level"], first["event"]) == ("warning", "the store is away")
    assert "has no database fanwatch yet" in first["error"]
    assert not [event for event in worker.events() if "trace" in event or event["level"] == "error"]
