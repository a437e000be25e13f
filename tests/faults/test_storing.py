"""InfluxDB and Telegraf away: what is scored is stored all the same, once they are back."""

import time

from tests.faults.conftest import Factory, Scale
from tests.support.figures import record
from tests.support.ledger import Fans, identity
from tests.support.runtime import wait_s
from tests.support.wait import until


def test_influxdb_and_telegraf_down_and_back(pipelines: Factory, scale: Scale) -> None:
    pipeline = pipelines(store=True)
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(pipeline.stored, 20, "first points")
        pipeline.kill_and_wait("telegraf")
        pipeline.down("influxd")
        wait_s(time.monotonic(), scale.outage_s / 2)
        pipeline.down("telegraf")
        wait_s(time.monotonic(), scale.outage_s / 2)
        back = time.monotonic()
        pipeline.up("telegraf")
        pipeline.up("influxd")
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s, stored=pipeline.stored)
    recovered_s = time.monotonic() - back
    record("InfluxDB and Telegraf down", counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_telegraf_started_last(pipelines: Factory, scale: Scale) -> None:
    pipeline = pipelines(store=True, collect=False)
    source = pipeline.source
    count = int(scale.rate * scale.outage_s)
    source.flow(Fans(), rate=scale.rate, count=count)
    identity(source, pipeline.witness, timeout_s=scale.drain_s)
    back = time.monotonic()
    pipeline.start_store()
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s, stored=pipeline.stored)
    assert counts.published == count
    recovered_s = time.monotonic() - back
    record("Telegraf started last", counts, recovered_s, pipeline.peak_mb, full=scale.full)
