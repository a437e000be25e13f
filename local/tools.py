"""Finds Mosquitto, InfluxDB and Telegraf, and gets what is missing."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.settings import LocalSettings, load
from local.config import telegraf_configs
from local.layout import CHECKOUT
from local.supervisor import argv_of, write_spec

_BUILD_TIMEOUT_S = 1800
_PROBE_TIMEOUT_S = 20
_POLL_S = 0.2
SYSTEM_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
GO_PLACES = ("/usr/local/go/bin/go", "/opt/homebrew/bin/go", str(Path.home() / "go/bin/go"))


Say = Callable[[str], None]


class ToolMissing(FanwatchError):
    """A tool is not there and cannot be got; the text says what to install by hand."""


class Stopped(FanwatchError):
    """The runtime was stopped while a tool was being built."""


class GoTool(msgspec.Struct, frozen=True):
    """A program that `go install` builds, at a pinned version."""

    name: str
    package: str
    version: str
    tags: str
    by_hand: str

    @property
    def key(self) -> str:
        """Names the build in the cache; changes with the version and the tags."""
        return f"{self.name}-{self.version}-{hashlib.sha256(self.tags.encode()).hexdigest()[:8]}"


INFLUXD = GoTool(
    name="influxd",
    package="github.com/influxdata/influxdb/cmd/influxd",
    version="v1.8.10",
    tags="",
    by_hand="install InfluxDB 1.8 and have influxd on PATH",
)
TELEGRAF = GoTool(
    name="telegraf",
    package="github.com/influxdata/telegraf/cmd/telegraf",
    version="v1.39.3",
    # Only the plugins that infra/telegraf uses: half the packages, and half the time, of a build that also knows
    # Kubernetes and Docker (as inputs.prometheus does). With the time zones, which small images lack.
    tags=(
        "timetzdata,custom,inputs.mqtt_consumer,inputs.http,inputs.http_response,inputs.influxdb,inputs.internal,"
        "inputs.cpu,inputs.mem,inputs.disk,inputs.x509_cert,processors.starlark,outputs.influxdb_v2,outputs.health,"
        "parsers.json,parsers.prometheus,parsers.value,secretstores.docker"
    ),
    by_hand="install Telegraf 1.38 or later and have telegraf on PATH",
)


def mosquitto(say: Say = print) -> str:
    """The path of mosquitto, installed first where this is root on Debian or Ubuntu. ToolMissing otherwise."""
    by_hand = "Install it: `sudo apt-get install mosquitto mosquitto-clients`, or your system's package of Mosquitto 2."
    return installed("Mosquitto", _find_mosquitto, ["mosquitto", "mosquitto-clients"], by_hand, say)


def installed(
    name: str,
    find: Callable[[], str | None],
    wanted: list[str],
    by_hand: str,
    say: Say,
    timeout_s: float = 300,
) -> str:
    """What `find` finds, got from the system's packages first where it can be. ToolMissing otherwise."""
    found = find()
    if found:
        return found
    apt = shutil.which("apt-get")
    if apt is None:
        raise ToolMissing(f"{name} is missing, and this system has no apt-get. {by_hand}")
    if os.getuid() != 0:
        raise ToolMissing(f"{name} is missing, and only root may install it. {by_hand}")
    say(f"Installing {wanted[0]} (apt-get) ...")
    install = [apt, "install", "-y", "--no-install-recommends", *wanted]
    with no_services_started():
        done = _apt(install, timeout_s) or (_apt([apt, "update"], timeout_s) and _apt(install, timeout_s))
    if not done:
        raise ToolMissing(f"{name} is missing, and apt-get could not install it (no network?). {by_hand}")
    found = find()
    if not found:
        raise ToolMissing(f"{name} was installed, but is not on PATH. {by_hand}")
    return found


