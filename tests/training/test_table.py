"""History files: each thing that can be wrong is one line that says where."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from simulator.history import save
from training.table import HistoryError, check_learnable, read

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
        ([HEADER.replace("Sound", "Rotation"), FIRST], "line 1 names the column Rotation twice"),
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
        (
            [HEADER, FIRST, FIRST.replace("600", "601")],
            "line 3: fan-01 has another row at 2026-01-01 00:00:00",
        ),
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
    repeated, implausible, gaps, *same, leak = table.notes
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
            r"23% of the rows .* at most 20% may: Rotation in 60 rows \(the first in line 202\), where 1 to 3000 rpm"
            " can be. See that each column",
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
