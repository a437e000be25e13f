"""The live fleet's values, and what the command line takes."""

import msgspec
import numpy as np
import pytest

from simulator.__main__ import main, options
from simulator.boxes import HEALTHY
from simulator.failure_modes import MODES, parse_failing
from simulator.fleet import FAILS_AFTER_S, FAILS_WITHIN_S, Fleet

START_S = 1_767_225_600.0


def run(fleet: Fleet, seconds: int) -> np.ndarray:
    """Readings at one a second and fan, shape (seconds, fans, 4)."""
    return np.array([fleet.take(fleet.fans * k, fleet.fans * (k + 1)) for k in range(seconds)])


def beyond(readings: np.ndarray) -> np.ndarray:
    """Whether a reading lies outside the healthy box, shape (seconds, fans)."""
    outside: np.ndarray = ((readings < HEALTHY[:, 0]) | (readings > HEALTHY[:, 1])).any(axis=2)
    return outside


def test_healthy_fans_wander_smoothly_through_the_healthy_box_and_seldom_beyond() -> None:
    readings = run(Fleet(20, 1.0, seed=1, start_s=START_S), 300)
    assert 0 < beyond(readings).mean() < 0.1
    steps, spread = np.abs(np.diff(readings, axis=0)).mean(axis=(0, 1)), readings.std(axis=0).mean(axis=0)
    assert (steps < spread).all()
    assert (steps > 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_failing_fan_leaves_the_healthy_box_within_a_minute_and_runs_on(mode: str) -> None:
    assert FAILS_AFTER_S + FAILS_WITHIN_S <= 60
    before, after, others = np.zeros(0), np.zeros(0), np.zeros(0)
    for seed in range(8):
        readings = run(Fleet(3, 1.0, failing={2: mode}, seed=seed, start_s=START_S), 180)
        out = beyond(readings)
        assert (readings[:, 1, 0] > 0).all()
        before, after = np.append(before, out[: int(FAILS_AFTER_S), 1]), np.append(after, out[60:, 1])
        others = np.append(others, out[:, [0, 2]])
    assert others.mean() < 0.15
    assert before.mean() < 0.15
    assert after.mean() > 0.5


def test_readings_do_not_depend_on_how_many_are_taken_at_once() -> None:
    one, other = (Fleet(5, 1.0, failing={2: "motor"}, seed=4, start_s=START_S) for _ in range(2))
    whole = [one.take(first, first + 5) for first in range(0, 200, 5)]
    single = [other.take(first, first + 1) for first in range(200)]
    assert (np.concatenate(whole) == np.concatenate(single)).all()


def test_entries_are_readings_with_distinct_times_in_order() -> None:
    made = Fleet(3, 500.0, seed=1, start_s=1000.0).entries(0, 3000)
    assert len({(entry.device_id, entry.timestamp_ms) for entry in made}) == 3000
    assert [entry.device_id for entry in made[:4]] == ["fan-01", "fan-02", "fan-03", "fan-01"]
    reading = msgspec.json.decode(made[3].payload)
    assert reading.keys() == {"deviceID", "timeStamp", "rotation", "temperature", "vibration", "sound"}
    assert reading["timeStamp"] == "1970-01-01T00:16:40.002Z"


def test_options_come_from_the_command_line_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANS", "5")
    monkeypatch.setenv("RATE", "2.5")
    monkeypatch.setenv("FAILING", "fan-03:bearing,fan-01:motor")
    assert options([]).failing == {3: "bearing", 1: "motor"}
    given = options(["--fans", "7", "--failing", "fan-07:imbalance"])
    assert (given.fans, given.rate, given.failing) == (7, 2.5, {7: "imbalance"})
    monkeypatch.setenv("DEMO", "fan-05:obstruction")
    assert options([]).demo == (5, "obstruction")


@pytest.mark.parametrize("text", ["fan-11:bearing", "fan-3:bearing", "fan-03", "fan-03:sneeze", "03:motor"])
def test_an_unknown_fan_or_mode_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="fan-"):
        parse_failing([text], 10)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fans", "0"],
        ["--fans", "x"],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--demo", "fan-01:motor,fan-02:motor"],
        ["--history", "31"],
        ["--scale", "nosie=2"],
    ],
)
def test_impossible_options_are_one_line_that_names_them(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.lstrip("-").lower().startswith(arguments[0].strip("-"))
    assert said.count("\n") == 1
