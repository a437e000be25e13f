"""History files: each thing that can be wrong is one line that says where."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.history import app as history_app
from simulator.history import save
from training.evaluate import evaluate
from training.table import HistoryError, check_learnable, read

ROOT = Path(__file__).parents[2]
HEADER = "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty"
FIRST = "fan-01,2026-01-01 00:00:00,600,40,150,48,0"


def written(directory: Path, *lines: str) -> Path:
    """A CSV file of these lines."""
    file = directory / "history.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_simulated_history_is_read_whole_and_without_remarks(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    save(2880, file, seed=1)
    table = read(file)
    check_learnable(table, file)
    assert table.features.shape == (2880, 4)
    assert table.faulty.mean() == 0.5
    assert (table.implausible, table.notes) == (0, [])
    first = file.read_text().splitlines()[1].split(",")
    assert table.features[0].tolist() == [float(cell) for cell in first[2:6]]


def test_columns_are_found_by_name_with_others_between_them_and_both_time_formats(tmp_path: Path) -> None:
    table = read(
        written(
            tmp_path, "\ufeffFaulty,Sound,Site,Vibration, Temperature,Rotation,Time,DeviceID",
            "1,48,north,150,40,600,2026-01-01 00:00:00,fan-01",
            "0,49,north,151,41,601,2026-01-01T00:10:00.250Z,fan-01",
        )
    )  # fmt: skip
    assert table.features.tolist() == [[600, 40, 150, 48], [601, 41, 151, 49]]
    assert table.faulty.tolist() == [True, False]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no column DeviceID"),
        ([HEADER], "has a header but no rows"),
        ([HEADER.replace("Sound", "Noise"), FIRST], "no column Sound"),
        (
            [HEADER, FIRST, "fan-01,2026-01-01 00:10:00,600,40"],
            "line 3 has 4 values, none of them for Vibration, S",
        ),
        ([HEADER, FIRST.replace("600", "fast")], "line 2: Rotation 'fast' is not a finite number"),
        ([HEADER, FIRST.replace("48", "nan")], "line 2: Sound 'nan' is not a finite number"),
        ([HEADER, FIRST.replace("40", "")], "line 2: Temperature '' is not a finite number"),
        ([HEADER, FIRST[:-1] + "2"], "line 2: Faulty '2' must be 0 or 1"),
        ([HEADER, FIRST.replace("2026-01-01", "yesterday")], "line 2: Time 'yesterday 00:00:00'"),
        ([HEADER, FIRST[6:]], "line 2: DeviceID is empty"),
        (
            [HEADER, FIRST.replace("2026-01-01 00:00:00", "31/01/2026 12:00")],
            "line 2: Time '31/01/2026 12:00'",
        ),
        ([HEADER, FIRST.replace("2026-01-01", "2026-02-30")], "is no time of any calendar"),
        ([HEADER.replace(",", ";"), FIRST.replace(",", ";")], "separates its columns by semicolons"),
        ([HEADER + ",Rotation", FIRST], "line 1 names the column Rotation twice"),
        ([HEADER, FIRST, "x" * 70_000], "line 3 has more than 65,536 characters"),
        (
            [HEADER, FIRST, '"' + FIRST, FIRST],
            "line 3 is not CSV (unexpected end of data): a quotation mark there",
        ),
        (
            [HEADER, FIRST.replace("48", '"48,5"')],
            "line 2: Sound '48,5' is not a finite number: write one such as",
        ),
        ([HEADER, *["", FIRST.replace("600", "1e999")]], "line 3: Rotation '1e999' is not a finite number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(HistoryError) as error:
        read(written(tmp_path, *lines))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"nothing\.csv cannot be read"):
        read(tmp_path / "nothing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HistoryError, match=r"binary\.csv line 1: the file is in UTF-16"):
        read(tmp_path / "binary.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_says_how_to_save_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "excel.csv").write_text(f"{HEADER}\n{FIRST}\n", encoding=encoding)
    with pytest.raises(HistoryError, match=r"line 1: the file is in UTF-16, .*: save it as CSV UTF-8"):
        read(tmp_path / "excel.csv")


def test_a_byte_of_another_alphabet_is_found_in_its_line(tmp_path: Path) -> None:
    lines = [HEADER, *[FIRST] * 3000, FIRST.replace("fan-01", "L\u00fcfter"), FIRST]
    (tmp_path / "old.csv").write_bytes("\r\n".join(lines).encode("latin-1"))
    with pytest.raises(
        HistoryError, match=r"line 3002 has a byte that is not UTF-8 \(0xfc\): save the file as"
    ):
        read(tmp_path / "old.csv")


def test_duplicates_implausible_rows_gaps_and_leaks_are_noted(tmp_path: Path) -> None:
    rows = [
        f"fan-0{fan},2026-01-01 0{hour}:00:00,600,40,150,48,{fan - 1}" for fan in (1, 2) for hour in range(5)
    ]
    late = ["fan-01,2026-01-03 00:00:00,600,40,150,48,0", "fan-01,2026-01-03 01:00:00,0,40,150,48,0"]
    table = read(written(tmp_path, HEADER, *rows, rows[0], *late))
    assert len(table.features) == 11
    assert table.implausible == 1
    repeated, late_again, implausible, gaps, *same, leak = table.notes
    assert late_again.startswith("Rows that are older than the one above them")
    assert repeated == "Repeated rows, read once each: 1."
    assert same == [f"{name} never changes." for name in ("Temperature", "Vibration", "Sound")]
    assert (implausible.startswith("Rows left out"), implausible.endswith(": 1.")) == (True, True)
    assert (gaps.startswith("Gaps"), gaps.endswith(": 1.")) == (True, True)
    assert leak.startswith("No device ever changes its label")


def test_too_few_of_a_kind_and_mostly_broken_sensors_cannot_be_learned_from(tmp_path: Path) -> None:
    def rows(count: int, rotation: int, label: int) -> list[str]:
        return [
            f"fan-{rotation}-{label},{day},{rotation},40,150,48,{label}"
            for day in np.arange("2026-01-01", count, dtype="datetime64[D]").astype(str)[:count]
        ]

    for lines, words in (
        (rows(100, 600, 0) + rows(49, 600, 1), "49 faulty rows"),
        (
            rows(100, 600, 0) + rows(100, 600, 1) + rows(60, 0, 0),
            r"23% of the rows .* at most 20% may: Rotation in 60 of 260 rows \(the first in line 202\), where 1 to"
            " 3000 rpm can be. See that each column",
        ),
    ):
        file = written(tmp_path, HEADER, *lines)
        with pytest.raises(HistoryError, match=words):
            check_learnable(read(file), file)


def test_an_unsorted_file_of_mixed_time_forms_is_put_right_and_that_is_said(tmp_path: Path) -> None:
    times = [
        "2026-01-01 03:00:00",
        "2026-01-01T02:00:00Z",
        "2026-01-01T03:00:00+02:00",
        "2026-01-01 00:00:00",
    ]
    rows = [f"fan-01,{time},{600 + i},40,150,48,0" for i, time in enumerate(times)]
    table = read(written(tmp_path, HEADER, rows[0], rows[0], *rows[1:]))
    assert np.diff(table.time_ms).tolist() == [-3_600_000] * 3
    assert [note.split(":")[0] for note in table.notes[:3]] == [
        "Times come in 3 forms, and those without a zone were read as UTC",
        "Repeated rows, read once each",
        "Rows that are older than the one above them of the same device, put in order",
    ]


def test_one_kind_of_row_only_cannot_be_learned_from(tmp_path: Path) -> None:
    times = np.arange("2026-01-01", 200, dtype="datetime64[D]").astype(str)[:200]
    file = written(tmp_path, HEADER, *(f"fan-01,{time},600,40,150,48,0" for time in times))
    with pytest.raises(HistoryError, match=r"has 0 faulty rows \(column Faulty\) of 200"):
        check_learnable(read(file), file)


def test_of_a_file_with_too_many_rows_an_even_sample_is_kept_repeats_and_all(tmp_path: Path) -> None:
    save(28_800, tmp_path / "history.csv", seed=3)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    file = written(tmp_path, *lines, *lines[1:20_001])
    table = read(file, limit=4000)
    kept = len(table.faulty)
    assert table.quality.rows == 48_800
    assert kept + table.quality.repeated == 4000
    assert table.quality.repeated / kept == pytest.approx(20_000 / 28_800, abs=0.08)
    assert table.faulty.mean() == pytest.approx(0.5, abs=0.04)
    assert np.unique(table.device, return_counts=True)[1] == pytest.approx(np.full(10, kept / 10), rel=0.25)
    assert table.notes[0].startswith(f"The file is large: of 48,800 rows, {kept:,} were drawn evenly")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Under a limit that the arrays of all rows would break; tracemalloc sees NumPy's too."""
    save(14_400, tmp_path / "history.csv", seed=3)
    tracemalloc.start()
    try:
        peaks = []
        for size in (1, 4):
            lines = (tmp_path / "history.csv").read_text().splitlines()
            file = tmp_path / "large.csv"
            with file.open("w") as out:
                out.write(HEADER + "\n")
                for copy in range(size):
                    out.writelines(line.replace("fan-", f"fan{copy}-") + "\n" for line in lines[1:])
            del lines
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            read(file, limit=4000)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0], peaks


