"""The same on a real InfluxDB 2, where INFLUXD2 in the environment names its influxd; nobody else has one at hand."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from history.setup import setup
from tests.support.history import DAY_MS, Record
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

_INFLUXD2 = os.environ.get("INFLUXD2", "")
pytestmark = pytest.mark.skipif(not _INFLUXD2, reason="INFLUXD2 names no influxd of InfluxDB 2")


@pytest.fixture
def v2(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings that name a new one, with an organization and a token."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        _INFLUXD2, "--reporting-disabled", "--http-bind-address", f"127.0.0.1:{port}",
        "--bolt-path", str(tmp_path / "bolt"), "--sqlite-path", str(tmp_path / "sqlite"),
        "--engine-path", str(tmp_path / "engine"),
    ]  # fmt: skip
    process = Process(argv, tmp_path / "influxd.log", {}, tmp_path)
    until(lambda: process.alive() and Store(StoreSettings(influx_url=url)).ready(), 60, "InfluxDB 2")
    (tmp_path / "token").write_text("s3cret", encoding="ascii")
    first = {"username": "a", "password": "password", "org": "edge", "bucket": "first", "token": "s3cret"}
    request = urllib.request.Request(f"{url}/api/v2/setup", json.dumps(first).encode())
    urllib.request.urlopen(request, timeout=20).close()
    yield {
        "FANWATCH_INFLUX_URL": url,
        "FANWATCH_INFLUX_ORG": "edge",
        "FANWATCH_INFLUX_TOKEN_FILE": str(tmp_path / "token"),
    }
    process.kill()


def test_set_up_once_and_altered(v2: dict[str, str]) -> None:
    assert len(setup(v2)) == 4
    assert setup(v2) == []
    assert setup(v2 | {"FANWATCH_MEANS_RETENTION": "10d"}) == ["altered bucket fanwatch/means: 264 h"]


def test_means_are_those_of_the_points_early_and_late(v2: dict[str, str]) -> None:
    setup(v2)
    settings = StoreSettings(
        influx_url=v2["FANWATCH_INFLUX_URL"], influx_token_file=v2["FANWATCH_INFLUX_TOKEN_FILE"]
    )
    record = Record(Store(settings))
    now = time.time_ns() // 10**6
    for fan in ("fan-01", "fan-02"):
        record.add(fan, range(now - 6 * DAY_MS, now, 60_000))
    record.rollup.run()
    record.check()
    assert record.rollup.run().points == 0
    late = [now - 5 * DAY_MS + 1]
    record.add("fan-01", late)
    record.add("fan-03", late, model="fan-anomaly@2")
    for fan in ("fan-01", "fan-03"):
        record.mark(fan, late, seen=now)
    assert record.rollup.run().late_fans == 2
    record.check()
    assert record.rollup.run().late_fans == 0
