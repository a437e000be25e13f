"""The labelled history: its marginals, its seed, and that neither fan nor time gives the label away."""

import gc
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from simulator.boxes import FAULTY, HEALTHY, ideal_rule, likelihood_ratio
from simulator.history import HEADER, Day, history, main, write


def whole(rows: int, **options: int) -> Day:
    """The history as one piece."""
    days = list(history(rows, **options))
    return Day(*(np.concatenate(columns) for columns in zip(*days, strict=True)))


def test_values_fill_the_two_boxes_evenly_and_independently() -> None:
    day = whole(40_320, seed=3)
    for faulty, box in ((False, HEALTHY), (True, FAULTY)):
        readings = day.readings[day.faulty == faulty]
        quantiles = (readings - box[:, 0]) / (box[:, 1] - box[:, 0])
        assert quantiles.min() >= -1e-3
        assert quantiles.max() <= 1.001
        assert np.abs(quantiles.mean(axis=0) - 0.5).max() < 0.01
        assert np.abs(quantiles.std(axis=0) - 12**-0.5).max() < 0.01
        assert np.abs(np.corrcoef(quantiles.T) - np.eye(4)).max() < 0.03


def test_half_of_all_full_days_is_faulty_for_every_fan_and_neither_fan_nor_time_tells_which() -> None:
    day = whole(40_320, fans=10, seed=1)
    assert day.faulty.mean() == 0.5
    for fan in range(1, 11):
        assert day.faulty[day.fan == fan].mean() == 0.5
    hour = day.step % 144 // 6
    shares = [day.faulty[hour == number].mean() for number in range(24)]
    assert 0.3 < min(shares) <= max(shares) < 0.7


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = io.StringIO(), io.StringIO(), io.StringIO()
    write(500, first, seed=1)
    write(500, again, seed=1)
    write(500, other, seed=2)
    assert first.getvalue() == again.getvalue() != other.getvalue()


def test_a_file_has_the_schema_and_every_row_once(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    main(["--rows", "3000", "--fans", "7", "--out", str(file)])
    header, *lines = file.read_text().splitlines()
    assert header == HEADER == "DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty"
    assert len(lines) == 3000
    assert len({tuple(line.split(",")[:2]) for line in lines}) == 3000
    assert list(tmp_path.iterdir()) == [file]


def test_memory_does_not_grow_with_the_rows() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    write(2_880, Nowhere())  # what is made once stays out of it
    peaks = []
    for rows in (2_880, 28_800):
        gc.collect()
        tracemalloc.start()
        write(rows, Nowhere())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Held in memory, the longer one would take ten times as much; what other threads allocate meanwhile is less.
    assert peaks[1] < 2 * peaks[0]


def test_the_ideal_rule_is_the_likelihood_ratio_and_reaches_the_known_ceiling() -> None:
    day = whole(201_600, seed=99)
    calls = ideal_rule(day.readings)
    assert (calls == day.faulty).mean() == pytest.approx(0.9533, abs=0.002)
    assert not calls[~day.faulty].any()
    middle, hot = np.array([[600.0, 40.0, 150.0, 48.0]]), np.array([[600.0, 50.0, 150.0, 48.0]])
    assert likelihood_ratio(middle)[0] == pytest.approx(200 * 10 * 100 * 7 / (250 * 20 * 150 * 15))
    assert np.isinf(likelihood_ratio(hot)[0])


@pytest.mark.parametrize(("rows", "fans"), [(0, 10), (10, 0), (-1, 1)])
def test_nothing_is_refused(rows: int, fans: int) -> None:
    with pytest.raises(ValueError, match="at least one row and one fan"):
        next(history(rows, fans=fans))
