"""supervisord, which owns every process of the runtime: its configuration, its start, and talking to it."""

import http.client
import json
import shlex
import sys
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from fanwatch.errors import Unavailable
from local.layout import CHECKOUT, Layout, filled
from local.sockets import UnixConnection

TIMEOUT_S = 5.0
_ALREADY_ADDED = 90
_BAD_NAME = 10
_NOT_RUNNING = 70
_STARTED = 60
_NOT_SPAWNED = 50
_STILL_RUNNING = 91

_TEMPLATES = CHECKOUT / "infra/local"
_CHILD = Path(__file__).with_name("child.py")
_WATCHER = Path(__file__).with_name("supervisord.py")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A process that supervisord keeps running; `{n}` in argv and env is the number of the replica."""

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    replicas: int | None = None
    """None: one process that is called like the program; otherwise NAME-0, NAME-1 and so on."""
    priority: int = 500
    """supervisord, left alone, stops the highest first."""
    stop_s: int = 3
    """Seconds between SIGTERM and SIGKILL."""


class Process(msgspec.Struct, frozen=True):
    """What supervisord says of one process."""

    name: str
    group: str
    statename: str
    pid: int
    start: int
    now: int
    description: str

    @property
    def running(self) -> bool:
        return self.statename == "RUNNING"


def argv_of(spec: Path, number: str = "0") -> list[str]:
    """The command that becomes what `spec` names; isolated, for it shall see no user's site-packages."""
    return [sys.executable, "-I", "-S", str(_CHILD), str(spec), number]


def write_spec(path: Path, argv: list[str], env: Mapping[str, str], cwd: Path, nice: int = 0) -> None:
    """Writes what child.py reads."""
    path.write_text(
        json.dumps({"argv": argv, "env": dict(env), "cwd": str(cwd), "nice": nice}), encoding="utf-8"
    )


def write_config(layout: Layout, *, as_root: bool) -> list[str]:
    """Writes supervisord's own configuration; the command that starts it, in the state directory."""
    text = filled(
        _TEMPLATES / "supervisord.conf.template",
        control=_plain(layout.control),
        user="user=root" if as_root else "",
    )
    (layout.state / "supervisord.conf").write_text(text, encoding="utf-8")
    # -P: what lies beside the script is no part of it.
    return [sys.executable, "-P", "-W", "ignore", str(_WATCHER), "-n", "-c", "supervisord.conf"]


class Supervisor:
    """The supervisord of one state directory, over its unix socket; every call has a timeout."""

    def __init__(self, layout: Layout, timeout_s: float = TIMEOUT_S) -> None:
        self._layout = layout
        transport = _UnixTransport(layout.control, timeout_s)
        self._rpc = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)

    def answers(self) -> bool:
        """Whether supervisord runs and takes commands."""
        try:
            state = cast(dict[str, Any], self._call("getState"))
        except Unavailable:
            return False
        return bool(state["statename"] == "RUNNING")

    def processes(self) -> list[Process]:
        """All processes. Unavailable where supervisord does not answer."""
        return msgspec.convert(self._call("getAllProcessInfo"), list[Process])

    def add(self, program: Program) -> None:
        """Starts a program; one that is there already stays as it is."""
        layout = self._layout
        spec = layout.programs / f"{program.name}.json"
        write_spec(spec, program.argv, program.env, program.cwd)
        config = layout.programs / f"{program.name}.conf"
        config.write_text(_section(program), encoding="utf-8")
        self._call("reloadConfig")
        self._call("addProcessGroup", program.name, ignored=(_ALREADY_ADDED,))

    def stop(self, group: str) -> None:
        """Sends SIGTERM to all processes of a program, and does not wait."""
        self._call("stopProcessGroup", group, False, ignored=(_BAD_NAME, _NOT_RUNNING))

    def restart(self, group: str) -> None:
        """Stops a program and starts it again from what its files say now."""
        self._call("stopProcessGroup", group, True, ignored=(_BAD_NAME, _NOT_RUNNING))
        self._call("startProcessGroup", group, False, ignored=(_BAD_NAME,))

    def revive(self) -> None:
        """Starts processes again that supervisord has given up, having ended soon after several starts."""
        for process in self.processes():
            if process.statename == "FATAL":
                self._call(
                    "startProcess",
                    f"{process.group}:{process.name}",
                    False,
                    ignored=(_BAD_NAME, _STARTED, _NOT_SPAWNED),
                )

    def remove(self, group: str) -> bool:
        """Forgets a stopped program; False while one of its processes still runs."""
        try:
            self._call("removeProcessGroup", group, ignored=(_BAD_NAME,))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _STILL_RUNNING:
                return False
            raise
        for suffix in (".conf", ".json"):
            (self._layout.programs / f"{group}{suffix}").unlink(missing_ok=True)
        return True

    def _call(self, method: str, *arguments: object, ignored: tuple[int, ...] = ()) -> object:
        try:
            return getattr(self._rpc.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in ignored:
                return None
            raise
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise Unavailable(
                f"supervisord does not answer on {self._layout.control}: {error}. Start the runtime with `fanwatch up`."
            ) from error


def _section(program: Program) -> str:
    several = program.replicas is not None
    spec = Path("run/programs") / f"{program.name}.json"
    return filled(
        _TEMPLATES / "program.conf.template",
        name=program.name,
        command=" ".join(_plain(shlex.quote(part)) for part in argv_of(spec)[:-1]),
        number="%(process_num)d" if several else "0",
        suffix="-%(process_num)d" if several else "",
        count=program.replicas or 1,
        priority=program.priority,
        stop_s=program.stop_s,
    )


def _plain(value: object) -> str:
    """A value as supervisord's configuration takes it: there, % begins an expansion."""
    return str(value).replace("%", "%%")


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._timeout_s = timeout_s

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        connection = UnixConnection(self._path, self._timeout_s)
        self._connection = (None, connection)
        return connection

    def request(self, *arguments: Any, **options: Any) -> Any:
        # A connection a call: calls are rare, and supervisord closes idle ones.
        try:
            return super().request(*arguments, **options)
        finally:
            self.close()
