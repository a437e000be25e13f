"""kill -9 of every part on a reading's way, while readings flow."""

import threading
import time

import pytest

from tests.faults.conftest import Scale
from tests.support.ledger import Fans, identity
from tests.support.pipeline import Pipeline
from tests.support.wait import until


@pytest.mark.parametrize("part", ["connector", "fn-score-fan", "fn-infer-fan-lite", "gateway"])
def test_a_killed_part_loses_nothing(pipeline: Pipeline, scale: Scale, part: str) -> None:
    kills, readings = (20, 20_000) if scale.full else (3, 1200)
    fans, source = Fans(), pipeline.source
    assert source is not None
    flow = threading.Thread(
        target=source.flow, kwargs={"fans": fans, "rate": scale.rate, "seconds": readings / scale.rate}
    )
    flow.start()
    for number in range(1, kills + 1):
        # Spread over the readings, and never before some of them are on their way since the last kill.
        until(lambda n=number: len(source.published) >= n * readings // (kills + 1), 60, "readings to flow")
        pipeline.kill_and_wait(part)
    flow.join()
    began = time.monotonic()
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    print(part, counts, f"settled after {time.monotonic() - began:.1f} s, peak {pipeline.peak_mb:.0f} MB")
