"""Days that come before real time: on a real Mosquitto and InfluxDB, and in a demonstration."""

import csv
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fanwatch.logs import Log
from fanwatch.sensors import FEATURES
from fanwatch.store.influx import point
from fanwatch.store.lease import FORECAST, Lease, LeaseHeld
from simulator import demo
from simulator.boxes import HEALTHY
from simulator.machines import Machines
from simulator.outbox import Counts, Entry
from simulator.past import OLDEST_S, Birth, birth
from tests.simulator.publishing import Listener, events, simulator
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until

INTERVAL_MS = 600_000


def test_the_days_before_come_first_and_real_time_goes_on_from_them(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    # Load alone moves these fans, and that changes little within ten minutes.
    scales = [argument for name in ("noise", "spikes") for argument in ("--scale", f"{name}=0")]
    fans, hours = 6, 12
    arguments = ["--fans", str(fans), "--seed", "3", "--history", str(hours / 24)]
    process = simulator(broker.port, tmp_path, *arguments, *scales, "--rate", "2")
    before = fans * hours * 6
    until(lambda: len(listener.seen) > before + 5 * fans, 40, "history and real time")
    process.stop()
    assert max(each.ahead_ms for each in listener.seen) <= 0
    drifts = []
    for device in sorted({each.device_id for each in listener.seen}):
        mine = [each for each in listener.seen if each.device_id == device]
        times = [each.time_ms for each in mine]
        assert times == sorted(set(times))
        past = [each for each in mine if each.time_ms % INTERVAL_MS == 0]
        if len(past) < hours * 6:
            continue
        assert {later.time_ms - each.time_ms for each, later in pairwise(past)} == {INTERVAL_MS}
        present = mine[len(past)]
        assert present.time_ms - past[-1].time_ms < INTERVAL_MS + 5_000
        drifts.append(np.abs(np.array(present.values) - past[-1].values) / (HEALTHY[:, 1] - HEALTHY[:, 0]))
    # Other fans than these would differ by a third of the box.
    assert np.median(drifts) < 0.1


def test_a_faster_clock_keeps_its_pace_is_never_ahead_and_the_truth_is_written_down(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    arguments = ["--fans", "2", "--seed", "3", "--history", "0.05", "--interval", "10", "--speed", "2000"]
    dead = ["--scale", "zero=1000", "--scale", "spikes=0", "--truth", str(truth)]
    began = time.monotonic()
    process = simulator(broker.port, tmp_path, *arguments, *dead, "--rate", "2")
    until(lambda: "the past is published" in events(process), 40, "the past played")
    # An hour and twelve minutes at 2000 times their pace; slower on a busy machine, and never faster.
    assert time.monotonic() - began > 0.05 * 86_400 / 2000
    until(lambda: any(each.time_ms % 10_000 for each in listener.seen), 10, "real time")
    process.stop()
    assert max(each.ahead_ms for each in listener.seen) <= 0
    with truth.open() as file:
        rows = [row for row in csv.DictReader(file) if row["Mode"].endswith(":zero")]
    zeros = 0
    for row in rows:
        start, repaired = (datetime.fromisoformat(f"{row[name]}+00:00") for name in ("Start", "Repaired"))
        sensor = FEATURES.index(row["Mode"].partition(":")[0])
        for each in listener.seen:
            if (
                each.device_id == row["DeviceID"]
                and start.timestamp() + 1 < each.time_ms / 1000 < repaired.timestamp()
            ):
                assert each.values[sensor] == 0
                zeros += 1
    assert zeros > 10


def test_only_what_influxdb_lacks_is_played_once_it_stores_what_happens_now(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    influx = Influx(tmp_path / "influxdb")
    try:
        arguments = [
            "--fans",
            "2",
            "--history",
            "0.5",
            "--when-stored",
            "--seed",
            "3",
            "--fleet",
            str(tmp_path / "fleet.json"),
        ]
        now_ms = time.time_ns() // 1_000_000
        known_ms = now_ms - 3 * 3_600_000
        known = point("telemetry", {"deviceID": "fan-01"}, {"rotation": 600.0}, known_ms * 1_000_000)
        influx.store.write([known])
        process = simulator(
            broker.port, tmp_path, *arguments, environment={"FANWATCH_INFLUX_URL": influx.store.url}
        )
        until(lambda: len(listener.seen) > 4, 20, "real time at once")
        assert all(each.time_ms > now_ms for each in listener.seen)
        # What happens now gets through: one result of it is stored.
        result = point(
            "anomaly", {"deviceID": "fan-01"}, {"quality": "ok"}, listener.seen[0].time_ms * 1_000_000
        )
        influx.store.write([result])
        until(lambda: "the past is published" in events(process), 40, "the past played")
        # No forecast meanwhile: it would see fans that were silent for hours.
        with pytest.raises(LeaseHeld, match="at work"):
            Lease(influx.store, 30, FORECAST).acquire(0)
        process.stop()
        with Lease(influx.store, 30, FORECAST).acquire(10):
            pass
        until(lambda: sum(each.time_ms <= now_ms for each in listener.seen) >= 88, 10, "all of the past")
        past = [each for each in listener.seen if each.time_ms <= now_ms]
        counts = {device: sum(each.device_id == device for each in past) for device in ("fan-01", "fan-02")}
        assert counts["fan-01"] == pytest.approx(18, abs=1)
        assert counts["fan-02"] == pytest.approx(72, abs=1)
        assert min(each.time_ms for each in past if each.device_id == "fan-01") > known_ms
    finally:
        influx.kill()


def test_the_next_start_finds_the_same_fans_and_too_old_ones_are_born_again(tmp_path: Path) -> None:
    file, now_s = tmp_path / "state" / "fleet.json", 1_790_000_000.0
    first = birth(file, None, now_s, 7, 600)
    assert first.born_s % 600 == 0
    assert birth(file, None, now_s + 86_400, 7, 600) == first
    assert birth(file, first.seed + 1, now_s, 7, 600).seed == first.seed + 1
    file.write_bytes(msgspec.json.encode(first))
    later = birth(file, None, now_s + OLDEST_S + 7200, 7, 600)
    assert later == Birth(first.seed, (now_s + OLDEST_S + 7200 - 7 * 86_400) // 600 * 600)
    file.write_text("{")
    assert birth(file, None, now_s, 7, 600) != first


class Watcher:
    """A stage that keeps what is told on it."""

    def __init__(self) -> None:
        self.outbox = self
        self.entries: list[Entry] = []
        self.forecasts_at: list[int] = []
        self.ahead = False
        self.awaited = 0

    def add(self, entries: list[Entry]) -> None:
        self.ahead |= any(entry.timestamp_ms > time.time_ns() // 1_000_000 for entry in entries)
        self.entries += entries

    def counts(self) -> Counts:
        return Counts(len(self.entries), 0, 0, 0, 0)

    def await_store(self) -> bool:
        return True

    def published(self) -> bool:
        return True

    def stored(self, from_ms: int, until_ms: int, count: int, within_s: float) -> bool:
        assert count == sum(from_ms <= entry.timestamp_ms <= until_ms for entry in self.entries)
        self.awaited = until_ms
        return True

    def forecast(self) -> None:
        assert self.awaited == self.entries[-1].timestamp_ms
        self.forecasts_at.append(self.awaited)

    def pause(self, seconds: float) -> bool:
        return True


@pytest.mark.parametrize("mode", ["bearing", "motor"])
def test_a_demonstration_goes_from_healthy_to_repaired_and_forecasts_each_hour(mode: str) -> None:
    first_s = (time.time() - demo.hours(mode) * 3600) // 600 * 600
    machines, stage, told = Machines(3, first_s, physics=demo.physics(), seed=1), Watcher(), []

    def tell(fleet: Machines) -> None:
        told.extend(fleet.events)
        fleet.events.clear()

    demo.play(2, mode, machines, first_s, 600.0, stage, Log("test"), tell)  # type: ignore[arg-type]
    assert not stage.ahead
    assert time.time() - stage.entries[-1].timestamp_ms / 1000 < 600 + 60
    steps = np.diff(stage.forecasts_at)
    assert set(steps) == {3_600_000}
    assert len(steps) == pytest.approx(demo.hours(mode) - demo.QUIET_H, abs=2)
    assert [(event.fan, event.kind, event.mode) for event in told] == [(1, "fault", mode)]
    rotations = {
        entry.timestamp_ms / 1000: msgspec.json.decode(entry.payload)["rotation"]
        for entry in stage.entries
        if entry.device_id == "fan-02"
    }
    for at_s, rotation in rotations.items():
        stands = told[0].failure_s <= at_s < told[0].repaired_s
        assert stands == (rotation == 0)
    assert time.time() - told[0].repaired_s > 10 * 3600


def test_a_demonstration_that_is_told_to_stop_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    # A store and a gateway that nobody answers for.
    monkeypatch.setenv("FANWATCH_INFLUX_URL", "http://127.0.0.1:9")
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    stage = demo.Stage(None, stop, Log("test"))  # type: ignore[arg-type]
    assert not stage.await_store()
