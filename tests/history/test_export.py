"""What is exported is what trainings read: every reading once, in bounded memory, whole or not at all."""

import csv
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.labels import COLUMNS
from fanwatch.errors import FanwatchError
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store, point
from history import export as exporting
from history.command import export as command
from history.export import HEADER, READINGS, export
from tests.support.http_stub import HttpStub, Reply
from tests.support.influx import Influx
from training.forecast.history import read

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
FANS = ("a", "b", "c")

Cells = list[list[str]]


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One server for all of these."""
    started = Influx(tmp_path_factory.mktemp("export"))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def begin_ms(influx: Influx) -> int:
    """When three fans began to send a reading every two minutes, all at the same time, for a day."""
    begin_ms = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 2 * DAY_MS
    influx.store.write(_lines(begin_ms, begin_ms + DAY_MS))
    return begin_ms


def _lines(first_ms: int, last_ms: int) -> Iterator[str]:
    for at_ms in range(first_ms, last_ms, 2 * MINUTE_MS):
        for number, fan in enumerate(FANS):
            values = {
                "rotation": 600.0 + number,
                "temperature": 40 + (at_ms % HOUR_MS) / HOUR_MS,
                "vibration": 150.5,
                "sound": 48.0,
            }
            yield point("telemetry", {"deviceID": fan}, dict(values), at_ms * 1_000_000)


def _rows(directory: Path) -> Cells:
    header, *rows = csv.reader((directory / READINGS).read_text(encoding="utf-8").splitlines())
    assert header == list(HEADER)
    return rows


@pytest.mark.parametrize("page", [2, 7, 20_000])
def test_every_reading_once_in_order_whatever_a_page_holds(
    influx: Influx, begin_ms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """A page may end among readings of one time, of which there are more than it holds."""
    monkeypatch.setattr(exporting, "_ROWS", page)
    end_ms = begin_ms + (DAY_MS if page > 10 else HOUR_MS)
    said: list[tuple[int, int]] = []
    done = export(influx.store, tmp_path, begin_ms, end_ms, say=lambda *progress: said.append(progress))
    rows = _rows(tmp_path)
    assert done == (tmp_path / READINGS, len(rows), 3, begin_ms, end_ms - 2 * MINUTE_MS)
    expected = [
        [fan, format_ms(at_ms), repr(600.0 + number), repr(40 + (at_ms % HOUR_MS) / HOUR_MS), "150.5", "48.0"]
        for at_ms in range(begin_ms, end_ms, 2 * MINUTE_MS)
        for number, fan in enumerate(FANS)
    ]
    assert rows == expected
    assert said[-1] == (end_ms - begin_ms, end_ms - begin_ms)
    assert os.listdir(tmp_path) == [READINGS]


def test_training_reads_it_beside_what_people_found(influx: Influx, begin_ms: int, tmp_path: Path) -> None:
    export(influx.store, tmp_path, begin_ms, begin_ms + DAY_MS)
    with (tmp_path / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS, ("b", format_ms(begin_ms + HOUR_MS), "", "", "fault", "bearing")])
    history = read(tmp_path)
    assert history.devices == list(FANS)
    assert len(history.time_ms) == 3 * DAY_MS // (2 * MINUTE_MS)
    assert (history.time_ms[0], history.time_ms[-1]) == (begin_ms, begin_ms + DAY_MS - 2 * MINUTE_MS)
    assert history.values[4].tolist() == [601.0, 40 + 2 / 60, 150.5, 48.0]
    [fault] = history.faults
    assert (history.devices[fault.fan], fault.start_ms, fault.mode) == ("b", begin_ms + HOUR_MS, "bearing")
    assert sum(1 for _ in history.bins()) == 144


@pytest.mark.parametrize("page", [4, 20_000])
def test_thinned_it_has_the_first_reading_of_each_time(
    influx: Influx, begin_ms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(exporting, "_ROWS", page)
    export(influx.store, tmp_path, begin_ms + 1, begin_ms + 4 * HOUR_MS, every_ms=HOUR_MS)
    assert [row[:4] for row in _rows(tmp_path)] == [
        [fan, format_ms(begin_ms + hour * HOUR_MS), repr(600.0 + number), "40.0"]
        for hour in (1, 2, 3)
        for number, fan in enumerate(FANS)
    ]


@pytest.mark.parametrize("every_ms", [None, 10 * MINUTE_MS])
def test_a_second_run_replaces_or_goes_on(
    influx: Influx, begin_ms: int, tmp_path: Path, every_ms: int | None
) -> None:
    middle_ms, end_ms = begin_ms + 2 * HOUR_MS, begin_ms + 5 * HOUR_MS
    export(influx.store, tmp_path, begin_ms, end_ms, every_ms=every_ms)
    whole = _rows(tmp_path)
    export(influx.store, tmp_path, begin_ms, middle_ms, every_ms=every_ms)
    assert _rows(tmp_path) == [row for row in whole if row[1] < format_ms(middle_ms)]
    export(influx.store, tmp_path, begin_ms, end_ms, every_ms=every_ms, append=True)
    assert _rows(tmp_path) == whole
    with pytest.raises(FanwatchError, match="holds no reading since"):
        export(influx.store, tmp_path, begin_ms, end_ms, every_ms=every_ms, append=True)
    assert _rows(tmp_path) == whole
    (tmp_path / READINGS).write_text("DeviceID,Time,Sound\nfan-01,2026-01-01 00:00:00,48\n", encoding="utf-8")
    with pytest.raises(FanwatchError, match="was not written by"):
        export(influx.store, tmp_path, begin_ms, end_ms, append=True)


def test_a_store_that_goes_away_in_the_middle_leaves_what_was_there(
    influx: Influx, begin_ms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(influx.store, tmp_path, begin_ms, begin_ms + HOUR_MS)
    before = (tmp_path / READINGS).read_bytes()
    page = {
        "name": "telemetry",
        "columns": ["time", "rotation", "temperature", "vibration", "sound", "deviceID"],
    }
    monkeypatch.setattr(exporting, "_ROWS", 1)
    stub = HttpStub()
    try:
        answer = page | {"values": [[begin_ms * 1_000_000, 600.0, 40.0, 150.0, 48.0, "a"]]}
        body = json.dumps({"results": [{"series": [answer]}]}).encode()
        stub.answer = lambda _request: Reply(200, body) if len(stub.requests) < 3 else Reply(hang_up=True)
        away = Store(StoreSettings(influx_url=stub.url, influx_timeout=5))
        with pytest.raises(FanwatchError, match="does not answer"):
            export(away, tmp_path, begin_ms, begin_ms + DAY_MS)
    finally:
        stub.close()
    assert (tmp_path / READINGS).read_bytes() == before
    assert os.listdir(tmp_path) == [READINGS]


def test_the_command_says_what_it_wrote_and_what_belongs_beside_it(
    influx: Influx, begin_ms: int, tmp_path: Path
) -> None:
    environment = {"FANWATCH_INFLUX_URL": influx.store.url}
    out = tmp_path / "mine" / "fleet"
    text = command(environment, out, days=7, every="1h", append=False, say=lambda done, total: None)
    assert f"72 readings of 3 fans, from {format_ms(begin_ms)} to" in text
    assert f"fanwatch labels export --out {out / 'events.csv'}" in text
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FanwatchError, match="cannot be written"):
        command(
            environment, tmp_path / "file", days=7, every=None, append=False, say=lambda done, total: None
        )
    with pytest.raises(FanwatchError, match="--every"):
        command(environment, out, days=7, every="often", append=False, say=lambda done, total: None)
