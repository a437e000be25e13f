"""Who is well and who is not judged, on the fleet's dashboard: no fan is fine without a verdict that counts."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards import queries
from dashboards.page import FLEET
from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.forecast_service.clock import Clock
from fanwatch.store.influx import Store, point
from tests.support import grafana
from tests.support.grafana_frames import table
from tests.support.influx import Influx

NOW_MS = time.time_ns() // 1_000_000
MINUTE_MS = 60_000
WELL, NEW, STOOD, UNKNOWN, FAULTY, WARNED = "fan-01", "fan-02", "fan-03", "fan-04", "fan-05", "fan-06"
SAID: dict[str, dict[str, Any]] = {
    WELL: {"severity": 0, "risk": 0.02},
    STOOD: {"severity": 1, "why": "It last began to turn"},
    UNKNOWN: {"severity": 1},
    FAULTY: {"severity": 0, "risk": 0.02},
    WARNED: {"severity": 3, "risk": 0.6},
}
"""By fan, what forecast-fan said last; of fan-02 nothing."""
_SUMMARY = ("fans", "episodes", "published", "rebuilt", "behind", "failed", "seconds")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    started = Influx(Path(tmp_path_factory.mktemp("judged")) / "influxdb")
    points = []
    for fan in (WELL, NEW, STOOD, UNKNOWN, FAULTY, WARNED):
        for back_s in range(1, 150, 5):
            at_ns = (NOW_MS - back_s * 1000) * 1_000_000
            points.append(point("telemetry", {"deviceID": fan}, {"rotation": 600.0}, at_ns))
            result = {"fault": int(fan == FAULTY), "probability": 0.1, "quality": "ok"}
            points.append(point("anomaly", {"deviceID": fan}, result, at_ns))
    for fan, said in SAID.items():
        at_ns = (NOW_MS - 3_600_000) * 1_000_000
        points.append(point("alarm", {"deviceID": fan}, {"state": "x", "why": "y", **said}, at_ns))
        points.append(point("anomaly", {"deviceID": fan}, {"alarm_severity": said["severity"]}, at_ns))
    started.store.write(points)
    yield started.store
    started.kill()


def judged(store: Store, age_ms: int) -> None:
    """forecast-fan ran last so long ago."""
    Clock(store, NOW_MS - age_ms, NOW_MS - age_ms).record(store, dict.fromkeys(_SUMMARY, 0))


def value(store: Store, query: str) -> int:
    rows = store.query(query.replace("now()", f"{NOW_MS}ms"))
    return int(rows[0]["fans"]) if rows else 0


def test_nobody_is_well_once_forecast_fan_has_stopped(store: Store) -> None:
    judged(store, VERDICT_S * 1000 + MINUTE_MS)
    assert (value(store, queries.well_fans()), value(store, queries.unjudged_fans())) == (0, 5)


def test_who_is_well_and_who_is_not_judged_is_counted(store: Store) -> None:
    judged(store, 5 * MINUTE_MS)
    assert (value(store, queries.well_fans()), value(store, queries.unjudged_fans())) == (1, 3)
    assert value(store, queries.faulty_fans()) == 1


def test_the_table_calls_nobody_fine_who_has_no_verdict(store: Store) -> None:
    panel = grafana.panel(grafana.dashboard(FLEET), "What needs a person first")
    found = grafana.run(store, panel, range_ms=3_600_000, variables={}, now_ms=NOW_MS)
    needs = {row["Fan"]: int(row["Needs"]) for row in table(panel, found)[1]}
    assert needs == {
        WELL: queries.FINE, NEW: queries.UNJUDGED, STOOD: queries.UNJUDGED, UNKNOWN: queries.UNJUDGED,
        FAULTY: queries.FAULTY, WARNED: queries.WARNED,
    }  # fmt: skip
