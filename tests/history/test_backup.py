"""Backup while points are written, restore into an empty InfluxDB: on real ones."""

import threading
import time
import urllib.parse
from pathlib import Path

import msgspec
import pytest

from fanwatch.errors import FanwatchError
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import MEANS, Refused, Store, point
from history.backup import backup, restore
from local import tools
from local.ports import listened
from tests.support.history import DAY_MS, Record
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.influx import Influx, tool
from tests.support.up import Machine
from tests.support.wait import until

_MEASUREMENTS = ("telemetry", "anomaly", "scores")


def influxd() -> str:
    return tool(tools.INFLUXD)


def address(influx: Influx) -> str:
    (port,) = listened(influx.process.pid) - {influx.port}
    return f"127.0.0.1:{port}"


def rows(store: Store, policy: str) -> list[dict[str, object]]:
    found = [
        row | {"measurement": name}
        for name in _MEASUREMENTS
        for row in store.query(f'SELECT * FROM "{name}"', policy)
    ]
    return sorted(found, key=str)


def store_of(machine: Machine) -> Store:
    return Store(StoreSettings(influx_url=f"http://127.0.0.1:{machine.influx}"))


class Writer(threading.Thread):
    """Points of measurement `telemetry` as fast as they are stored, a fan of its own; `stored` is how many."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self._store = store
        self.stored = 0
        self.ending = threading.Event()

    def run(self) -> None:
        now = time.time_ns()
        while not self.ending.is_set():
            self._store.write(
                [
                    point(
                        "telemetry",
                        {"deviceID": "writer"},
                        {"rotation": float(self.stored)},
                        now + self.stored,
                    )
                ]
            )
            self.stored += 1


def test_a_backup_while_points_are_written_restores_all_that_was_there(
    tmp_path: Path, influx: Influx, record: Record
) -> None:
    now = time.time_ns() // 10**6
    for fan in ("fan-01", "fan-02"):
        record.add(fan, range(now - 3 * DAY_MS, now, 60_000))
    record.rollup.run()
    raw, means = rows(influx.store, "raw"), rows(influx.store, MEANS)
    writer = Writer(influx.store)
    writer.start()
    until(lambda: writer.stored > 100, 20, "writes")
    before = writer.stored
    assert backup(influxd(), address(influx), "fanwatch", tmp_path / "backup") > 10_000
    assert writer.is_alive()
    after = writer.stored
    assert after > before
    writer.ending.set()
    writer.join()
    # The set-up's empty database is there, as `make run` makes it.
    empty = Influx(tmp_path / "empty")
    try:
        restore(influxd(), address(empty), empty.store, tmp_path / "backup")
        assert rows(empty.store, MEANS) == means
        found = rows(empty.store, "raw")
        assert [row for row in found if row.get("deviceID") != "writer"] == raw
        written = sorted(row["rotation"] for row in found if row.get("deviceID") == "writer")
        assert before <= len(written) <= after + 1
        assert written == [float(number) for number in range(len(written))]
        # It goes on: what comes is stored, means are made of it, policies are there.
        assert empty.set_up() == []
        restored = Record(empty.store, seed=2)
        restored.points |= record.points
        restored.add("fan-01", [now - 1])
        restored.rollup.run()
        wanted = restored.expected()
        assert {
            key: value for key, value in restored.stored().items() if key[1] != "writer"
        }.keys() == wanted.keys()
        with pytest.raises(FanwatchError, match="never overwrites"):
            restore(influxd(), address(empty), empty.store, tmp_path / "backup")
        restore(influxd(), address(empty), empty.store, tmp_path / "backup", "beside")
        rebuilt = empty.store.execute('SELECT count("rotation") AS "n" FROM "beside"."raw"."telemetry"')
        assert rebuilt[0]["n"] == len(written) + len(record.points)
    finally:
        empty.kill()


def test_what_cannot_be_done_is_said(tmp_path: Path, influx: Influx) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(FanwatchError, match="give a new or empty directory"):
        backup(influxd(), address(influx), "fanwatch", tmp_path / "full")
    with pytest.raises(FanwatchError, match="holds no backup"):
        restore(influxd(), address(influx), influx.store, tmp_path / "full")
    with pytest.raises(FanwatchError, match=r"^Nothing takes backups at 127\.0\.0\.1:1 "):
        backup(influxd(), "127.0.0.1:1", "fanwatch", tmp_path / "new")
    with pytest.raises(FanwatchError, match=r"^The backup failed: .+"):
        backup(influxd(), address(influx), "nosuch", tmp_path / "newest")
    with pytest.raises(FanwatchError, match="cannot be run"):
        backup(str(tmp_path / "influxd"), address(influx), "fanwatch", tmp_path / "newer")


def test_the_commands_of_a_runtime(tmp_path: Path) -> None:
    """Back up what runs; restore where nothing does, and nothing else can start meanwhile."""
    machine = Machine(tmp_path / "state", FANS="2", RATE="2")
    up = machine.up()
    try:
        up.until_said("store: storing")
        store = store_of(machine)
        until(lambda: store.count("anomaly", "quality") > 20, 30, "results")
        done = machine.command("history", "rollup")
        assert done.returncode == 0, done.stderr
        assert "means of" in done.stdout
        done = machine.elsewhere("history", "backup", str(tmp_path / "backup"))
        assert done.returncode == 0, done.stderr
        refused = machine.command("history", "restore", str(tmp_path / "backup"))
        assert refused.returncode == 1
        assert "never overwrites" in refused.stderr
        beside = machine.command("history", "restore", str(tmp_path / "backup"), "--into", "old")
        assert beside.returncode == 0, beside.stderr
        stored = store.execute('SELECT count("quality") AS "n" FROM "old"."raw"."anomaly"')[0]["n"]
        assert stored > 20
    finally:
        up.end()
    other = Machine(tmp_path / "other")
    done = other.command("history", "restore", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    assert other.processes() == []
    again = other.command("history", "restore", str(tmp_path / "backup"))
    assert "never overwrites" in again.stderr
    up = other.up()
    try:
        up.until_said("store: storing")
        assert store_of(other).count("anomaly", "quality") >= stored
    finally:
        up.end()


def test_a_restore_ends_once_what_was_restored_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "made.manifest").touch()
    refusals = ["engine is closed", "shard is disabled", "shard is disabled"]

    def answer(request: Request) -> Reply:
        text = urllib.parse.parse_qs(request.body.decode())["q"][0]
        if text.startswith("SHOW RETENTION POLICIES"):
            result: dict[str, object] = {"series": [{"columns": ["name"], "values": [["raw"]]}]}
        else:
            result = {"error": refusals.pop(0)} if text.startswith("SELECT") and refusals else {}
        return Reply(200, msgspec.json.encode({"results": [result]}))

    stub = HttpStub(answer)
    store = Store(StoreSettings(influx_url=stub.url))
    try:
        restore("true", stub.url.removeprefix("http://"), store, tmp_path)
        assert refusals == []
        refusals.append("no such field")
        with pytest.raises(Refused, match="no such field"):
            restore("true", stub.url.removeprefix("http://"), store, tmp_path)
    finally:
        stub.close()