def test_all_that_is_wrong_is_said_at_once_by_kind_with_counts_and_the_first_lines(tmp_path: Path) -> None:
    rows = [FIRST.replace("2026-01-01", f"2026-01-{day:02}") for day in range(1, 21)]
    rows[1] = rows[1].replace("600", "fast")
    rows[3:8] = [row.replace("48", "loud").replace("600", "x") for row in rows[3:8]]
    rows[9] = rows[9][:-1] + "broken"
    rows[11] = rows[11].replace("2026-01", "01.2026")
    rows[13] = rows[13].replace("fan-01", "")
    rows[15] = "fan-01,2026-01-16 00:00:00,600"
    file = written(tmp_path, HEADER, *rows)
    file.write_bytes(file.read_bytes() + b"L\xfcfter,2026-01-01 00:00:00,600,40,150,48,0\n")
    with pytest.raises(HistoryError) as error:
        read(file)
    said = str(error.value).splitlines()
    assert said[0] == f"{file} has 16 problems:"
    assert "- Rotation is not a finite number: write one such as 47.9, with a point" in str(error.value)
    for end in (
        "In 6 lines: 3 ('fast'), 5 ('x'), 6 ('x') and 3 more.",
        "In line 11 ('broken').",
        "In line 13 ('01.2026-12 00:00:00').",
        "DeviceID is empty. Put the fan's name there, or remove the line. In line 15.",
        "none of them for Temperature, Vibration, Sound, Faulty: add it, or remove the line. In line 17.",
        "In line 22.",
    ):
        assert any(line.endswith(end) for line in said), (end, said)
    assert said[-1] == f"`fanwatch history check {file}` lists all of them."
    assert len(said) < 12


