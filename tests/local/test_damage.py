"""Broker and store on files that they cannot read: one line each says what to move away, and then all goes on."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from tests.support.influx import tool
from tests.support.up import Machine, Up
from tests.support.wait import until

_KEPT = "Readings are scored all the same, and the broker keeps them to be stored."


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * max(1, path.stat().st_size // 256))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a run that has stored something, on disk and not in the log of writes alone."""
    tool(tools.INFLUXD), tool(tools.TELEGRAF)
    machine = Machine(
        tmp_path_factory.mktemp("kept") / "state", INFLUXDB_DATA_CACHE_SNAPSHOT_MEMORY_SIZE="1k"
    )
    up = machine.up()
    try:
        up.until_said("store: storing")
        shards = machine.state / "influxdb/data/fanwatch/raw"
        until(lambda: list(shards.glob("*/*.tsm")), 60, "a file of values")
    finally:
        up.end()
    return machine.state


@pytest.fixture
def machine(kept: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine of the test's own, on a copy of it."""
    shutil.copytree(kept, tmp_path / "my state")
    made = Machine(tmp_path / "my state")
    yield made
    until(lambda: not made.processes(), 20, "no process is left")


def stored(machine: Machine) -> int:
    return Store(StoreSettings(influx_url=f"http://127.0.0.1:{machine.influx}")).count("anomaly", "quality")


def test_a_damaged_store_of_the_broker_is_one_line(machine: Machine) -> None:
    database = machine.state / "mosquitto/mosquitto.db"
    garbage(database)
    done = machine.command("up")
    assert done.returncode == 1
    assert done.stderr.startswith(f"fanwatch: The broker cannot read what it kept: {database} is damaged")
    assert "readings that wait to be scored or stored" in done.stderr
    assert done.stderr.count("\n") == 1
    follow(done.stderr)
    assert database.with_suffix(".db.damaged").exists()
    up = machine.up()
    try:
        up.until_said("First result")
    finally:
        up.end()


def follow(said: str) -> None:
    """Does what the line says, as a person who pastes it."""
    command = re.search(r"`((?:mv|rm|cd) [^`]+)`", said)
    assert command, said
    subprocess.run(["sh", "-c", command[1]], check=True)


def home(machine: Machine) -> Path:
    return machine.state / "influxdb"


def meta(machine: Machine) -> None:
    garbage(home(machine) / "meta/meta.db")


def series(machine: Machine) -> None:
    for path in home(machine).glob("data/*/_series/*/*"):
        garbage(path)


def index(machine: Machine) -> None:
    for path in home(machine).glob("data/*/raw/*/index/*/*"):
        garbage(path)


@pytest.mark.parametrize(
    ("damage", "said", "lost"),
    [
        (meta, "InfluxDB cannot read its list of databases", "Lost with it are"),
        (series, "InfluxDB cannot read its list of series", "Nothing is lost"),
        (index, r"InfluxDB cannot read the index of \d+ of its shards", "Nothing is lost"),
    ],
)
def test_a_damaged_store_is_one_line_and_its_way_out_leads_out(
    machine: Machine, damage: Callable[[Machine], None], said: str, lost: str
) -> None:
    damage(machine)
    up = machine.up()
    try:
        line = up.until_said(rf"store: ({said}.*)\n")
        assert lost in line
        assert line.endswith(_KEPT)
        up.until_said("First result")
        until(lambda: parts(machine)["influxd"] == ("down", line), 20, "the status says the same")
        assert parts(machine)["telegraf"] == ("off", "It waits for InfluxDB.")
        assert machine.command("status").returncode == 1
        assert "Traceback" not in up.output()
        follow(line)
        up.until_said("store: storing")
        until(lambda: stored(machine) > 0, 30, "it stores")
        if "Nothing" in lost:
            assert before_now(machine, up) > 0
    finally:
        up.end()


def test_files_that_influxdb_sets_aside_are_said(machine: Machine) -> None:
    for path in home(machine).glob("data/fanwatch/raw/*/*.tsm"):
        garbage(path)
    up = machine.up()
    try:
        up.until_said("InfluxDB could not read [0-9]+ of its files and goes on without the values in them")
        up.until_said("store: storing")
    finally:
        up.end()


def parts(machine: Machine) -> dict[str, tuple[str, str]]:
    return {part["name"]: (part["state"], part["detail"]) for part in machine.status()["parts"]}


def before_now(machine: Machine, up: Up) -> int:
    """Results that were stored by the run before: those of this one cannot be older than itself."""
    began_ns = int((machine.state / "run/up.lock").stat().st_mtime * 1e9)
    store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{machine.influx}"))
    rows = store.query(f'SELECT count("quality") AS n FROM "anomaly" WHERE time < {began_ns}')
    return int(rows[0]["n"]) if rows else 0
