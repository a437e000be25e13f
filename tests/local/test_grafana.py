"""Grafana beside the pipeline. It cannot be had where this is built: a real process of its name stands for it."""

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from local import grafana, tools
from local.layout import CHECKOUT, layout
from tests.support.influx import tool
from tests.support.ports import free_port
from tests.support.up import Machine
from tests.support.wait import patience, until

# Reads what it is told as Grafana does, and ends where a path is wrong or a file is none.
STAND_IN = f"""#!{sys.executable}
import http.server, json, os, pathlib, re, sys, yaml
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
assert sys.argv[1] == "server" and pathlib.Path(arguments["--homepath"], "conf/defaults.ini").is_file()
text = pathlib.Path(arguments["--config"]).read_text()
password = pathlib.Path(re.search(r"admin_password = \\$__file{{(.+)}}", text)[1]).read_text()
provisioning = pathlib.Path(os.environ["GF_PATHS_PROVISIONING"])
found = {{}}
for kind, key in (("datasources", "datasources"), ("dashboards", "providers"), ("alerting", "groups")):
    files = [yaml.safe_load(path.read_text()) for path in (provisioning / kind).glob("*.yaml")]
    found[kind] = [entry["name"] for file in files for entry in file.get(key, [])]
    assert found[kind], kind + " is empty"
for path in pathlib.Path(os.environ["FANWATCH_GRAFANA_DASHBOARDS"]).glob("*.json"):
    found.setdefault("boards", []).append(json.loads(path.read_text())["uid"])
seen = {{"argv": sys.argv, "env": dict(os.environ), "found": found, "password": password}}
pathlib.Path(os.environ["GF_PATHS_DATA"], "seen.json").write_text(json.dumps(seen))

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

address = (os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"]))
http.server.ThreadingHTTPServer(address, Answer).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An unpacked archive of Grafana with the stand-in in it."""
    made = tmp_path / "grafana-12"
    (made / "bin").mkdir(parents=True)
    (made / "conf").mkdir()
    (made / "conf/defaults.ini").touch()
    executable(made / "bin/grafana", STAND_IN)
    return made


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def machine_with(tmp_path: Path, directory: Path, **changes: str) -> Machine:
    return Machine(
        tmp_path / "state",
        PATH=os.pathsep.join((str(directory), os.environ["PATH"])),
        FANWATCH_NO_GRAFANA="",
        **changes,
    )


@pytest.fixture
def stored() -> None:
    """Skips where there is no store to show."""
    tool(tools.INFLUXD), tool(tools.TELEGRAF)


def test_it_is_started_provisioned_and_started_again_when_it_ends(
    tmp_path: Path, home: Path, stored: None
) -> None:
    port = free_port()
    machine = machine_with(
        tmp_path, home / "bin", FANWATCH_GRAFANA_PORT=str(port), FANWATCH_ALERT_EMAIL="a@example.org"
    )
    up = machine.up()
    try:
        up.until_said(rf"Dashboards:\s+http://localhost:{port} ")
        up.until_said(rf"Grafana on http://localhost:{port}\n")
        status = {part["name"]: part["state"] for part in machine.status()["parts"]}
        assert status["grafana"] == "ok"
        path = machine.state / "grafana/seen.json"
        seen: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        assert seen["found"]["datasources"] == ["Fanwatch"]
        assert {"fans", "pipeline"} <= set(seen["found"]["alerting"])
        assert "fanwatch-fleet" in seen["found"]["boards"]
        environment = seen["env"]
        assert environment["FANWATCH_INFLUX_URL"] == f"http://127.0.0.1:{machine.influx}"
        assert environment["FANWATCH_ALERT_EMAIL"] == "a@example.org"
        assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
        assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
        told = {name: environment[name] for name in environment if tells(name)}
        assert set(told.values()) == {"false"}
        assert seen["password"] == (machine.state / "secrets/grafana-admin-password").read_text()
        assert len(seen["password"]) > 20
        assert seen["password"] not in json.dumps([seen["argv"], environment])
        path.unlink()
        detail = next(part["detail"] for part in machine.status()["parts"] if part["name"] == "grafana")
        os.kill(int(detail.split("pid ")[1].split(",")[0]), signal.SIGKILL)
        until(path.exists, 20, "it is there again")
        assert up.stop() < 10 * patience()
    finally:
        up.end()