def test_another_separator_is_named_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    lines = [HEADER.replace("Faulty", "State"), FIRST.replace("48", "48.5"), FIRST.replace("2026", "26")]
    foreign = [line.replace(",", ";").replace(".", ",") for line in lines]
    with pytest.raises(HistoryError) as error:
        read(written(tmp_path, *foreign))
    said = str(error.value)
    assert "has 3 problems" in said
    assert "separates its columns by semicolons: save it with commas (and 0.5, not 0,5). In line 1." in said
    assert "has no column Faulty" in said
    assert "Time is not a time such as" in said
    assert "finite number" not in said, "a decimal comma is named with the separator"


def test_of_rows_with_one_time_the_last_counts_and_all_are_listed(tmp_path: Path) -> None:
    """As a file that was rejected one pair at a time: 20,000 rows, 56 pairs of which differ."""
    times = (np.datetime64("2026-01-01T00:00:00") + np.arange(19_944) * np.timedelta64(60, "s")).astype(str)
    rows = [
        f"fan-01,{time.replace('T', ' ')},600,40,{150 + i % 9},48,{i % 2}" for i, time in enumerate(times)
    ]
    again = [row.replace(",600,", ",590,") for row in rows[100:156]]
    file = written(tmp_path, HEADER, *rows[:-1], *again, rows[-1])
    table = read(file)
    check_learnable(table, file)
    assert len(table.features) == 19_944
    assert (table.features[:, 0] == 590).sum() == 56
    assert len(table.replaced) == 56
    assert table.replaced[0] == (
        "line 102: fan-01 at 2026-01-01 01:40:00 has other values in line 19945, which counts"
    )
    [note] = [note for note in table.notes if "as in InfluxDB" in note]
    assert ": 56: line 102: fan-01 at" in note
    assert note.endswith("; and 53 more, which `fanwatch history check` lists.")
    assert table.quality.repeated == table.quality.replaced == 56