@contextlib.contextmanager
def no_services_started(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Keeps Debian's package from starting a broker of its own on the port that ours is about to take."""
    try:
        with policy.open("x", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    except OSError:  # the machine has a policy already, or takes none
        yield
        return
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _find_mosquitto() -> str | None:
    # Debian puts it where an ordinary user's PATH does not lead.
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=SYSTEM_PLACES)


def _apt(command: list[str], timeout_s: float) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def find(tool: GoTool, cache: Path) -> str | None:
    """A usable one: from the cache, or on PATH; None where there is none."""
    built = cache / "bin" / tool.key / tool.name
    if os.access(built, os.X_OK):
        return str(built)
    on_path = shutil.which(tool.name)
    return on_path if on_path and _usable(tool, on_path) else None


def get(tool: GoTool, cache: Path, say: Say = print, stop: threading.Event | None = None) -> str:
    """A usable one, built first where there is none. ToolMissing where that fails, Stopped when `stop` is set."""
    found = find(tool, cache)
    if found:
        return found
    go = shutil.which("go") or next((place for place in GO_PLACES if os.access(place, os.X_OK)), None)
    if go is None:
        raise ToolMissing(
            f"{tool.name} is missing and cannot be built without Go: install Go, or {tool.by_hand}."
        )
    stop = stop or threading.Event()
    with _locked(
        cache / "build.lock", stop, lambda: say(f"Waiting for another build before {tool.name} ...")
    ):
        found = find(tool, cache)
        if found:
            return found
        say(f"Building {tool.name} {tool.version} (two to three minutes, once) ...")
        return _build(tool, go, cache, stop)


def cache_directory(settings: LocalSettings) -> Path:
    """FANWATCH_CACHE, made where it is not there. SettingsError where it cannot be."""
    path = Path(settings.cache).expanduser().resolve()
    try:
        (path / "bin").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"FANWATCH_CACHE={settings.cache!r} cannot be made: {error.strerror}.") from error
    return path


def _usable(tool: GoTool, path: str) -> bool:
    """Whether one that was found on PATH takes our configuration."""
    if tool is INFLUXD:
        # Debian's 1.6 lacks the v2 write endpoint; 2.x has another set-up. One built by Go knows no version.
        command, pattern = [path, "version"], r"InfluxDB v(1\.8|unknown)"
    else:
        command, pattern = [path, "config", "check", "--strict-env-handling", *telegraf_configs()], ""
    environment = {**os.environ, "FANWATCH_TELEGRAF_DIR": str(CHECKOUT / "infra/telegraf")}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and re.search(pattern, done.stdout) is not None


@contextlib.contextmanager
def _locked(path: Path, stop: threading.Event, on_wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file, so that two runs do not build the same thing at once."""
    with path.open("w", encoding="utf-8") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    on_wait()
                told = True
                if stop.wait(_POLL_S):
                    raise Stopped("Stopped while waiting for a build.") from None
        yield


def _build(tool: GoTool, go: str, cache: Path, stop: threading.Event) -> str:
    target = cache / "bin" / tool.key
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as work:
        environment = {**os.environ, "GOBIN": work, "CGO_ENABLED": "0"}
        tags = ["-tags", tool.tags] if tool.tags else []
        argv = [go, "install", *tags, f"{tool.package}@{tool.version}"]
        spec, log = Path(work) / "spec.json", Path(work) / "log"
        # Builds are long: they give way to the pipeline, and end with this process.
        write_spec(spec, argv, environment, Path(work), nice=10)
        with log.open("wb") as output:
            process = subprocess.Popen(argv_of(spec), stdout=output, stderr=output, start_new_session=True)
            _wait(process, stop, tool)
        if process.returncode != 0 or not (Path(work) / tool.name).exists():
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            detail = lines[-1][:200] if lines else f"go ended with {process.returncode}"
            network = re.search(
                r"dial tcp|no such host|i/o timeout|connection refused|proxy", "\n".join(lines)
            )
            why = "its source could not be downloaded (no network?)" if network else "it could not be built"
            raise ToolMissing(f"{tool.name} is missing, and {why}: {detail}. To go without, {tool.by_hand}.")
        target.mkdir(parents=True, exist_ok=True)
        os.replace(Path(work) / tool.name, target / tool.name)
    return str(target / tool.name)


def _wait(process: subprocess.Popen[bytes], stop: threading.Event, tool: GoTool) -> None:
    deadline = time.monotonic() + _BUILD_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline and not stop.wait(_POLL_S):
        pass
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(2)
    if stop.is_set():
        raise Stopped(f"Stopped while {tool.name} was being built.")
    raise ToolMissing(f"{tool.name} was not built within {_BUILD_TIMEOUT_S // 60} minutes; {tool.by_hand}.")


def main() -> int:
    """Gets everything now, one line for what could not be got; exit status 1 only where Mosquitto is missing."""
    missing = 0
    try:
        cache = cache_directory(load(LocalSettings))
        print(f"mosquitto: {mosquitto()}", flush=True)
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    for tool in (INFLUXD, TELEGRAF):
        try:
            print(f"{tool.name}: {get(tool, cache)}", flush=True)
        except ToolMissing as error:
            print(error, file=sys.stderr)
            missing += 1
    if missing:
        print("Without them nothing is stored, and the tests that need them are skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
