"""What functions can do to readings: die of one, be deployed anew, see one twice."""

import time
from pathlib import Path

from tests.faults.conftest import Factory, Scale
from tests.support.figures import record
from tests.support.ledger import Fans, Sent, identity, longest_pause_s, reading, recovery_s
from tests.support.runtime import Pipeline
from tests.support.wait import until

POISONED = """
import os

from functions.score_fan.handler import handle as score, warm

def handle(event, context):
    if b"poisoned" in event.body:
        os._exit(1)
    return score(event, context)
"""


def test_a_reading_that_kills_its_function_each_time(
    pipelines: Factory, scale: Scale, tmp_path: Path
) -> None:
    handler = tmp_path / "poisoned_score"
    handler.mkdir()
    (handler / "handler.py").write_text(POISONED, encoding="utf-8")
    pipeline = pipelines(stack=lambda text: text.replace("./functions/score_fan", f"../{handler.name}"))
    source = pipeline.source
    fans = Fans()
    with source.flowing(fans, scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        began = time.monotonic()
        [bad] = Fans("bad", 1).make(1)
        source.put([Sent(bad.key, bad.topic, reading(*bad.key, note="poisoned"))])
        until(lambda: pipeline.witness.letters, 90, "the poisonous reading's dead letter")
        over = time.monotonic()
    counts = identity(source, pipeline.witness, dead=[bad.key], timeout_s=scale.drain_s)
    [letter] = pipeline.witness.letters
    assert (letter["reason"], letter["attempts"]) == ("unscorable", 8)
    print(f"rejected after {over - began:.1f} s")
    recovered_s = recovery_s(source, pipeline.witness, over)
    record("a reading that kills score-fan", counts, recovered_s, pipeline.peak_mb, full=scale.full)


def test_functions_deployed_anew_while_readings_arrive(pipeline: Pipeline, scale: Scale) -> None:
    source = pipeline.source
    deploys = 5 if scale.full else 1
    with source.flowing(Fans(), scale.rate):
        until(lambda: pipeline.witness.results, 20, "first results")
        for number in range(deploys):
            before = {part: pipeline.groups(part) for part in ("fn-score-fan", "fn-infer-fan-lite")}
            text = pipeline.stack.read_text(encoding="utf-8")
            text = (
                text.replace('max_inflight: "', f'MARK: "{number}"\n      max_inflight: "')
                if not number
                else (text.replace(f'MARK: "{number - 1}"', f'MARK: "{number}"'))
            )
            pipeline.stack.write_text(text, encoding="utf-8")
            for part, old in before.items():
                until(
                    lambda part=part, old=old: len(now := pipeline.groups(part)) == 1 and now != old,
                    40,
                    f"another generation of {part} alone",
                )
    counts = identity(source, pipeline.witness, timeout_s=scale.drain_s)
    pause_s = longest_pause_s(pipeline.witness)
    record(f"functions deployed anew {deploys} times", counts, pause_s, pipeline.peak_mb, full=scale.full)


def test_a_reading_published_twice_is_one_point(pipelines: Factory) -> None:
    pipeline = pipelines(store=True)
    source = pipeline.source
    made = Fans().make(200)
    source.put(made)
    source.put(made)
    counts = identity(source, pipeline.witness, stored=pipeline.stored)
    until(lambda: pipeline.witness.duplicated == len(made), 10, "both results of each")
    assert counts.published == counts.scored == len(made)
