"""stored = scored is looked up in a real InfluxDB."""

import urllib.request
from pathlib import Path

import pytest

from benchmarks.ours import check_stored
from fanwatch.errors import FanwatchError
from tests.support.influx import Influx

AT_NS = 1_790_000_000_000_000_000
SCORED = {"fan-00000 2026-09-21T14:13:20.000Z", "fan-00001 2026-09-21T14:13:20.000Z"}


def test_what_is_missing_and_what_is_too_much(tmp_path: Path) -> None:
    influx = Influx(tmp_path, retention="3650d")
    try:
        for device in ("fan-00000", "fan-00001"):
            write(influx, f"telemetry,deviceID={device} rotation=1 {AT_NS}")
        write(influx, f"anomaly,deviceID=fan-00000 threshold=1 {AT_NS}")
        with pytest.raises(FanwatchError, match="anomaly: 1 readings were scored and not stored, 0 stored"):
            check_stored(influx.store, SCORED, 2)
        write(influx, f"anomaly,deviceID=fan-00001 threshold=1 {AT_NS}")
        check_stored(influx.store, SCORED, 2)
        write(influx, f"telemetry,deviceID=fan-00001 rotation=1 {AT_NS + 1_000_000}")
        with pytest.raises(FanwatchError, match="telemetry: 0 readings were scored and not stored, 1"):
            check_stored(influx.store, SCORED, 2)
    finally:
        influx.kill()


def write(influx: Influx, line: str) -> None:
    url = f"http://127.0.0.1:{influx.port}/write?db=fanwatch&rp=raw"
    with urllib.request.urlopen(url, data=line.encode(), timeout=10):
        pass