def test_rows_that_are_all_implausible_are_told_by_column_and_share(tmp_path: Path) -> None:
    """Vibration in g, where the model's unit is another."""
    rows = [
        f"fan-01,{day},600,40,{0.03 + i % 7 / 100},48,{i % 2}"
        for i, day in enumerate(np.arange("2026-01-01", 400, dtype="datetime64[D]").astype(str)[:400])
    ]
    file = written(tmp_path, HEADER, *rows)
    with pytest.raises(HistoryError) as error:
        check_learnable(read(file), file)
    said = str(error.value)
    assert "100% of the rows" in said
    assert "Vibration in 400 of 400 rows (the first in line 2), where 1 to 1500 can be" in said
    assert "label more" not in said
    with pytest.raises(HistoryError, match=r"none of its 400 rows .*: Vibration in 400 of 400 rows"):
        evaluate(file, ROOT / "models/fan-anomaly/1")


def test_implausible_rows_and_missing_labels_are_told_together(tmp_path: Path) -> None:
    rows = [f"fan-01,{day},{i % 2 * 600},40,150,48,0" for i, day in enumerate(_days(200))]
    file = written(tmp_path, HEADER, *rows)
    with pytest.raises(HistoryError) as error:
        check_learnable(read(file), file)
    share, labels = str(error.value).splitlines()
    assert "50% of the rows" in share
    assert "has 0 faulty rows (column Faulty) of 100" in labels
    few = [f"fan-01,{day},{0 if i < 20 else 600},40,150,48,{int(i < 60)}" for i, day in enumerate(_days(200))]
    with pytest.raises(
        HistoryError, match=r"has 40 faulty .*\(20 more were left out: Rotation in 20 of 200 rows"
    ):
        check_learnable(read(written(tmp_path, HEADER, *few)), file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            gzip.compress(FIRST.encode(), mtime=0),
            "is compressed by gzip. Unpack it first: gunzip -c FILE > NEW.",
        ),
        (b'{"DeviceID": "fan-01"}\n', "is JSON, and a history is CSV: export it as CSV, with a header."),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(HistoryError) as error:
        read(tmp_path / "history.csv")
    assert words in str(error.value)


def test_a_command_lists_every_problem_and_every_row_that_does_not_count(tmp_path: Path) -> None:
    days = _days(30)
    rows = [f"fan-01,{day},600,40,150,{'loud' if i > 9 else 48},0" for i, day in enumerate(days)]
    file = written(tmp_path, HEADER, *rows)
    refused = CliRunner().invoke(history_app, ["check", str(file)])
    assert refused.exit_code == 1
    listed = refused.stdout.splitlines()
    assert [line.split(": ")[0] for line in listed] == [f"{file} line {n}" for n in range(12, 32)]
    assert all("Sound 'loud' is not a finite number" in line for line in listed)
    save(2880, file, seed=1)
    lines = file.read_text(encoding="utf-8").splitlines()
    wrong = [line.rpartition(",")[0][:-1] + "9,0" for line in lines[1:6]]
    fine = CliRunner().invoke(history_app, ["check", str(written(tmp_path, *lines, *wrong))])
    assert fine.exit_code == 0, fine.output
    assert [line.split(":")[0] for line in fine.stdout.splitlines()[:5]] == [f"line {n}" for n in range(2, 7)]


def _days(count: int) -> list[str]:
    days: list[str] = np.arange("2026-01-01", count, dtype="datetime64[D]").astype(str)[:count].tolist()
    return days
