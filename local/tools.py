"""Finds Mosquitto, InfluxDB and Telegraf, and gets what is missing."""

import argparse
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
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from fanwatch.errors import FanwatchError, SettingsError
from fanwatch.settings import LocalSettings, load
from local.config import telegraf_configs
from local.layout import CHECKOUT
from local.packages import Say as Say
from local.packages import ToolMissing as ToolMissing
from local.packages import chromium as chromium
from local.packages import faketime as faketime
from local.packages import mosquitto as mosquitto
from local.supervisor import argv_of, write_spec

_BUILD_TIMEOUT_S = 1800
_PROBE_TIMEOUT_S = 20
_POLL_S = 0.2
_GO_PLACES = ("/usr/local/go/bin/go", "/opt/homebrew/bin/go", str(Path.home() / "go/bin/go"))


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
    go = shutil.which("go") or next((place for place in _GO_PLACES if os.access(place, os.X_OK)), None)
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
    for _ in range(int(_BUILD_TIMEOUT_S / _POLL_S)):
        if stop.is_set():
            break
        try:
            process.wait(_POLL_S)
            return
        except subprocess.TimeoutExpired:
            continue
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
    parser = argparse.ArgumentParser(description="Get Mosquitto, InfluxDB and Telegraf.")
    parser.add_argument("--browser", action="store_true", help="and Chromium, for tests of the page")
    parser.add_argument(
        "--faketime", action="store_true", help="and libfaketime, for tests as of other hours"
    )
    wanted = parser.parse_args()
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
    if wanted.browser:
        try:
            print(f"chromium: {chromium()}", flush=True)
        except ToolMissing as error:
            print(f"{error} Tests of the page are skipped.", file=sys.stderr)
    if wanted.faketime:
        try:
            print(f"libfaketime: {faketime()}", flush=True)
        except ToolMissing as error:
            print(error, file=sys.stderr)
            return 1
    if missing:
        print("Without them nothing is stored, and the tests that need them are skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
