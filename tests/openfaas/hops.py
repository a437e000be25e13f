"""`python -m tests.openfaas.hops`: where a reading's time goes at 100 a second, through the gateway of OPENFAAS_URL.

score-fan calls the function that decides by the gateway and at its own address, in turns, ROUNDS=2 times; COUNT=1500
readings each. Before that: how long a function takes that does nothing. The environment is the conformance suite's
(given.py), deployed with FANWATCH_INFER_DIRECT=1, for answers to tell their address. OPENFAAS_PARTS names processes of
this machine whose processor time is told, by a part of their command lines: `provider=faasd provider,shims=shim`.
It prints one JSON object a row, the load average in it.
"""

import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks import probe, ways
from benchmarks.processes import Meter, Pids
from tests.openfaas.given import Given
from tests.openfaas.measure import Bench

_RATE = 100
_EMPTY_CALLS = 400
_EMPTY_RATE = 60
"""As often as score-fan is called at 100 readings a second."""


def empty(url: str) -> tuple[float, float]:
    """Median and 99th percentile of GETs in ms, one at a time over one connection."""
    took = []
    began = time.monotonic()
    with requests.Session() as session:
        for number in range(_EMPTY_CALLS):
            time.sleep(max(0.0, began + number / _EMPTY_RATE - time.monotonic()))
            started = time.perf_counter()
            assert session.get(url, timeout=10).status_code == 200
            took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return round(took[len(took) // 2], 1), round(took[len(took) * 99 // 100], 1)


class Inside:
    """What a function has spent inside its calls, between two moments."""

    def __init__(self, given: Given, name: str) -> None:
        self._given, self._name = given, name
        self._before = self._now()

    def mean_ms(self) -> float:
        """A call's mean."""
        count, seconds = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return round(seconds / max(1.0, count) * 1000, 2)

    def _now(self) -> tuple[float, float]:
        text = self._given.ask("GET", f"/function/{self._name}/metrics", authorized=False).text
        found = [
            re.search(rf"^http_request_duration_seconds_{what} (\S+)", text, re.M)
            for what in ("count", "sum")
        ]
        assert all(found), text
        count, seconds = (float(match[1]) for match in found if match)
        return count, seconds


def parts() -> Pids:
    """Processes by the names of OPENFAAS_PARTS."""
    named = [pair.split("=", 1) for pair in os.environ.get("OPENFAAS_PARTS", "").split(",") if "=" in pair]
    pids: dict[str, list[int]] = {name: [] for name, _ in named}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        for name, text in named:
            if text in command and int(path.parent.name) != os.getpid():
                pids[name].append(int(path.parent.name))
                break
    return pids


def row(bench: Bench, direct: bool, count: int) -> dict[str, Any]:
    """Latency at 100 a second, and where it comes from."""
    given = bench.given
    given.redeploy("score-fan", environment={"FANWATCH_INFER_DIRECT": str(int(direct))})
    connector = bench.ours(bench.directory)
    rig = ways.Rig(given.broker.port, dict, bench.folder())
    try:
        few = rig.readings(count, 100)
        inside = {name: Inside(given, name) for name in ("score-fan", given.infer)}
        meter = Meter(parts)
        latency = probe.measure(few, rig.port, rate=_RATE, qos=1, directory=rig.directory)
        spent = {part: round(seconds / count * 1e6) for part, seconds in meter.spent_s().items()}
        calls = connector.metric("call_seconds_count")
        return {
            "direct": direct,
            "p50_ms": latency.p50,
            "p99_ms": latency.p99,
            "readings_a_call": round(count / calls, 2),
            "call_ms": round(connector.metric("call_seconds_sum") / calls * 1000, 1),
            "inside_ms": {name: one.mean_ms() for name, one in inside.items()},
            "cpu_us_a_reading": spent,
            "load": round(os.getloadavg()[0], 1),
        }
    finally:
        rig.close()
        bench.end(connector)


def main() -> None:
    """All rows."""
    with tempfile.TemporaryDirectory(prefix="fanwatch-hops-") as folder:
        directory = Path(folder)
        given = Given(directory, connect=False)
        try:
            nothing = empty(f"{given.url}/function/{given.infer}/_/health")
            alone = empty(f"{given.url}/healthz")
            print(json.dumps({"empty_function_ms": nothing, "gateway_alone_ms": alone}), flush=True)
            bench = Bench(given, directory)
            for _ in range(int(os.environ.get("ROUNDS", "2"))):
                for direct in (False, True):
                    print(json.dumps(row(bench, direct, int(os.environ.get("COUNT", "1500")))), flush=True)
        finally:
            given.close()


if __name__ == "__main__":
    main()
