"""What the terminal calls stored: points of this run, those of days that were played in among them."""

import time
from pathlib import Path

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import point
from local.store_startup import Stored
from tests.support.influx import Influx

HOUR_NS = 3600 * 10**9


def test_the_days_that_are_played_in_count_and_those_of_earlier_runs_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    influx = Influx(tmp_path / "influxdb")
    try:
        start_ns = time.time_ns()

        def write(measurement: str, field: dict[str, object], *ages_h: float) -> None:
            influx.store.write(
                point(measurement, {"deviceID": "fan-01"}, field, start_ns - int(age * HOUR_NS))
                for age in ages_h
            )

        counted = Stored(StoreSettings(influx_url=influx.store.url), start_ns, start_ns - 7 * 24 * HOUR_NS)
        write("anomaly", {"quality": "ok"}, 1.5, 2.5, 3.5)
        write("telemetry", {"rotation": 600.0}, 1.5)
        assert counted.counts() == {"telemetry": 0, "anomaly": 0, "dead_letter": 0}
        counted.begin()
        write("anomaly", {"quality": "ok"}, 5, 6, 7, 8, -0.001, -0.002)
        write("telemetry", {"rotation": 600.0}, 1.5, 5, -0.001)
        assert counted.counts() == {"telemetry": 2, "anomaly": 6, "dead_letter": 0}
        # Once nothing more comes of them, the days before are counted seldom, and what happens now each time.
        later = time.monotonic() + 61
        monkeypatch.setattr("local.store_startup.time.monotonic", lambda: later)
        write("anomaly", {"quality": "ok"}, 9, -0.003)
        assert counted.counts() == {"telemetry": 2, "anomaly": 7, "dead_letter": 0}
        influx.kill()
        assert counted.counts() is None
    finally:
        influx.kill()
