"""The whole runtime, as a user starts and stops it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from local.layout import layout
from tests.support.influx import tool
from tests.support.ports import listens
from tests.support.up import ROOT, Machine
from tests.support.wait import patience, until

STOP_S = 10
HEALTHY = '{"deviceID":"mine","rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9}'


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine of the test's own; nothing of it runs afterwards."""
    made = Machine(tmp_path / "state")
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)
    for path in (made.state / "run").glob("up.lock"):
        path.unlink()


def store_of(machine: Machine) -> Store:
    return Store(StoreSettings(influx_url=f"http://127.0.0.1:{machine.influx}"))


def test_it_scores_stores_and_stops_and_starts_again_with_its_data(machine: Machine) -> None:
    tool(tools.INFLUXD), tool(tools.TELEGRAF)
    machine.environment["FANWATCH_NO_CONSOLE"] = ""
    up = machine.up()
    try:
        up.until_said("First result")
        up.until_said(rf"Page: +http://localhost:{machine.console}")
        until(lambda: listens(machine.console), 60, "the page")
        up.until_said("store: storing")
        until(lambda: store_of(machine).count("anomaly", "quality") > 10, 20, "stored results")
        found = machine.status()
        assert found["healthy"], found
        assert {part["name"] for part in found["parts"]} == {
            "mosquitto", "gateway", "score-fan", "infer-fan-lite", "forecast-fan", "connector", "deploy", "cron",
            "simulator", "influxd", "telegraf", "rollup", "console",
        }  # fmt: skip
        assert found["ledger"]["connector"]["received"] > 10
        elsewhere = machine.elsewhere("dead-letters", "list"), machine.elsewhere("connector", "prune")
        assert [done.stdout for done in elsewhere] == [
            "There are no dead letters.\n",
            "There was nothing to remove.\n",
        ]
        assert machine.elsewhere("score", HEALTHY).returncode == 0
        second = machine.command("up")
        assert second.returncode == 1
        assert f"already runs here (process {up.process.pid})" in second.stderr
        assert second.stderr.count("\n") == 1
        assert up.stop() < STOP_S * patience()
        assert up.process.returncode == 0
        assert machine.processes() == []
        assert not layout(str(machine.state)).short.exists()
        assert machine.command("status").returncode == 1
    finally:
        up.end()
    again = machine.up()
    try:
        seconds = float(again.until_said(r"([\d.]+) s  First result"))
        assert seconds < STOP_S * patience()
        again.until_said("store: storing")
        stored = store_of(machine)
        # Everything published so far, in both runs, ends in the store.
        before = stored.count("anomaly", "quality")
        assert before > 10
        until(lambda: stored.count("anomaly", "quality") > before, 20, "more results")
    finally:
        again.end()


def test_what_is_published_while_the_store_is_built_is_stored(tmp_path: Path) -> None:
    """A slow `go` stands for the build; the pipeline scores meanwhile."""
    paths = {wanted.name: tool(wanted) for wanted in (tools.INFLUXD, tools.TELEGRAF)}
    fake = tmp_path / "bin"
    fake.mkdir()
    gate = tmp_path / "gate"
    (fake / "go").write_text(
        f"#!{sys.executable}\nimport os, shutil, sys, time\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.05)\n"
        f"paths = {paths!r}\nname = sys.argv[-1].split('@')[0].rsplit('/', 1)[1]\n"
        "shutil.copy(paths[name], os.path.join(os.environ['GOBIN'], name))\n",
        encoding="utf-8",
    )
    (fake / "go").chmod(0o755)
    mosquitto = tools.mosquitto()
    machine = Machine(
        tmp_path / "state",
        PATH=os.pathsep.join((str(fake), str(Path(mosquitto).parent))),
        FANWATCH_CACHE=str(tmp_path / "cache"),
    )
    up = machine.up()
    try:
        up.until_said("First result")
        up.until_said("Building influxd")
        until(lambda: scored(machine) > 30, 20, "results without a store")
        assert {part["name"]: part["state"] for part in machine.status()["parts"]}["influxd"] == "building"
        gate.touch()
        up.until_said("store: storing")
        subprocess.run(["kill", str(simulator(machine))], check=True)
        wanted = scored(machine)
        until(lambda: store_of(machine).count("anomaly", "quality") >= wanted, 20, "all results stored")
    finally:
        up.end()


