"""What is wrong with a fleet's history is refused by line and column, or put right and said."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.evaluate import app as evaluate_app
from cli.history import app as history_app
from fanwatch.forecast import open_model
from training.forecast import preparation, truth
from training.forecast.evaluate import evaluate
from training.forecast.history import HistoryError, read

MODEL = Path(__file__).parents[2] / "models/fan-forecast/1"
READINGS = "DeviceID,Time,Rotation,Temperature,Vibration,Sound"
EVENTS = "DeviceID,Start,Failure,Repaired,Kind,Mode"
FAULT = "2026-01-01 00:00:00,2026-01-01 06:00:00,2026-01-01 09:00:00,fault,bearing"


def written(directory: Path, readings: list[str], events: list[str] | None = None) -> Path:
    """The directory, with both files in it."""
    for name, header, rows in (("readings.csv", READINGS, readings), ("events.csv", EVENTS, events or [])):
        (directory / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return directory


def ticking(fan: str, count: int, minutes: int = 10) -> list[str]:
    """Rows of a healthy fan from the first of January on."""
    at = np.datetime64("2026-01-01T00:00:00")
    return [
        f"{fan},{str(at + np.timedelta64(step * minutes, 'm')).replace('T', ' ')},600,40,{150 + step % 7},48"
        for step in range(count)
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,2026-01-01 00:20:00,600,40,abc,48", "line 4: Vibration 'abc' is not a finite number: write one"),
        ("a,2026-01-01 00:20:00,600,40,150,", "line 4: Sound '' is not a finite number"),
        ("a,2026-01-01 00:20:00,600,inf,150,48", "line 4: Temperature 'inf' is not a finite number"),
        ("a,2026-01-01 00:20:00,nan,40,150,48", "line 4: Rotation 'nan' is not a finite number"),
        ("a,20.1.2026,600,40,150,48", "line 4: Time '20.1.2026' is not a time such as 2026-01-31 12:00:00"),
        (",2026-01-01 00:20:00,600,40,150,48", "line 4: DeviceID is empty"),
        ("a,2026-01-01 00:20:00,600,40,150", "line 4 has 5 values"),
    ],
)
def test_a_reading_that_cannot_be_used_is_refused_by_line_and_column(
    tmp_path: Path, row: str, words: str
) -> None:
    with pytest.raises(HistoryError) as error:
        read(written(tmp_path, [*ticking("a", 2), row, *ticking("b", 3)]))
    assert words in str(error.value)


def test_missing_and_doubled_columns_and_missing_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="a header but no rows"):
        read(written(tmp_path, []))
    (tmp_path / "readings.csv").write_text("DeviceID,Time,Rotation,Vibration\n", encoding="utf-8")
    with pytest.raises(
        HistoryError, match="no column Temperature, Sound: its header must name DeviceID,Time,Rot"
    ):
        read(tmp_path)
    written(tmp_path, ticking("a", 3))
    for header, words in (
        ("DeviceID,Start,Failure,Repaired", "events.csv line 1 has no column Kind, Mode: its header must"),
        (f"{EVENTS},Mode", "events.csv line 1 names the column Mode twice"),
        ("", "events.csv line 1 has no column DeviceID, Start"),
    ):
        (tmp_path / "events.csv").write_text(f"{header}\n" if header else "", encoding="utf-8")
        with pytest.raises(HistoryError, match=words):
            read(tmp_path)


def test_of_two_readings_of_one_time_the_last_counts_and_all_that_is_put_right_is_said(
    tmp_path: Path,
) -> None:
    rows = ticking("a", 5)
    again = rows[2].replace(",600,", ",590,")
    rows = [*rows[:4], again, rows[0], "", rows[4], "b,2026-01-01T00:20:00Z,5000,40,150,48"]
    history = read(written(tmp_path, rows))
    assert history.values[:, 0].tolist() == [600, 600, 590, 5000, 600, 600]
    assert (np.diff(history.time_ms) >= 0).all()
    [third] = [each for each in history.bins() if each.start_ms == history.time_ms[2]]
    assert (third.values[0, 0], third.mean[0, 0]) == (1, 590), "as InfluxDB would hold it"
    said = "\n".join(history.notes)
    assert "2 readings have the time of another reading of their fan, 1 of them with other values" in said
    assert "times come in 2 forms, and those without a zone were read as UTC" in said
    assert "older than the one above them of the same fan, put in order: 2." in said
    assert "empty lines, passed over: 1." in said
    assert "values that no working sensor gives count as missing, as zeros do: 1." in said
    assert len(history.notes) == 5
    assert read(written(tmp_path, ticking("a", 5))).notes == ()


def test_the_order_of_the_rows_changes_nothing(tmp_path: Path) -> None:
    rows = [*ticking("a", 40), *ticking("b", 40)]
    one = read(written(tmp_path, rows))
    shuffled = [rows[0], *np.random.default_rng(1).permutation(rows[1:]).tolist()]
    other = read(written(tmp_path, shuffled))
    ours, theirs = ([np.array(part) for each in made.bins() for part in each] for made in (one, other))
    numbers = [other.devices.index(name) for name in one.devices]
    for number, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
        assert np.array_equal(mine, its[numbers] if its.ndim == 2 else its, equal_nan=True), number


def test_more_rows_than_memory_holds_are_refused_with_what_to_do(tmp_path: Path) -> None:
    directory = written(tmp_path, ticking("a", 30))
    assert len(read(directory, most=30).time_ms) == 30
    with pytest.raises(HistoryError, match=r"more than 29 rows.*fanwatch history export --every 1m"):
        read(directory, most=29)
    told: list[int] = []
    with pytest.raises(HistoryError, match="more than 15,000 rows"):
        read(written(tmp_path, ticking("a", 20_000)), lambda done, total: told.append(done), most=15_000)
    assert len(told) == 1, "by the first rows, before the file is read"


def test_memory_is_what_the_machine_or_its_container_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (
        ("_MEMORY", "MemFree: 1 kB\nMemAvailable: 6000 kB\n"),
        ("_LIMIT", "max\n"),
        ("_USED", ""),
    ):
        (tmp_path / name).write_text(content)
        monkeypatch.setattr(preparation, name, tmp_path / name)
    assert preparation.fitting_rows() == 6_000 * 1024 // 600
    (tmp_path / "_LIMIT").write_text("5000000\n")
    (tmp_path / "_USED").write_text("anon 2000000\nfile 9999999\n")
    assert preparation.fitting_rows() == 5_000
    for name in ("_MEMORY", "_LIMIT"):
        (tmp_path / name).unlink()
    assert preparation.fitting_rows() == (4 << 30) // 600


def test_events_of_other_fans_are_said_and_if_all_are_refused(tmp_path: Path) -> None:
    readings = [*ticking("fan-01", 50), *ticking("fan-02", 50)]
    history = read(written(tmp_path, readings, [f"fan-01,{FAULT}", f"Fan-02,{FAULT}", f"pump,{FAULT}"]))
    assert [history.devices[fault.fan] for fault in history.faults] == ["fan-01"]
    [note] = history.notes
    assert "2 of 3 events are left out" in note
    assert "'Fan-02', like 'fan-02' (line 3); 'pump' (line 4)" in note
    with pytest.raises(
        HistoryError, match=r"none of its 1 events is of a fan.*'Fan-02', like 'fan-02' \(line 2\)"
    ):
        read(written(tmp_path, readings, [f"Fan-02,{FAULT}"]))


def test_events_that_teach_nothing_are_said(tmp_path: Path) -> None:
    events = [
        f"a,{FAULT}",
        f"a,{FAULT}",
        "a,2025-12-01 00:00:00,2025-12-02 00:00:00,2025-12-03 00:00:00,fault,bearing",
        "a,2026-01-01 10:00:00,,,fault,Bearings",
        "a,2026-01-01 12:00:00,,,fault,",
    ]
    history = read(written(tmp_path, ticking("a", 100), events))
    assert [fault.mode for fault in history.faults] == ["bearing", "Bearings", ""]
    repeated, before, mode = history.notes
    assert repeated.endswith("repeated events, read once each: 1.")
    assert before.endswith("over before the first reading of their fan, left out: 1.")
    assert "1 faults have a Mode that is none of bearing, imbalance, motor, obstruction" in mode
    assert "'Bearings' (line 5)" in mode


def test_a_fan_that_had_stopped_before_its_first_reading_is_no_failure_that_was_missed(
    tmp_path: Path,
) -> None:
    events = [
        f"a,{FAULT}",
        "b,2025-12-30 00:00:00,2025-12-31 18:00:00,2026-01-01 02:00:00,fault,motor",
        "c,2025-12-30 00:00:00,2026-01-01 04:00:00,2026-01-01 06:00:00,fault,motor",
        "c,2025-12-30 00:00:00,2026-01-01 04:00:00,2026-01-01 05:00:00,fault,motor",
    ]
    readings = [*ticking("a", 200), *ticking("b", 200), *ticking("c", 200)[30:]]
    history = read(written(tmp_path, readings, events))
    assert [fault.unseen for fault in history.faults] == [False, True, True]
    before, unseen = history.notes
    assert before.endswith("over before the first reading of their fan, left out: 1.")
    assert unseen.startswith(
        "events.csv: faults that had stopped their fan before its first reading, which nobody"
    )
    assert unseen.endswith("left out: 2.")
    assert history.only(np.array([1, 2])).failures == 0
    found = evaluate(history, open_model(MODEL))
    assert (found.failures, [each.fan for each in found.followed.outcomes.foreseen]) == (1, [0])
    true = truth.of(history)
    assert [true.down[:, fan].sum() for fan in range(3)] == [18, 12, 12], "healthy once it is repaired"
    assert not true.worn[:, 1].any()


def test_evaluate_says_what_was_put_right_and_refuses_what_says_nothing(tmp_path: Path) -> None:
    command = ["forecast", "--history", str(tmp_path), "--model", str(MODEL)]
    written(tmp_path, ticking("a", 29))
    refused = CliRunner().invoke(evaluate_app, command)
    assert isinstance(refused.exception, HistoryError)
    assert "29 readings of 1 fans in 0.2 days" in str(refused.exception)
    written(tmp_path, [*ticking("a", 200), ticking("a", 1)[0]], [f"a,{FAULT}", f"A,{FAULT}"])
    done = CliRunner().invoke(evaluate_app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert "1 of 2 events are left out" in said
    assert "have the time of another reading" in said
    found = json.loads(done.stdout)
    assert (found["failures"], found["model"]) == (1, open_model(MODEL).name)


def test_all_that_is_wrong_with_both_files_is_said_at_once(tmp_path: Path) -> None:
    readings = [*ticking("a", 5), "a,yesterday,600,40,150,48", *["a,2026-01-02,6OO,40,150,48"] * 7, "a,b"]
    events = [
        f"a,{FAULT}",
        "a,then,,,fault,",
        "a,2026-01-01 00:00:00,,,pump,",
        ",2026-01-01 00:00:00,,,fault,",
        "a,,,,fault,",
    ]
    with pytest.raises(HistoryError) as error:
        read(written(tmp_path, readings, events))
    said = str(error.value)
    assert f"{tmp_path / 'readings.csv'} has 9 problems:" in said
    assert (
        "Rotation is not a finite number: write one such as 47.9, with a point and without a unit, or remove the"
        " line. In 7 lines: 8 ('6OO'), 9" in said
    )
    assert "Time is not a time such as" in said
    assert "- has 2 values, none of them for Rotation, Temperature, Vibration, Sound: add it" in said
    assert f"{tmp_path / 'events.csv'} has 4 problems:" in said
    assert (
        "Kind must be fault, or instrument with a Mode such as vibration:stuck or silent. In line 4" in said
    )
    assert "- DeviceID is empty. In line 5." in said
    assert "- Start is empty. In line 6." in said
    listed = CliRunner().invoke(history_app, ["check", str(tmp_path)]).stdout.splitlines()
    assert len(listed) == 13


def test_readings_that_another_one_replaces_are_named_with_their_lines(tmp_path: Path) -> None:
    rows = ticking("a", 100)
    again = [row.replace(",600,", ",590,") for row in rows[:10]]
    history = read(written(tmp_path, [*rows, *again]))
    assert (history.values[:, 0] == 590).sum() == 10
    assert len(history.replaced) == 10
    assert (
        history.replaced[0] == "line 2: a at 2026-01-01 00:00:00 has other values in line 102, which counts"
    )
    [note] = [note for note in history.notes if "the last one in the file counts" in note]
    assert "line 2: a at 2026-01-01 00:00:00 has other" in note
    assert note.endswith("and 7 more, which `fanwatch history check` lists.")


def test_too_few_healthy_readings_are_told_by_the_column_that_is_out_of_range(tmp_path: Path) -> None:
    rows = [row.replace(",150,", ",0.15,") for row in ticking("a", 2000)]
    rows = [re.sub(r",15\d,", ",0.15,", row) for row in rows]
    with pytest.raises(
        HistoryError, match=r"only 0 readings .*: Vibration in 2,000 of 2,000 rows, where 1 to 1500"
    ):
        read(written(tmp_path, rows)).edges()
