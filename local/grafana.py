"""Grafana, provisioned from infra/grafana, where it is installed; the pipeline never waits for it."""

import os
import secrets
import shutil
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from local.health import healthy
from local.layout import CHECKOUT, Layout, filled
from local.ports import is_free, owner
from local.supervisor import Program, Supervisor

NAME = "grafana"
_FILES = CHECKOUT / "infra/grafana"
_HOME_DASHBOARD = _FILES / "dashboards/fanwatch-fleet.json"
_READY_S = 120.0
"""Seconds within which it answers; its first start makes a database."""
_POLL_S = 0.5
_ENDED = 6
"""After so many looks in a row at which it had ended, it is not waited for any longer."""


class Plan(msgspec.Struct, frozen=True):
    """What becomes of Grafana in this run: a program, or one line that says why there is none."""

    said: str
    port: int
    program: Program | None = None


def plan(environment: Mapping[str, str], layout: Layout, port: int, taken: Collection[int]) -> Plan:
    """Looks for Grafana and its port; `taken` are those of the other parts."""
    path = environment.get("PATH", os.defpath)
    found = shutil.which("grafana", path=path) or shutil.which("grafana-server", path=path)
    if found is None:
        said = (
            f"Grafana is not on PATH; get it (grafana.com/grafana/download), and it shows what is in {_FILES}"
        )
        return Plan(said, port)
    home = _home(found, environment)
    if home is None:
        said = f"{found} has no home directory (conf/defaults.ini) nearby; set GF_PATHS_HOME to it"
        return Plan(f"Grafana is not started: {said}", port)
    if port in taken or not is_free(port):
        holder = "another part" if port in taken else owner(port) or "another program"
        said = f"port {port} is in use by {holder}; choose another one: make run FANWATCH_GRAFANA_PORT=13000"
        return Plan(f"Grafana is not started: {said}", port)
    password = layout.secrets / "grafana-admin-password"
    said = f"http://localhost:{port}   (to change things: admin, its password is in {password})"
    return Plan(said, port, _program(found, home, environment, layout, port, password))


def await_ready(wanted: Plan, layout: Layout, supervisor: Supervisor, stop: threading.Event) -> str:
    """Waits until it answers; a line that says so, or that it does not. Empty where the runtime stops meanwhile."""
    ended = 0
    for _ in range(int(_READY_S / _POLL_S)):
        states = {process.statename for process in supervisor.processes() if process.name == NAME}
        # supervisord calls it started once it has run for a second, and so does `fanwatch status`.
        if "RUNNING" in states and healthy(NAME, wanted.port):
            return f"Grafana on http://localhost:{wanted.port}"
        ended = ended + 1 if states & {"BACKOFF", "FATAL"} else 0
        if ended >= _ENDED:
            break
        if stop.wait(_POLL_S):
            return ""
    said, log = layout.last_line(NAME, "it says nothing"), layout.log(NAME)
    return f"Grafana does not start: {said} (log: {log}). The rest runs without it."


def _home(found: str, environment: Mapping[str, str]) -> Path | None:
    """The directory with its defaults and its web pages: of an archive, of a package, of Homebrew."""
    prefix = Path(found).resolve().parents[1]
    places = (environment.get("GF_PATHS_HOME"), prefix, prefix / "share/grafana", "/usr/share/grafana")
    homes = (Path(place) for place in places if place)
    return next((home for home in homes if (home / "conf/defaults.ini").is_file()), None)


def _program(
    found: str, home: Path, environment: Mapping[str, str], layout: Layout, port: int, password: Path
) -> Program:
    # What a package puts on PATH is a script that reads the machine's own configuration; the program lies below.
    inner = home / "bin/grafana"
    tool = str(inner) if os.access(inner, os.X_OK) else found
    command = [tool, "server"] if Path(tool).name == "grafana" else [tool]
    config = layout.run / "grafana.ini"
    return Program(
        name=NAME,
        argv=[*command, "--homepath", str(home), "--config", str(config)],
        env={**environment, **_environment(environment, layout, port)},
        cwd=layout.state,
        priority=90,
    )


def write_files(layout: Layout) -> None:
    """Its directory, the administrator's password, made once, and a configuration that names the file with it."""
    (layout.state / NAME).mkdir(parents=True, exist_ok=True)
    password = layout.secrets / "grafana-admin-password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="ascii")
    text = f"# The rest is in the environment.\n[security]\nadmin_password = $__file{{{password}}}\n"
    (layout.run / "grafana.ini").write_text(text, encoding="utf-8")


def _environment(environment: Mapping[str, str], layout: Layout, port: int) -> dict[str, str]:
    text = filled(
        CHECKOUT / "infra/local/grafana.env.template",
        data=layout.state / NAME,
        files=_FILES,
        port=port,
        token=environment.get("INFLUX_TOKEN", ""),
    )
    lines = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    values = {name: value for name, _, value in lines}
    if _HOME_DASHBOARD.is_file():
        values["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] = str(_HOME_DASHBOARD)
    return values
