"""The file of figures has the shape that its readers expect, and the document's tables come from it."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import document, engines, machine, ours, results, tables, targets
from benchmarks.pipeline import single
from benchmarks.probe import Latency
from benchmarks.ways import Way
from fanwatch.errors import FanwatchError
from local.layout import CHECKOUT


def way(per_second: float, lost: int = 0) -> Way:
    return Way(
        readings=1000,
        lost=lost,
        duplicated=2,
        per_second=per_second,
        latency_ms=Latency(2.5, 6.5),
        cpu_us_per_reading={"connector": 40.0, "mosquitto_pub": 15.0},
        rss_mb={"connector": 31.0, "score-fan": 42.0},
    )


@pytest.fixture(scope="module")
def found() -> results.Results:
    return results.Results(
        machine=machine.describe(),
        reference=way(5.0),
        strict=way(880.0),
        batched=way(8700.0, lost=3),
        stored=way(4600.0),
        inference={"litert": engines.Speed(3.1, 9e6)},
        cold_start={"litert": engines.Start(0.12, 40.0)},
        scaling={"10": 150.0, "100": 151.0, "1000": 149.0, "10000": 152.0},
        drain=ours.Drain(100_000, 1000.0, 6000.0, 20.0, 120_000, 0, 0, 31.0),
    )


def test_shape(found: results.Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.write(found, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == [
        *(
            "machine",
            "reference",
            "strict",
            "batched",
            "stored",
            "inference",
            "cold_start",
            "scaling",
            "drain",
        )
    ]
    for name in ("reference", "strict", "batched", "stored"):
        assert set(content[name]) == {
            *("readings", "lost", "duplicated", "per_second", "latency_ms", "cpu_us_per_reading", "rss_mb")
        }
        assert set(content[name]["latency_ms"]) == {"p50", "p99"}
    assert set(content["inference"]["litert"]) == {"p50_us", "rows_per_second"}
    assert set(content["cold_start"]["litert"]) == {"seconds", "rss_mb"}
    assert content["scaling"]["10000"] == 152.0
    assert content["machine"]["cores"] >= 1
    assert results.read(path) == found


def test_what_was_not_measured_is_missing(found: results.Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.write(results.Results(machine=found.machine, strict=found.strict), path)
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["machine", "strict"]
    assert not results.read(path).complete
    assert results.read(path).ratios == {}
    assert found.complete


def test_no_figures_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(FanwatchError, match="make bench"):
        results.read(tmp_path / "missing.json")
    (tmp_path / "half.json").write_text('{"machine": {', encoding="utf-8")
    with pytest.raises(FanwatchError, match="damaged"):
        results.read(tmp_path / "half.json")


def test_ratios_and_targets(found: results.Results) -> None:
    assert found.ratios == {"strict": 176.0, "batched": 1740.0, "stored": 920.0}
    reached = {goal.text: goal.reached for goal in targets.targets(found)}
    assert reached["batched: ≥ 8,000/s"]
    assert reached["batched: ≥ 1,200 × the reference"]
    assert not reached["batched: nothing lost"]
    assert reached["strict: nothing lost"]
    assert reached["cost a reading flat (± 10%), 10 to 10,000 deviceIDs"]


def test_the_document_gets_every_table(found: results.Results) -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    written = document.filled(text, found)
    assert "Not measured." not in written
    assert "| batched | 8,700 | 1,740 |" in written
    assert document.filled(written, found) == written
    placed = set(re.findall(r"<!-- figures: (\w+) -->", text))
    assert placed == {"machine", *(table.name for table in tables.tables(found))}
    outside = re.compile(r"(<!-- figures: \w+ -->\n).*?(<!-- end -->)", re.DOTALL)
    assert outside.sub(r"\1\2", written) == outside.sub(r"\1\2", text)


def test_a_place_for_an_unknown_table(found: results.Results) -> None:
    with pytest.raises(FanwatchError, match="speed"):
        document.filled("<!-- figures: speed -->\n<!-- end -->", found)


def test_strict_is_the_same_stack_without_batches() -> None:
    text = (CHECKOUT / "stack.yml").read_text(encoding="utf-8")
    assert "fanwatch.batch" in text
    assert "fanwatch.batch" not in single(text)
    assert len(text.splitlines()) - len(single(text).splitlines()) == 1
