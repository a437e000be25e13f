"""The fleet that wears out: its statistics, and that events say of the readings what is true."""

import csv
import io
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.simulate import app
from simulator.boxes import FAULTY, HEALTHY
from simulator.failure_modes import MODES
from simulator.history_files import EVENTS_HEADER, FIRST_S, READINGS_HEADER, Wanted, save, write
from simulator.incidents import Forced
from simulator.machines import Machines
from simulator.physics import scaled

FANS, DAYS = 40, 60
STEP_S = 600


class History(NamedTuple):
    """A written history; arrays of shape (steps, fans), NaN where nothing came."""

    values: np.ndarray
    faulty: np.ndarray
    events: list[dict[str, str]]

    def during(self, event: dict[str, str], frm: str = "Start", to: str = "Repaired") -> tuple[slice, int]:
        """Which readings lie between two times of an event."""
        first, last = (int(np.ceil((seconds(event[name]) - FIRST_S) / STEP_S)) for name in (frm, to))
        return slice(first, min(last, len(self.values))), int(event["DeviceID"][4:]) - 1


def seconds(text: str) -> float:
    """An empty one never comes."""
    return datetime.fromisoformat(f"{text}+00:00").timestamp() if text else FIRST_S + 1e9


def read(wanted: Wanted) -> History:
    readings, events = io.StringIO(), io.StringIO()
    written = write(wanted, readings, events)
    lines = readings.getvalue().splitlines()
    assert lines[0] == READINGS_HEADER
    assert written.readings == len(lines) - 1
    values, faulty = np.full((wanted.steps, wanted.fans, 4), np.nan), np.zeros((wanted.steps, wanted.fans))
    steps = {}
    for line in lines[1:]:
        device, time, *numbers = line.split(",")
        if time not in steps:
            steps[time] = round((seconds(time) - FIRST_S) / wanted.interval_s)
        place = (steps[time], int(device[4:]) - 1)
        values[place], faulty[place] = numbers[:4], numbers[4]
    assert events.getvalue().splitlines()[0] == EVENTS_HEADER
    found = list(csv.DictReader(io.StringIO(events.getvalue())))
    assert [event["Start"] for event in found] == sorted(event["Start"] for event in found)
    return History(values, faulty, found)


@pytest.fixture(scope="module")
def history() -> History:
    """40 fans × 60 days."""
    return read(Wanted(FANS, DAYS, STEP_S, seed=5))


@pytest.fixture(scope="module")
def healthy(history: History) -> np.ndarray:
    """Quantiles in the healthy box of what ran undisturbed, shape (n, 4)."""
    usable = ~np.isnan(history.values[:, :, 0]) & (history.values[:, :, 0] > 0)
    for event in history.events:
        steps, fan = history.during(event)
        usable[steps.start : steps.stop + 30, fan] = False
    quantiles: np.ndarray = (history.values[usable] - HEALTHY[:, 0]) / (HEALTHY[:, 1] - HEALTHY[:, 0])
    return quantiles


def test_healthy_readings_fill_the_healthy_box_evenly_but_for_soft_tails(healthy: np.ndarray) -> None:
    assert len(healthy) > 0.8 * FANS * DAYS * 144
    assert np.abs(healthy.mean(axis=0) - 0.5).max() < 0.03
    for tenth in np.arange(0.1, 1.0, 0.1):
        assert np.abs((healthy < tenth).mean(axis=0) - tenth).max() < 0.05
    outside = np.concatenate([(healthy < 0).mean(axis=0), (healthy > 1).mean(axis=0)])
    assert outside.min() > 0.001
    assert outside.max() < 0.01


def test_load_moves_all_sensors_together_and_fans_differ(history: History, healthy: np.ndarray) -> None:
    correlation = np.corrcoef(healthy.T)[np.triu_indices(4, 1)]
    assert correlation.min() > 0.1
    assert correlation.max() < 0.6
    medians = np.nanmedian(history.values, axis=0) / (HEALTHY[:, 1] - HEALTHY[:, 0])
    assert (medians.std(axis=0) > 0.04).all()


