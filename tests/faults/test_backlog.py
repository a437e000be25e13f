"""A long absence of the gateway: the backlog stays in the broker, and goes while readings keep coming."""

import subprocess
import threading
import time

import pytest

from tests.support.figures import record
from tests.support.ledger import Fans, identity
from tests.support.runtime import Pipeline
from tests.support.wait import until

BACKLOG = 500_000
RATE = 1000
MOST_MB = 150
A_RUN = 50_000
"""Lines for one mosquitto_pub: it takes the last line for confirmed once any message with its 16-bit id is."""


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_backlog_of_500_000(pipeline: Pipeline) -> None:
    source, witness = pipeline.source, pipeline.witness
    pipeline.down("gateway")
    made = [sent._replace(topic="fan/messages") for sent in Fans("old", 100).make(BACKLOG)]
    command = ["mosquitto_pub", "-p", str(pipeline.broker_port), "-q", "1", "-t", "fan/messages", "-l"]
    for start in range(0, BACKLOG, A_RUN):
        lines = b"\n".join(sent.payload for sent in made[start : start + A_RUN])
        subprocess.run(command, input=lines, check=True, timeout=120)
    source.published += made
    until(
        lambda: pipeline.metric("fanwatch_connector_left_total") > 0, 60, "the connector to leave the broker"
    )
    stop = threading.Event()
    arriving = threading.Thread(target=source.flow, args=(Fans("new"),), kwargs={"rate": RATE, "stop": stop})
    arriving.start()
    back = time.monotonic()
    pipeline.up("gateway")
    last = made[-1].key
    try:
        until(lambda: time.sleep(0.2) or last in witness.results, 600, "the backlog's last reading scored")
    finally:
        stop.set()
        arriving.join()
    drained_s = time.monotonic() - back
    per_second = len(witness.results) / drained_s
    counts = identity(source, witness, timeout_s=120)
    print(f"drained at {per_second:,.0f} readings a second while {RATE:,} arrived")
    record(f"gateway away, {BACKLOG:,} queued", counts, drained_s, pipeline.peak_mb, full=True)
    assert pipeline.peak_mb < MOST_MB
