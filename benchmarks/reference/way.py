"""The measurement of the reference's way."""

import subprocess
import sys
import urllib.error
import urllib.request

from benchmarks import ways
from benchmarks.pipeline import Broker, free_port, plain_environment, until
from benchmarks.processes import Child, Pids

_START_S = 60.0
_TIMEOUT_S = 5.0


def reference(seconds: float, latency_count: int) -> ways.Way:
    """Holds its highest rate for `seconds`; latency at 2 readings a second."""
    broker = Broker()
    children: dict[str, Child] = {}
    try:
        port = free_port()
        children["flask"] = _module("server", str(port))
        until(lambda: _answers(port), "the reference's server answers", _START_S)
        children["subscriber"] = _module("subscriber", str(broker.port), str(port))

        def parts() -> Pids:
            named = {"mosquitto": broker.child, **children}
            return {name: [child.pid] for name, child in named.items()}

        rig = ways.Rig(broker.port, parts, broker.directory)
        try:
            # QoS 0 loses what a subscriber cannot take in time, so few are under way.
            plan = ways.Plan(
                seconds=seconds,
                outstanding=20,
                ceiling=200,
                latency_rate=2,
                latency_count=latency_count,
                qos=0,
            )
            return ways.measure(rig, plan)
        finally:
            rig.close()
    finally:
        for child in children.values():
            child.end()
        broker.close()


def _module(name: str, *arguments: str) -> Child:
    argv = [sys.executable, "-m", f"benchmarks.reference.{name}", *arguments]
    return Child(argv, stderr=subprocess.DEVNULL, environment=plain_environment())


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=_TIMEOUT_S):
            return True
    except (OSError, urllib.error.URLError):
        return False