def test_failures_come_as_often_and_last_as_long_as_they_should(history: History) -> None:
    faults = [event for event in history.events if event["Kind"] == "fault"]
    failed = [event for event in faults if event["Failure"]]
    # 1.5 a fan: 60 of them, within three standard deviations.
    assert 37 <= len(failed) <= 83
    shares = Counter(event["Mode"] for event in faults)
    for name, mode in MODES.items():
        expected = mode.share * len(faults)
        assert abs(shares[name] - expected) < 3.5 * np.sqrt(expected)
        lives = [seconds(e["Failure"]) - seconds(e["Start"]) for e in failed if e["Mode"] == name]
        off = np.log(np.array(lives) / 3600 / mode.life_h)
        assert abs(np.median(off)) < 4 * mode.spread / np.sqrt(len(lives))
    standing = [seconds(e["Repaired"]) - seconds(e["Failure"]) for e in failed if e["Repaired"]]
    assert 6 * 3600 <= min(standing) <= max(standing) <= 24 * 3600


def test_a_fan_stands_still_from_its_failure_to_its_repair_and_is_labelled_before(history: History) -> None:
    away = np.zeros((DAYS * 144, FANS), bool)
    for event in history.events:
        if event["Kind"] == "instrument":
            steps, fan = history.during(event)
            away[steps, fan] = True
    checked = 0
    for event in history.events:
        if event["Kind"] != "fault" or not event["Failure"]:
            continue
        steps, fan = history.during(event, "Failure")
        mine = history.values[steps, fan][~away[steps, fan]]
        # A lone spike aside, which may strike any sensor.
        assert (mine[:, 0] != 0).sum() <= 1
        running, fan = history.during(event, "Start", "Failure")
        label = history.faulty[running, fan]
        present = ~np.isnan(history.values[running, fan, 0])
        assert (np.diff(label[present]) >= 0).all()
        lifetime = len(label)
        if lifetime >= 48 and present.all():
            expected = 1 - 0.5 ** (1 / MODES[event["Mode"]].exponent)
            assert label.mean() == pytest.approx(expected, abs=2 / lifetime + 0.01)
            checked += 1
    assert checked > 15
    assert not history.faulty[:, [fan for fan in range(FANS) if not _faults(history, fan)]].any()


def _faults(history: History, fan: int) -> bool:
    return any(e["Kind"] == "fault" and int(e["DeviceID"][4:]) - 1 == fan for e in history.events)


def test_instruments_show_what_their_events_say(history: History) -> None:
    kinds = Counter()
    for event in history.events:
        if event["Kind"] == "fault" or not event["Repaired"]:
            continue
        steps, fan = history.during(event)
        seen = history.values[steps, fan]
        if event["Mode"] == "silent":
            assert np.isnan(seen).all()
            kinds["silent"] += 1
            continue
        name, kind = event["Mode"].split(":")
        column = seen[:, ("rotation", "temperature", "vibration", "sound").index(name)]
        column = column[~np.isnan(column)]
        kinds[kind] += 1
        if kind in ("zero", "stuck") and len(column) > 2:
            assert (column == np.median(column)).mean() > 0.9
            assert kind == "stuck" or np.median(column) == 0
    months = FANS * DAYS / 30
    for kind, monthly in (("stuck", 0.6), ("zero", 0.8), ("drift", 0.2), ("spikes", 0.2), ("silent", 0.05)):
        expected = monthly * months
        assert 0.3 * expected < kinds[kind] < 1.7 * expected, kind


