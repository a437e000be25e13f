"""A file that one command takes, every other takes: score, the page and both trainings read by the same rules."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanwatch.errors import FanwatchError
from fanwatch.messages import ndjson
from fanwatch.messages.reading import faults, parse
from fanwatch.messages.timestamps import format_ms, parse_ms, parse_written, zone
from fanwatch.settings import ReadingSettings
from training import table
from training.forecast import history

RULES = ReadingSettings().rules
HEADER = "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty"
START = datetime(2026, 10, 1)
START_MS = parse_ms("2026-10-01T00:00:00Z", zone("UTC"))


def rows(write: Callable[[datetime], str], device: str = "fan-0{}", values: str = "600,40,150,48") -> str:
    """A file as people bring it, a row each ten minutes."""
    made = [
        f"{device.format(i % 3)},{write(START + timedelta(minutes=10 * i))},{values},{i % 2}"
        for i in range(120)
    ]
    return "\n".join([HEADER, *made]) + "\n"


def plain(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


PLAIN = rows(plain)
TAKEN = {
    "plain": PLAIN,
    "RFC 3339": rows(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),
    "offset": rows(lambda at: f"{at:%Y-%m-%dT%H:%M:%S+0000}"),
    "pandas, zone": rows(lambda at: f"{at:%Y-%m-%d %H:%M:%S+00:00}"),
    "pandas, fraction": rows(lambda at: f"{at:%Y-%m-%d %H:%M:%S.000000}"),
    "no zone": rows(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}"),
    "minutes": rows(lambda at: f"{at:%Y-%m-%d %H:%M}"),
    "columns in another case": PLAIN.replace(HEADER, HEADER.lower()),
    "columns as on the wire": PLAIN.replace("DeviceID,Time", "deviceID,timeStamp"),
    "mark, CRLF, empty lines": "\ufeff\n" + PLAIN.replace("\n", "\r\n") + ",,,,,,\r\n\r\n",
    "quotes": PLAIN.replace("fan-00", '"fan-00"'),
    "milliseconds": rows(lambda at: str(int(at.replace(tzinfo=UTC).timestamp()) * 1000)),
    "seconds": rows(lambda at: str(int(at.replace(tzinfo=UTC).timestamp()))),
}
REFUSED = {
    "days since 1900": rows(lambda at: f"{46296 + at.hour / 24:.5f}"),
    "day first": rows(lambda at: f"{at:%d.%m.%Y %H:%M}"),
    "no such day": PLAIN.replace("2026-10-01 00:10", "2026-02-30 00:10"),
    "hour 24": PLAIN.replace("2026-10-01 00:10", "2026-10-01 24:00"),
    "names with blanks": rows(plain, device="L\u00fcfter Halle {}"),
    "MAC addresses": rows(plain, device="AA:BB:CC:00:11:2{}"),
    "long names": rows(plain, device="f" * 64 + "{}"),
    "no name": rows(plain, device=""),
    "decimal commas": rows(plain, values='"600,5",40,150,48'),
    "text": rows(plain, values="fast,40,150,48"),
    "nan": rows(plain, values="nan,40,150,48"),
    "1e999": rows(plain, values="600,40,150,1e999"),
    "nothing": rows(plain, values="600,,150,48"),
    "unit": rows(plain, values="600 rpm,40,150,48"),
    "semicolons": PLAIN.replace(",", ";"),
    "no column": PLAIN.replace("Sound", "Noise"),
    "column twice": PLAIN.replace("Faulty", "sound"),
    "short row": PLAIN + "fan-01,2026-10-03 00:00:00,600\n",
    "open quote": PLAIN + '"fan-01,2026-10-03 00:00:00,600,40,150,48,0\n',
    "long line": PLAIN + "x" * 70_000 + "\n",
    "header only": HEADER + "\n",
    "empty": "",
}


def by_training(file: Path) -> list[int] | None:
    try:
        return table.read(file).time_ms.tolist()
    except FanwatchError:
        return None


def by_forecast(directory: Path) -> list[int] | None:
    try:
        return history.read(directory).time_ms.tolist()
    except FanwatchError:
        return None


def by_score(content: bytes) -> list[int | None] | None:
    try:
        found = [line.content for line in ndjson.lines(io.BytesIO(content), "file.csv")]
        return [parse(each, RULES).timestamp_ms for each in found] or None
    except FanwatchError:
        return None


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_what_one_takes_all_take(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "readings.csv").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "events.csv").write_text("DeviceID,Start,Failure,Repaired,Kind,Mode\n", encoding="utf-8")
    expected = [START_MS + 600_000 * i for i in range(120)]
    assert by_training(file) == by_forecast(tmp_path) == by_score(file.read_bytes()) == expected


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_one_refuses_all_refuse(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "readings.csv").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "events.csv").write_text("DeviceID,Start,Failure,Repaired,Kind,Mode\n", encoding="utf-8")
    assert by_training(file) is by_forecast(tmp_path) is by_score(file.read_bytes()) is None


def test_a_byte_of_another_alphabet_matters_only_in_a_cell_that_is_read(tmp_path: Path) -> None:
    noted = PLAIN.replace(HEADER, HEADER + ",Site").replace("48,0\n", "48,0,K\u00f6ln\n").encode("latin-1")
    for content, taken in ((noted, True), (noted.replace(b"fan-00", b"f\xe4n-00"), False)):
        (file := tmp_path / "readings.csv").write_bytes(content)
        assert (by_training(file) is not None) == (by_score(content) is not None) == taken


@given(st.text(st.characters(codec="utf-8", exclude_characters='\r\n\0"'), max_size=80))
def test_a_name_is_one_everywhere_or_nowhere(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    (file := tmp_path_factory.mktemp("name") / "readings.csv").write_text(
        f'{HEADER}\n"{name}",2026-10-01 00:00:00,600,40,150,48,0\n', encoding="utf-8"
    )
    reading = {
        "deviceID": name.strip(), "rotation": 600, "temperature": 40, "vibration": 150, "sound": 48
    }  # fmt: skip
    taken = not faults(json.dumps(reading).encode(), RULES)
    assert (by_training(file) is not None) == (by_score(file.read_bytes()) is not None) == taken


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.sampled_from(["Z", "z", "+00:00", "-05:45", "+23:59"]),
    st.integers(0, 9),
)
def test_what_the_wire_knows_files_know_alike(at: datetime, offset: str, digits: int) -> None:
    fraction = f".{at.microsecond:06}000"[: digits + 1] if digits else ""
    text = f"{at.year:04}-{at:%m-%dT%H:%M:%S}{fraction}{offset}"
    ms = parse_ms(text, zone("UTC"))
    assert parse_written(text)[0] == ms
    assert parse_written(format_ms(ms))[0] == ms
