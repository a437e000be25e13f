"""Something on a reading's way is away, slow or talks nonsense: no dead letters, no busy loop, all is scored."""

import time
from pathlib import Path

import pytest

from tests.faults.conftest import FULL, SHORT, Factory, Scale
from tests.support import scripted
from tests.support.figures import record
from tests.support.ledger import Fans, identity, recovery_s
from tests.support.runtime import Pipeline, wait_s
from tests.support.wait import until

CALLS_A_SECOND = 12
"""Of both workers together, while the gateway answers at once with a failure; a busy loop makes thousands."""

ANSWERS = {
    "404": scripted.NOT_FOUND,
    "405": scripted.NOT_ALLOWED,
    "429": scripted.TOO_MANY,
    "500": scripted.FAILED,
    "a reset in mid-response": scripted.RESET,
}


LONG = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("scale", "what"),
    [
        # The others, for a short time: tests/connectors.
        pytest.param(SHORT, "404", id="short-404"),
        pytest.param(SHORT, "a reset in mid-response", id="short-reset"),
        *(pytest.param(FULL, what, id=f"full-{what}", marks=LONG) for what in ANSWERS),
    ],
)
def test_a_gateway_that_answers_with_a_failure(pipeline: Pipeline, scale: Scale, what: str) -> None:
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        pipeline.down("gateway")
        began = time.monotonic()
        trouble = scripted.ScriptedGateway([], lambda _call: ANSWERS[what], pipeline.gateway_port)
        until(lambda: pipeline.metric("fanwatch_connector_breaker_open") == 1, 10, "the breaker to open")
        calls = pipeline.metric("fanwatch_connector_calls_total")
        counting = time.monotonic()
        wait_s(began, scale.outage_s)
        made = pipeline.metric("fanwatch_connector_calls_total") - calls
        assert 0 < made / (time.monotonic() - counting) < CALLS_A_SECOND
        trouble.close()
        back = time.monotonic()
        pipeline.up("gateway")
        until(lambda: pipeline.metric("fanwatch_connector_breaker_open") == 0, 20, "the breaker to close")
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    recovered_s = recovery_s(source, pipeline.witness, back)
    record(f"gateway answers {what}", counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_a_gateway_that_is_down(pipeline: Pipeline, scale: Scale) -> None:
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        pipeline.down("gateway")
        wait_s(time.monotonic(), scale.outage_s)
        back = time.monotonic()
        pipeline.up("gateway")
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    recovered_s = recovery_s(source, pipeline.witness, back)
    record("gateway down", counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_inference_that_hangs(pipeline: Pipeline, scale: Scale) -> None:
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        frozen = pipeline.freeze("fn-infer-fan-lite")
        wait_s(time.monotonic(), scale.outage_s + 2)
        back = time.monotonic()
        pipeline.thaw(frozen)
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    recovered_s = recovery_s(source, pipeline.witness, back)
    record("inference hangs", counts, recovered_s, pipeline.peak_mb, full=scale.full)


SLOW = """
import time
from pathlib import Path

from functions.infer_fan.handler import handle as decide

MARK = Path(__file__).with_name("slow")

def handle(event, context):
    if MARK.exists():
        time.sleep(10)
    return decide(event, context)
"""


def test_inference_that_takes_10_seconds(pipelines: Factory, scale: Scale, tmp_path: Path) -> None:
    handler = tmp_path / "slow_infer"
    handler.mkdir()
    (handler / "handler.py").write_text(SLOW, encoding="utf-8")

    def changed(text: str) -> str:
        before, after = text.split("  infer-fan-lite:\n")
        after = after.replace("./functions/infer_fan", f"../{handler.name}")
        return f"{before}  infer-fan-lite:\n{after}".replace('handler_threads: "0"', 'handler_threads: "4"')

    pipeline = pipelines(stack=changed)
    source = pipeline.source
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        (handler / "slow").touch()
        wait_s(time.monotonic(), scale.outage_s + 2)
        back = time.monotonic()
        (handler / "slow").unlink()
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    recovered_s = recovery_s(source, pipeline.witness, back)
    record("inference takes 10 s", counts, recovered_s, pipeline.peak_mb, full=scale.full)
