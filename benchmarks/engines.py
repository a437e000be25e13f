"""The engines alone, each in a fresh interpreter, and how long a function takes to start."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.pipeline import plain_environment, until
from benchmarks.processes import Child, peak_mb
from fanwatch.errors import FanwatchError
from local.layout import CHECKOUT
from local.sockets import UnixConnection, status

ENGINES = ("litert", "tensorflow", "keras.predict")
_FUNCTIONS = {"infer-fan-lite process": "litert", "infer-fan process": "tensorflow"}
_TIMEOUT_S = 60.0
_ROW = (592.0, 41.2, 160.4, 47.9)


class Speed(msgspec.Struct, frozen=True):
    """p50 of one row in a call, in µs; rows a second in calls of 256."""

    p50_us: float
    rows_per_second: float


class Start(msgspec.Struct, frozen=True):
    """From starting a fresh interpreter to the first answer; the most memory until then."""

    seconds: float
    rss_mb: float


def inference(seconds: float = 3.0) -> dict[str, Speed]:
    """Each engine's speed; about `seconds` each for one row and for a batch."""
    return {engine: msgspec.convert(_run("speed", engine, str(seconds)), Speed) for engine in ENGINES}


def cold_start(repeats: int) -> dict[str, Start]:
    """Medians over fresh processes: the engine alone, and a function process until it has answered a request."""
    found = {}
    for engine in ("litert", "tensorflow"):
        found[engine] = _median([_engine_start(engine) for _ in range(repeats)])
    for process, engine in _FUNCTIONS.items():
        found[process] = _median([_function_start(engine) for _ in range(repeats)])
    return found


def _median(starts: list[Start]) -> Start:
    seconds = statistics.median(start.seconds for start in starts)
    return Start(round(seconds, 3), round(statistics.median(start.rss_mb for start in starts), 1))


def _engine_start(engine: str) -> Start:
    began = time.monotonic()
    said = _run("start", engine, "0")
    # The same clock in both processes.
    return Start(float(said["answered"]) - began, float(said["rss_mb"]))


def _run(what: str, engine: str, seconds: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", what, engine, seconds],
        capture_output=True,
        env=plain_environment(),
        cwd=CHECKOUT,
        timeout=_TIMEOUT_S,
        check=False,
        text=True,
    )
    if done.returncode:
        raise FanwatchError(f"{engine} cannot be measured: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _function_start(engine: str) -> Start:
    with tempfile.TemporaryDirectory(prefix="fanwatch-bench-") as directory:
        path = Path(directory) / "f.sock"
        environment = plain_environment() | {
            "FUNCTION_NAME": "infer-fan",
            "HANDLER_DIR": str(CHECKOUT / "functions/infer_fan"),
            "LISTEN_UDS": str(path),
            "FANWATCH_ENGINE": engine,
            "FANWATCH_BUNDLE": str(CHECKOUT / "models/fan-anomaly/1"),
            "handler_threads": "0",
        }
        began = time.monotonic()
        child = Child(
            [sys.executable, "-m", "function_server"],
            stderr=subprocess.DEVNULL,
            environment=environment,
        )
        try:
            until(lambda: path.exists() and status(path, "/_/ready", 5) == 200, "the function is ready")
            _ask(path)
            return Start(time.monotonic() - began, peak_mb(child.pid))
        finally:
            child.end()


def _ask(path: Path) -> None:
    connection = UnixConnection(path, _TIMEOUT_S)
    try:
        connection.request("POST", "/", json.dumps({"params": _ROW}).encode())
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise FanwatchError(f"infer-fan answered {answer.status}; see `python -m function_server`.")
    finally:
        connection.close()