def tells(name: str) -> bool:
    """Whether it is a setting that lets Grafana ask or tell other machines."""
    return name.startswith(("GF_ANALYTICS_", "GF_NEWS_"))


def test_one_that_does_not_start_is_said_and_all_else_runs(tmp_path: Path, home: Path, stored: None) -> None:
    executable(home / "bin/grafana", "#!/bin/sh\necho 'Error: database is locked'; exit 1\n")
    machine = machine_with(tmp_path, home / "bin", FANWATCH_GRAFANA_PORT=str(free_port()))
    up = machine.up()
    try:
        up.until_said("First result")
        said = up.until_said("Grafana does not start: .*")
        assert said.startswith("Grafana does not start: Error: database is locked (log: ")

        def troubled() -> set[str]:
            return {part["name"] for part in machine.status()["parts"] if part["state"] != "ok"}

        until(lambda: troubled() <= {"grafana"}, 20, "all else is well")
    finally:
        up.end()


def test_a_busy_port_is_said_and_all_else_runs(tmp_path: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        machine = machine_with(tmp_path, home / "bin", FANWATCH_GRAFANA_PORT=str(port))
        up = machine.up()
        try:
            up.until_said("First result")
            up.until_said(rf"Grafana is not started: port {port} is in use by .*FANWATCH_GRAFANA_PORT=")
            assert "grafana" not in {part["name"] for part in machine.status()["parts"]}
        finally:
            up.end()


def planned(tmp_path: Path, path: Path, port: int, **environment: str) -> grafana.Plan:
    return grafana.plan({"PATH": str(path), **environment}, layout(str(tmp_path / "state")), port, {8080})


def test_without_it_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    made = planned(tmp_path, tmp_path, free_port())
    assert made.program is None
    assert "is not on PATH" in made.said
    assert str(CHECKOUT / "infra/grafana") in made.said


def test_a_port_of_another_part_is_not_taken_from_it(tmp_path: Path, home: Path) -> None:
    assert "in use by another part" in planned(tmp_path, home / "bin", 8080).said


def test_a_home_that_is_not_found_is_said(tmp_path: Path, home: Path) -> None:
    shutil.rmtree(home / "conf")
    made = planned(tmp_path, home / "bin", free_port())
    assert made.program is None
    assert "set GF_PATHS_HOME" in made.said


@pytest.mark.parametrize("inner", [True, False])
def test_a_package_whose_command_is_a_script_is_started_below_it(tmp_path: Path, inner: bool) -> None:
    """Debian's puts a script on PATH that reads /etc/grafana; older ones have grafana-server alone."""
    executable(tmp_path / "sbin/grafana-server", "#!/bin/sh\n")
    share = tmp_path / "share"
    (share / "conf").mkdir(parents=True)
    (share / "conf/defaults.ini").touch()
    if inner:
        executable(share / "bin/grafana", "#!/bin/sh\n")
    made = planned(tmp_path, tmp_path / "sbin", free_port(), GF_PATHS_HOME=str(share))
    assert made.program is not None
    wanted = [str(share / "bin/grafana"), "server"] if inner else [str(tmp_path / "sbin/grafana-server")]
    assert made.program.argv[: len(wanted) + 2] == [*wanted, "--homepath", str(share)]


def test_its_password_is_made_once(tmp_path: Path) -> None:
    place = layout(str(tmp_path / "state"))
    place.create()
    grafana.write_files(place)
    path = place.secrets / "grafana-admin-password"
    first = path.read_text(encoding="ascii")
    grafana.write_files(place)
    assert path.read_text(encoding="ascii") == first
    assert path.stat().st_mode & 0o077 == 0
