"""What the benchmark ran on."""

import importlib.metadata
import os
import platform
import re
import subprocess
import time
from pathlib import Path

import msgspec

from fanwatch.errors import FanwatchError
from fanwatch.settings import LocalSettings, load
from local import tools
from local.layout import CHECKOUT

_PACKAGES = (
    *("ai-edge-litert", "tensorflow-cpu", "keras", "numpy", "paho-mqtt", "msgspec", "uvicorn", "uvloop"),
    *("flask", "requests"),
)
_TIMEOUT_S = 10


class Machine(msgspec.Struct, frozen=True):
    """Size and versions; `load` is the load average before the first measurement, 0 on an idle machine."""

    cores: int
    memory_mb: int
    cpu: str
    kernel: str
    load: float
    measured: str
    revision: str
    versions: dict[str, str]


def describe() -> Machine:
    """This machine."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        cpu=_cpu(),
        kernel=f"{platform.system()} {platform.release()}",
        load=round(os.getloadavg()[0], 2),
        measured=time.strftime("%Y-%m-%d", time.gmtime()),
        revision=_said(["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"]) or "unknown",
        versions=_versions(),
    )


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    try:
        said = _said([tools.mosquitto(), "-h"])
        match = re.search(r"version (\S+)", said)
        found["mosquitto"] = match[1] if match else "unknown"
    except FanwatchError:
        found["mosquitto"] = "missing"
    cache = Path(load(LocalSettings).cache).expanduser()
    for tool in (tools.INFLUXD, tools.TELEGRAF):
        found[tool.name] = tool.version.removeprefix("v") if tools.find(tool, cache) else "missing"
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def _said(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
