"""`fanwatch score` as a user starts it, against the real gateway and functions."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pipeline import Functions
from tests.support.ports import free_port
from tests.support.readings import HEALTHY, reading
from tests.support.servers import ROOT

HEADER = "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty\n"
OPTIONS = ["--rotation=600", "--temperature=53", "--vibration=150", "--sound=48"]


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    made = Functions(tmp_path_factory.mktemp("functions"), free_port())
    yield made
    made.close()


class Run:
    """One `fanwatch score`."""

    def __init__(self, url: str, *arguments: str, stdin: bytes = b"") -> None:
        environment = {
            "PYTHONPATH": f"{ROOT}:{ROOT}/template/python3-fan",
            "FANWATCH_GATEWAY_URL": url,
            "COLUMNS": "200",
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "score", *arguments],
            env=environment, input=stdin, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        self.code, self.out, self.error = done.returncode, done.stdout.decode(), done.stderr.decode()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def test_a_reading_from_options(functions: Functions) -> None:
    run = Run(functions.url, *OPTIONS, "--device=fan-07", "--time=2026-11-23 12:00:00")
    assert run.code == 0, run.error
    assert "fan-07" in run.out
    assert "2026-11-23T12:00:00.000Z" in run.out
    assert "yes" in run.out
    assert "temperature" in run.out
    [line] = Run(functions.url, *OPTIONS, "--json").lines()
    assert (line["status"], line["fault"], line["cause"], line["timeStamp"]) == (200, 1, "temperature", None)


def test_a_reading_as_json(functions: Functions) -> None:
    text = json.dumps(reading("fan-07"), indent=1)
    for run in (Run(functions.url, text, "--json"), Run(functions.url, "-", "--json", stdin=text.encode())):
        assert run.code == 0, run.error
        assert [line["deviceID"] for line in run.lines()] == ["fan-07"]


def test_a_history_file(functions: Functions, tmp_path: Path) -> None:
    """More rows than one request takes; the label is not looked at."""
    rows = [f"fan-{n},2026-11-23 12:00:00,600,{53 if n == 11_999 else 40},150,48,1\n" for n in range(12_000)]
    file = tmp_path / "history.csv"
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    run = Run(functions.url, str(file), "--json")
    assert run.code == 0, run.error
    lines = run.lines()
    assert [line["deviceID"] for line in lines] == [f"fan-{n}" for n in range(12_000)]
    assert [line["line"] for line in lines] == list(range(2, 12_002))
    assert [line["deviceID"] for line in lines if line["fault"]] == ["fan-11999"]
    table = Run(functions.url, "--file", str(file))
    assert table.code == 0
    assert "12,000 readings: 1 faulty, 11,999 healthy." in table.out
    assert "fan-11999" in table.out
    assert table.out.count("\n") < 60


def test_columns_in_any_order_and_case_and_bad_cells(functions: Functions, tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_bytes(
        b"\xef\xbb\xbfSOUND,vibration,note,timestamp,deviceid,Temperature,rotation\r\n48,150,x,,a,40,600\r\n\r\n"
        b"48,150,x,yesterday,b,40,600\r\nloud,150,x,,c,40,600\r\n48,150,x,,d,,600\r\n48,150,x,,e f,40,600\r\n"
        b"nan,150,x,,g,40,600\r\n48,150,\xff,,h,40,600\r\n48\r\n"
    )
    run = Run(functions.url, str(file), "--json")
    assert run.code == 1
    found = [(line["line"], line["status"], line.get("field")) for line in run.lines()]
    assert found == [
        (2, 200, None), (4, 400, "timeStamp"), (5, 400, "sound"), (6, 400, "temperature"), (7, 400, "deviceID"),
        (8, 400, "sound"), (9, 200, None), (10, 400, found[-1][2]),
    ]  # fmt: skip
    table = Run(functions.url, str(file))
    assert table.code == 1
    assert "8 readings: 2 healthy, 6 not scored." in table.out
    assert "deviceID must be 1 to 64 letters" in table.out
    assert f"Not scored: {file} has 9 problems:" in table.out
    assert "- sound must be a number, not text. In 2 lines: 5 ('loud'), 8 ('nan')." in table.out
    assert "- temperature is missing. In 2 lines: 6, 10." in table.out
    assert "- timeStamp is not a time such as" in table.out


def test_all_that_is_wrong_is_said_by_kind_and_count_after_the_table(
    functions: Functions, tmp_path: Path
) -> None:
    good, loud = ("fan-1,2026-11-23 12:00:00,600,40,150,%s,0\n" % sound for sound in ("48", "loud"))  # noqa: UP031
    named = "L\u00fcfter 1,2026-11-23 12:00:00,600,40,150,48,0\n"
    (file := tmp_path / "wrong.csv").write_text(HEADER + good + loud * 70 + named, encoding="utf-8")
    run = Run(functions.url, "--file", str(file))
    assert run.code == 1
    assert f"Not scored: {file} has 71 problems:" in run.out
    assert (
        "- sound must be a number, not text. In 70 lines: 3 ('loud'), 4 ('loud'), 5 ('loud') and 67 mo"
        in run.out
    )
    assert "- deviceID must be 1 to 64 letters, digits, _ or -. In line 73 ('L\u00fcfter 1')." in run.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            gzip.compress(HEADER.encode(), mtime=0),
            "is compressed by gzip. Unpack it first: gunzip -c FILE | fanwatch score -",
        ),
        (HEADER.encode("utf-16"), "is text in UTF-16. Convert it first: iconv"),
        (
            HEADER.replace(",", ";").encode(),
            "separates its columns by semicolons: save it with commas (and 0.5",
        ),
        (b"DeviceID\tTime\n", "by tabs: save it with commas (and 0.5, not 0,5). In line 1."),
        (b"DeviceID\tTime\n", "has no column rotation, temperature, vibration, sound"),
    ],
)
def test_another_kind_of_file_is_named(
    functions: Functions, tmp_path: Path, content: bytes, said: str
) -> None:
    (file := tmp_path / "other.csv").write_bytes(content)
    run = Run(functions.url, str(file))
    assert (run.code, run.out) == (1, "")
    assert said in run.error


def test_several_things_that_are_wrong_with_each_reading_are_said_at_once(
    functions: Functions, tmp_path: Path
) -> None:
    """As a logger writes it: a MAC address, the day first; score-fan alone would name one of them a time."""
    rows = [f"AA:BB:CC:00:11:2{n},1{n}.10.2026 12:00,600,forty,150,48,0\n" for n in range(4)]
    (file := tmp_path / "logger.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    run = Run(functions.url, str(file))
    assert run.code == 1
    assert "has 12 problems:" in run.out
    for said in (
        "deviceID must be 1 to 64 letters",
        "timeStamp is not a time such as",
        "temperature must be a number",
    ):
        assert f"- {said}" in run.out
    assert (
        "In 4 lines: 2 ('10.10.2026 12:00'), 3 ('11.10.2026 12:00'), 4 ('12.10.2026 12:00') and 1 more."
        in run.out
    )
    file.write_text((HEADER + "".join(rows)).replace(",", ";").replace("600", "600,5"), encoding="utf-8")
    refused = Run(functions.url, str(file))
    assert (refused.code, refused.out) == (1, "")
    assert "has 13 problems:" in refused.error
    assert "- separates its columns by semicolons" in refused.error
    assert "- timeStamp is not a time such as" in refused.error
    assert "rotation" not in refused.error
    (tmp_path / "few.csv").write_text("DeviceID,Time\na,now\n", encoding="utf-8")
    few = Run(functions.url, str(tmp_path / "few.csv")).error
    assert "has 2 problems:" in few
    assert "has no column rotation, temperature, vibration, sound" in few
    assert "- timeStamp is not a time" in few


def test_readings_without_a_verdict_are_told_by_sensor_and_share(
    functions: Functions, tmp_path: Path
) -> None:
    """Vibration in g."""
    rows = [f"a,2026-11-23 12:0{n}:00,600,40,{0.03 if n < 7 else 150},48,0\n" for n in range(10)]
    (file := tmp_path / "g.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    run = Run(functions.url, str(file))
    assert run.code == 0, run.error
    assert "Not judged, for values that no working sensor gives: vibration in 7 of 10 readings." in run.out


def test_an_ndjson_file(functions: Functions, tmp_path: Path) -> None:
    file = tmp_path / "readings.ndjson"
    good = json.dumps(reading()).encode()
    file.write_bytes(b"\n" + good + b"\n\n{\n\xff\r\n" + good.replace(b", ", b",\r") + b"\r\n" + good)
    run = Run(functions.url, str(file), "--json")
    assert run.code == 1
    assert [(line["status"], line.get("reason")) for line in run.lines()] == [
        (200, None), (400, "json"), (400, "json"), (200, None), (200, None),
    ]  # fmt: skip


def test_a_list_over_several_lines(functions: Functions, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps([reading("a"), reading("b")], indent=2), encoding="utf-8")
    assert [line["deviceID"] for line in Run(functions.url, str(file), "--json").lines()] == ["a", "b"]


@pytest.mark.parametrize("arguments", [("--rotation=600",), (*OPTIONS, "file.csv"), ("/nowhere/file.csv",)])
def test_wrong_usage(functions: Functions, arguments: tuple[str, ...]) -> None:
    run = Run(functions.url, *arguments)
    assert run.code == 2
    assert "Traceback" not in run.error
    assert run.out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no column"), (b"a,b\n1,2\n", "no column deviceID, rotation"), (HEADER.encode(), "no readings"),
     (b"a\rb\n1\n", "no column"), (HEADER.encode() + b'"' + b"x" * 200_000 + b"\n", "line 2")],
)  # fmt: skip
def test_a_file_that_is_none(functions: Functions, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    run = Run(functions.url, str(file))
    assert run.code == 1
    assert run.error.startswith("fanwatch: ")
    assert said in run.error
    assert run.error.strip().count("\n") == 0


def test_without_a_gateway_it_says_what_to_do() -> None:
    run = Run(f"http://127.0.0.1:{free_port()}", json.dumps(HEALTHY))
    assert run.code == 1
    assert "fanwatch up" in run.error
    assert run.error.count("\n") == 1
    assert Run("nonsense", json.dumps(HEALTHY)).code == 2
