"""kill -9 of every part on a reading's way, while readings flow."""

import pytest

from tests.faults.conftest import Scale
from tests.support.figures import record
from tests.support.ledger import Fans, identity, longest_pause_s
from tests.support.runtime import Pipeline
from tests.support.wait import until

NAMES = {
    "connector": "connector",
    "fn-score-fan": "score-fan",
    "fn-infer-fan-lite": "infer-fan-lite",
    "gateway": "gateway",
}


@pytest.mark.parametrize("part", NAMES)
def test_a_killed_part_loses_nothing(pipeline: Pipeline, scale: Scale, part: str) -> None:
    kills, readings, rate = (20, 20_000, 300) if scale.full else (3, 800, scale.rate)
    source = pipeline.source
    with source.flowing(Fans(), rate, readings):
        for number in range(1, kills + 1):
            # Spread over the readings, so that some are on their way at each.
            due = number * readings // (kills + 1)
            until(lambda due=due: len(source.published) >= due, 120, "readings to flow")
            # Some are always in calls under way when it dies.
            frozen = pipeline.freeze("fn-infer-fan-lite")
            due = min(readings, due + int(rate / 5))
            until(lambda due=due: len(source.published) >= due, 10, "readings to pile up")
            before = pipeline.pids(part)
            pipeline.kill(part)
            pipeline.thaw(frozen)
            pipeline.replaced(part, before)
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    assert counts.published == readings
    pause_s = longest_pause_s(pipeline.witness)
    record(f"{NAMES[part]} killed {kills} times", counts, pause_s, pipeline.peak_mb, full=scale.full)
