"""A new model put to use in a pipeline that runs: no reading is lost, and results name the version."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.messages import topics
from fanwatch.settings import BrokerSettings
from tests.support.ledger import Key, key_of
from tests.support.listener import Listener
from tests.support.up import ROOT, Machine
from tests.support.wait import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A runtime with a stack.yml, functions and models of its own, and no store."""
    site = tmp_path / "site"
    for name in ("functions", "models"):
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Without forecast-fan, which has no store to read here.
    text = (ROOT / "stack.yml").read_text(encoding="utf-8")
    (site / "stack.yml").write_text(
        re.sub(r"\n  forecast-fan:\n(?: {4}.*\n|\n)*", "\n", text), encoding="utf-8"
    )
    machine = Machine(tmp_path / "state", FANWATCH_STACK=str(site / "stack.yml"), FANWATCH_NO_STORE="true")
    up = machine.up()
    try:
        up.until_said("First result")
        yield machine
    finally:
        up.end()


def test_a_model_is_taken_over_while_readings_flow(machine: Machine, tmp_path: Path) -> None:
    site = Path(machine.environment["FANWATCH_STACK"]).parent
    with Listener(
        BrokerSettings(broker_port=machine.broker),
        topics.READINGS,
        "fan/+/messages",
        topics.RESULTS,
        "dead-letter/#",
    ) as listener:
        listener.wait(10)
        moved = machine.command(
            "threshold",
            "--model",
            str(site / "models/fan-anomaly/1"),
            "--out",
            str(tmp_path / "moved"),
            "--value",
            "0.9",
        )
        assert moved.returncode == 0, moved.stderr
        used = machine.command("model", "use", str(tmp_path / "moved"))
        assert used.returncode == 0, used.stderr
        assert "infer-fan-lite is fan-anomaly@2" in used.stdout, used.stdout
        models: dict[Key, str] = {}
        published: set[Key] = set()

        def all_scored() -> bool:
            for topic, payload in list(listener.got):
                assert not topic.startswith("dead-letter/"), payload
                if topic == topics.RESULTS:
                    models[key_of(payload)] = json.loads(payload)["model"]
                else:
                    published.add(key_of(payload))
            return "fan-anomaly@2" in models.values()

        until(all_scored, 30, "a result of the new model")
        wanted = set(published)
        until(lambda: all_scored() and wanted <= models.keys(), 30, "a result for every reading")
        assert set(models.values()) == {"fan-anomaly@1", "fan-anomaly@2"}
        # Once the new one has answered, the old one does not again.
        first = min(time for (_, time), model in models.items() if model == "fan-anomaly@2")
        late = [
            time for (_, time), model in models.items() if model == "fan-anomaly@1" and time > first + 5000
        ]
        assert late == []
