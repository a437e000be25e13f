"""The readings of the benchmark are distinct, acceptable, and in the file what `keys` says they are."""

import json
import time
from pathlib import Path

import pytest

from benchmarks.load import Readings
from fanwatch.messages import topics
from fanwatch.messages.reading import parse_from_topic
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import ReadingSettings

DAY_MS = 86_400_000


def in_file(readings: Readings) -> list[str]:
    lines = [json.loads(line) for line in readings.path.read_bytes().splitlines()]
    return [f"{line['deviceID']} {line['timeStamp']}" for line in lines]


@pytest.mark.parametrize(("devices", "count"), [(1, 2000), (7, 1000), (100, 950), (10_000, 10_001)])
def test_keys_are_those_of_the_file(tmp_path: Path, devices: int, count: int) -> None:
    readings = Readings(tmp_path / "r", devices=devices, count=count, start_ms=1_790_000_000_000)
    keys = in_file(readings)
    assert len(keys) == len(set(keys)) == count
    assert readings.keys(0, count) == set(keys)
    assert readings.keys(3, count - 5) == set(keys[3 : count - 5])
    assert len({key.split()[0] for key in keys}) == min(devices, count)
    assert all(key.split()[1] < format_ms(readings.end_ms) for key in keys)


def test_every_reading_is_accepted(tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    readings = Readings(tmp_path / "r", devices=10, count=12_000, start_ms=now_ms - DAY_MS)
    rules = ReadingSettings().rules
    for line in readings.path.read_bytes().splitlines():
        assert len(line) + 1 == readings.line_bytes
        parse_from_topic(topics.READINGS, line, rules, now_ms)