def scored(machine: Machine) -> float:
    counts = machine.status()["ledger"]["connector"] or {}
    return sum(value for name, value in counts.items() if name.startswith("scored"))


def simulator(machine: Machine) -> int:
    found = next(part for part in machine.status()["parts"] if part["name"] == "simulator")
    return int(found["detail"].split("pid ")[1].split(",")[0])


def test_a_network_that_is_away_is_said_and_it_scores(tmp_path: Path) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "go").write_text("#!/bin/sh\necho 'dial tcp: no such host'; exit 1\n", encoding="utf-8")
    (fake / "go").chmod(0o755)
    machine = Machine(
        tmp_path / "state",
        PATH=os.pathsep.join((str(fake), str(Path(tools.mosquitto()).parent))),
        FANWATCH_CACHE=str(tmp_path / "cache"),
    )
    up = machine.up()
    try:
        up.until_said("First result")
        up.until_said(r"influxd is missing, and its source could not be downloaded \(no network\?\)")
        states = {part["name"]: part["state"] for part in machine.status()["parts"]}
        assert states["influxd"] == states["telegraf"] == "off"
        assert machine.status()["healthy"]
    finally:
        up.end()


def test_killed_it_leaves_nothing_running(machine: Machine) -> None:
    up = machine.up()
    try:
        up.until_said("First result")
        up.stop(signal.SIGKILL)
        until(lambda: machine.processes() == [], 15, "all processes have ended")
    finally:
        up.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_stopped_while_it_starts(machine: Machine, number: signal.Signals) -> None:
    up = machine.up()
    try:
        up.until_said("Broker on port")
        assert up.stop(number) < STOP_S * patience()
        assert up.process.returncode == 0
        assert machine.processes() == []
    finally:
        up.end()