@pytest.mark.parametrize("name", MODES)
def test_severity_slides_the_sensors_by_their_weights_until_the_fan_stops_and_is_repaired(name: str) -> None:
    mode = MODES[name]
    still = scaled(dict.fromkeys(("noise", "load", "ambient", "offset", "spikes"), 0.0))
    machines = Machines(1, FIRST_S, physics=still, seed=1)
    machines.incidents.force(0, FIRST_S + 3600, Forced(name, 1000.0, 500.0))
    middle, slid = HEALTHY.mean(axis=1), (FAULTY - HEALTHY).mean(axis=1)
    if mode.raises_rotation:
        slid[0] *= -1
    for share in (-1.0, 0.0, 0.25, 0.5, 0.999):
        (values,) = machines.advance(np.zeros(1, int), np.array([FIRST_S + 3600 + 1000 * share])).values
        severity = max(share, 0) ** mode.exponent
        assert values == pytest.approx(middle + severity * np.array(mode.weights) * slid, abs=0.006)
    stopped = machines.advance(np.zeros(1, int), np.array([FIRST_S + 3600 + 1001])).values[0]
    assert (stopped[0], stopped[2] < 5, stopped[3] < 40) == (0.0, True, True)
    repaired = machines.advance(np.zeros(1, int), np.array([FIRST_S + 3600 + 1501 + 6 * 3600])).values[0]
    assert repaired == pytest.approx(middle, abs=0.2)
    (event,) = machines.events
    assert event == (0, FIRST_S + 3600, FIRST_S + 4600, FIRST_S + 5100, "fault", name)


def test_a_sensor_drifts_by_the_speed_that_it_is_given() -> None:
    still = dict.fromkeys(("noise", "load", "ambient", "offset", "pauses"), 0.0)
    sound = dict.fromkeys(("spikes", "stuck", "zero", "bursts", "silent"), 0.0)
    quiet = {**still, **sound, "healthy_h": 1000.0, "drift": 40.0}
    off = []
    for speed in (1.0, 2.0):
        machines = Machines(1, FIRST_S, physics=scaled({**quiet, "drift_speed": speed}), seed=1)
        hours = [np.array([FIRST_S + 3600.0 * hour]) for hour in range(720)]
        shown = np.concatenate([machines.advance(np.zeros(1, int), at).values for at in hours])
        off.append(shown - HEALTHY.mean(axis=1))
    widths = HEALTHY[:, 1] - HEALTHY[:, 0]
    assert (np.abs(off[0]).max(axis=0) > 0.9 * widths).any()
    assert off[1] == pytest.approx(2 * off[0], abs=0.02)


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        save(Wanted(5, 2.0, seed=seed), tmp_path / name)
        texts.append((tmp_path / name / "readings.csv").read_bytes())
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["events.csv", "readings.csv"]
    assert texts[0] == texts[1] != texts[2]


def test_memory_does_not_grow_with_the_days() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

        def writelines(self, lines: list[str]) -> None:  # type: ignore[override]
            pass

    peaks = []
    for days in (1, 8):
        tracemalloc.start()
        write(Wanted(10, days), Nowhere(), Nowhere())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_numbers_can_be_scaled_and_readings_be_missing(tmp_path: Path) -> None:
    arguments = [
        "history",
        "--fans",
        "5",
        "--days",
        "20",
        "--interval",
        "3600",
        "--missing",
        "0.3",
    ]
    scales = ["--scale", "noise=0", "--scale", "load=0", "--scale", "ambient=0", "--scale", "healthy_h=1000"]
    done = CliRunner().invoke(app, [*arguments, *scales, "--scale", "spikes=0", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    rows = [line.split(",") for line in (tmp_path / "readings.csv").read_text().splitlines()[1:]]
    assert len(rows) == pytest.approx(0.7 * 5 * 20 * 24, rel=0.06)
    # Without what moves them, a fan's sensors show its offset only.
    rotations = [row[2] for row in rows if row[0] == "fan-03" and row[2] != "0.00"]
    assert Counter(rotations).most_common(1)[0][1] > 0.9 * len(rotations)


def test_a_name_that_nothing_has_is_refused_and_a_near_one_offered() -> None:
    with pytest.raises(ValueError, match="Did you mean noise"):
        scaled({"nosie": 1.2})
    with pytest.raises(ValueError, match="factor of noise"):
        scaled({"noise": -1})
