"""The broker stops, dies or forgets."""

import itertools
import time

import pytest

from fanwatch.settings import ConnectorSettings
from tests.faults.conftest import Factory, Scale
from tests.support.figures import record
from tests.support.ledger import Fans, check, identity, recovery_s
from tests.support.runtime import Pipeline, wait_s
from tests.support.wait import until

AUTOSAVE_S = 2.0
"""Of infra/mosquitto's autosave_interval 1: Mosquitto counts whole seconds, and saves once more than one has passed."""

SAVING_S = 1.0
"""For the write itself, which takes longer the more is queued."""


def test_a_broker_stopped_with_a_backlog_and_started_again(pipeline: Pipeline, scale: Scale) -> None:
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        pipeline.down("gateway")
        wait_s(time.monotonic(), scale.outage_s / 2)
        assert len(source.confirmed_at) - len(pipeline.witness.results) > scale.rate * scale.outage_s / 4
        pipeline.down("mosquitto")
        wait_s(time.monotonic(), scale.outage_s / 2)
        back = time.monotonic()
        pipeline.up("mosquitto")
        pipeline.up("gateway")
        until(pipeline.ready, 20, "the connector")
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    assert pipeline.metric("fanwatch_connector_sessions_lost_total") == 0
    recovered_s = recovery_s(source, pipeline.witness, back)
    record("broker stopped with a backlog", counts, recovered_s, pipeline.peak_mb, full=scale.full)


@pytest.mark.parametrize("away", ["connector", "gateway"])
@pytest.mark.parametrize(("durable", "rate"), [("", None), ("true", 50)], ids=["autosave", "durable"])
def test_a_killed_broker_loses_no_more_than_its_window(
    pipelines: Factory, scale: Scale, durable: str, rate: float | None, away: str
) -> None:
    pipeline = pipelines(environment={"FANWATCH_BROKER_DURABLE": durable})
    source, witness = pipeline.source, pipeline.witness
    with source.flowing(Fans(), rate or scale.rate):
        until(lambda: witness.results, 20, "first results")
        # The backlog is the broker's alone while the connector is away, and the connector's too without a gateway.
        pipeline.down(away)
        wait_s(time.monotonic(), scale.outage_s)
        killed = time.monotonic()
        pipeline.kill_and_wait("mosquitto")
        pipeline.up(away)
        until(pipeline.ready, 20, "the connector")
        back = time.monotonic()
    source.confirm(scale.drain_s)
    # Once the newest is scored, the backlog before it has had its turn.
    last = source.published[-1].key
    until(lambda: last in witness.scored, scale.drain_s, "the newest reading scored")
    until(lambda: time.monotonic() - witness.last_at > 1.0, scale.drain_s, "results to cease")
    window_s = 0.2 if durable else AUTOSAVE_S + SAVING_S
    risked = {key for key, at in source.confirmed_at.items() if killed - window_s < at < killed + 1.0}
    counts = check(source, witness, missing=risked)
    if away == "gateway":
        # The connector holds as many in memory; they were not lost with the broker's.
        assert counts.lost == 0 or scale.full
    recovered_s = recovery_s(source, witness, back)
    name = f"broker killed, {'durable' if durable else 'autosave 1 s'}, {away} away"
    record(name, counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_a_broker_that_lost_its_sessions(pipelines: Factory, scale: Scale) -> None:
    pipeline = pipelines(store=True)
    source, witness = pipeline.source, pipeline.witness
    with source.flowing(Fans("old"), scale.rate):
        until(lambda: witness.results, 20, "first results")
        pipeline.down("gateway")
        wait_s(time.monotonic(), scale.outage_s / 2)
        # More than the connector takes into memory: what only the broker had is what it loses.
        source.put(Fans("flood").make(3 * ConnectorSettings().connector_held))
        source.confirm(scale.drain_s)
        pipeline.down("mosquitto")
        (pipeline.layout.state / "mosquitto" / "mosquitto.db").unlink()
        back = time.monotonic()
        pipeline.up("mosquitto")
        until(
            lambda: pipeline.metric("fanwatch_connector_sessions_lost_total") == 1,
            50,
            "the loss to be counted",
        )
        pipeline.up("gateway")
        until(pipeline.ready, 20, "the connector")
    assert "had lost this session" in pipeline.log("connector")
    source.confirm(scale.drain_s)
    ready_s = time.monotonic() - back
    for number in itertools.count():
        # Telegraf comes back within its max_reconnect_interval; a reading of a fan of its own shows when.
        probe = Fans(f"probe{number}", 1).make(1)
        source.put(probe)
        until(lambda probe=probe: probe[0].key in witness.scored, 20, "a reading after the loss")
        wait_s(time.monotonic(), 1.2)
        if probe[0].key in pipeline.stored():
            break
        assert number < 15, "Telegraf has not come back"
    old = source.keys
    source.flow(Fans("new"), rate=scale.rate, count=int(scale.rate * scale.outage_s / 2))
    source.confirm()
    new = source.keys - old
    until(lambda: new <= witness.scored, scale.drain_s, "every reading after the loss scored")
    until(lambda: new <= pipeline.stored(), scale.drain_s, "and stored")
    counts = check(source, witness, missing=old)
    assert counts.lost >= ConnectorSettings().connector_held, "hardly anything was lost, so nothing was tried"
    record("broker without its session store", counts, ready_s, pipeline.peak_mb, full=scale.full)