def test_detached_it_goes_on_until_down(machine: Machine) -> None:
    started = machine.command("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert machine.status()["healthy"]
    down = machine.command("down")
    assert down.returncode == 0
    assert down.stdout.startswith("Stopped in ")
    assert machine.processes() == []
    assert machine.command("down").stdout == "Nothing runs here.\n"


def test_a_busy_port_is_one_line_and_leaves_nothing(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.broker)):
        done = machine.command("up")
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"fanwatch: Port {machine.broker} is in use by ")
        detached = machine.command("up", "--detach")
        assert detached.returncode == 1
        assert detached.stderr.splitlines() == lines
    assert machine.processes() == []


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (
            "FANWATCH_BROKER_PROT",
            "1",
            "FANWATCH_BROKER_PROT is no setting. Did you mean FANWATCH_BROKER_PORT, ",
        ),
        ("FANWATCH_GATEWAY_PORT", "70000", "FANWATCH_GATEWAY_PORT='70000'"),
        ("FANWATCH_RAW_RETENTION", "long", "FANWATCH_RAW_RETENTION"),
        ("FANWATCH_TIMEZONE", "Mars/Olympus", "FANWATCH_TIMEZONE='Mars/Olympus'"),
        ("FAILING", "fan-03:rust", "FAILING"),
        ("RATE", "fast", "RATE"),
        ("RATE", "0", "RATE=0"),
        ("FANS", "many", "FANS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    machine: Machine, setting: str, value: str, said: str
) -> None:
    done = machine.command("up", **{setting: value})
    assert done.returncode == 2
    assert done.stderr.startswith("fanwatch: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_store_everything_says_that_it_is_off(machine: Machine) -> None:
    machine.environment["FANWATCH_NO_STORE"] = "1"
    up = machine.up()
    try:
        up.until_said(r"store: off, as FANWATCH_NO_STORE says: nothing is stored")
        assert "starting" not in up.output().replace("influxd is starting", "starting")
        found = until(lambda: (now := machine.status())["healthy"] and now, 30, "every part answers")
        parts = {part["name"]: (part["state"], part["detail"]) for part in found["parts"]}
        for name in ("influxd", "telegraf", "rollup"):
            assert parts[name] == ("off", "off, as FANWATCH_NO_STORE says: nothing is stored")
        assert found["ledger"]["off"]
        assert found["ledger"]["stored"] is None
        # From a shell that has not set it, too.
        said = machine.elsewhere("status")
        assert "stored nothing (off)" in said.stdout
        for arguments in (
            ("alarms", "list"),
            ("fans", "list"),
            ("dead-letters", "list"),
            ("labels", "export"),
        ):
            done = machine.elsewhere(*arguments, FANWATCH_NO_STORE="")
            assert done.returncode == 1
            assert done.stderr.startswith("fanwatch: Nothing is stored here, as FANWATCH_NO_STORE says")
    finally:
        up.end()


def test_status_is_quick_and_says_what_to_do(machine: Machine) -> None:
    done = machine.command("status", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["parts"][0]["state"] == "down"
    assert "make run" in done.stdout


def test_a_terminal_of_80_columns_and_plain_letters_shows_the_live_table(machine: Machine) -> None:
    import pty

    primary, secondary = pty.openpty()
    os.set_blocking(primary, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"],
        env=machine.environment
        | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "FANWATCH_NO_STORE": "1"}
        | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
    )
    os.close(secondary)
    shown = bytearray()

    def said(text: bytes) -> bool:
        try:
            shown.extend(os.read(primary, 65536))
        except (BlockingIOError, OSError):
            assert process.poll() is None, shown.decode(errors="replace")
        return text in shown

    try:
        for text in (
            b"First result",
            b"verdict",
            b"fan-02",
            b"readings/s in",
            b"mosquitto_pub",
            b"degC",
            b"cause",
        ):
            until(lambda text=text: said(text), 60, text.decode())  # type: ignore[misc]
        until(lambda: said(b"off, as FANWATCH_NO_STORE says"), 20, "the store is off")
        process.send_signal(signal.SIGINT)
        until(lambda: said(b"Stopped in") or process.poll() is not None, 15, "it stops")
    finally:
        process.kill() if process.poll() is None else None
        process.wait(20)
        os.close(primary)
        until(lambda: not machine.processes(), 20, "no process is left")
    assert shown.isascii()
    assert b"Traceback" not in shown


def test_a_function_that_cannot_start_is_said_soon(tmp_path: Path) -> None:
    """A pin that no bundle has: one line that names it, and nothing is left."""
    stack = (ROOT / "stack.yml").read_text(encoding="utf-8")
    changed = re.sub(r"(FANWATCH_BUNDLE_SHA256:).*", rf'\1 "{"ab" * 32}"', stack)
    changed = changed.replace("handler: ./", f"handler: {ROOT}/").replace(
        "BUNDLE:-models", f"BUNDLE:-{ROOT}/models"
    )
    (tmp_path / "stack.yml").write_text(changed, encoding="utf-8")
    machine = Machine(tmp_path / "state", FANWATCH_STACK=str(tmp_path / "stack.yml"))
    began = time.monotonic()
    done = machine.command("up")
    assert done.returncode == 1
    assert time.monotonic() - began < 30 * patience(), "it does not wait for what will not come"
    assert done.stderr.startswith("fanwatch: infer-fan-lite is not ready")
    assert "abababab" in done.stderr
    assert done.stderr.count("\n") == 1
    assert machine.processes() == []
