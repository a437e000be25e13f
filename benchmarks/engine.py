"""One engine in a fresh interpreter: `python -m benchmarks.engine start|speed ENGINE SECONDS`; prints one line of JSON.

Imports nothing that an engine does not need, for its start and its memory are measured.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BATCH = 256
"""Rows a call, of which rows_per_second is the rate."""
ROW = (592.0, 41.2, 160.4, 47.9)
_BUNDLE = Path(__file__).resolve().parents[1] / "models/fan-anomaly/1"


def _opened(engine: str) -> Callable[[int], object]:
    """Scores 1 or BATCH rows in one call; with the default bundle, or with the reference's network."""
    batches = {rows: np.tile(np.array(ROW, dtype=np.float32), (rows, 1)) for rows in (1, BATCH)}
    if engine == "keras.predict":
        from benchmarks.reference.server import network

        model = network()
        return lambda rows: model.predict(batches[rows], verbose=0)
    from fanwatch.bundles.anomaly import load
    from fanwatch.bundles.engines import open_engine

    scorer = open_engine(load(_BUNDLE), engine)
    return lambda rows: scorer.score(batches[rows])


def _durations_ns(call: Callable[[int], object], rows: int, seconds: float) -> list[int]:
    for _ in range(3):
        call(rows)
    found: list[int] = []
    until_ns = time.perf_counter_ns() + int(seconds * 1e9)
    while not found or time.perf_counter_ns() < until_ns:
        began = time.perf_counter_ns()
        call(rows)
        found.append(time.perf_counter_ns() - began)
    return found


def _peak_mb() -> float:
    # Not getrusage: its peak counts what the process was before it became this program.
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.split("VmHWM:")[1].split()[0]) * 1.024e-3


def main() -> None:
    """Measures what the arguments name."""
    what, engine, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    call = _opened(engine)
    if what == "start":
        call(1)
        print(json.dumps({"answered": time.monotonic(), "rss_mb": _peak_mb()}))
        return
    single = statistics.median(_durations_ns(call, 1, seconds)) / 1000
    batch = statistics.fmean(_durations_ns(call, BATCH, seconds)) / 1e9
    print(json.dumps({"p50_us": round(single, 2), "rows_per_second": round(BATCH / batch)}))


if __name__ == "__main__":
    main()
