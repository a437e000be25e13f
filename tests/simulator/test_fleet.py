"""The live fleet's values, and what the command line takes."""

import msgspec
import numpy as np
import pytest

from simulator.__main__ import main, options
from simulator.boxes import HEALTHY
from simulator.fleet import FAILS_AFTER_S, FAILS_WITHIN_S, Fleet
from simulator.live import entries
from simulator.modes import MODES, parse_failing


def run(fleet: Fleet, seconds: int) -> np.ndarray:
    """Readings at one a second and fan, shape (seconds, fans, 4)."""
    return np.array([fleet.take(fleet.fans * k, fleet.fans * (k + 1)) for k in range(seconds)])


def test_healthy_fans_stay_in_the_healthy_box_and_drift_smoothly() -> None:
    readings = run(Fleet(20, 1.0, seed=1), 300)
    assert (readings >= HEALTHY[:, 0]).all()
    assert (readings <= HEALTHY[:, 1]).all()
    steps, spread = np.abs(np.diff(readings, axis=0)).mean(axis=(0, 1)), readings.std(axis=0).mean(axis=0)
    assert (steps < spread).all()
    assert (steps > 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_failing_fan_leaves_the_healthy_box_within_a_minute_and_no_other_does(mode: str) -> None:
    assert FAILS_AFTER_S + FAILS_WITHIN_S <= 60
    outside = np.zeros(0)
    for seed in range(5):
        readings = run(Fleet(3, 1.0, failing={2: MODES[mode]}, seed=seed), 120)
        beyond = (readings < HEALTHY[:, 0]) | (readings > HEALTHY[:, 1])
        out = np.asarray(beyond.any(axis=2))
        assert not out[: int(FAILS_AFTER_S), 1].any()
        assert not out[:, [0, 2]].any()
        outside = np.append(outside, out[60:, 1])
    assert outside.mean() > 0.9


def test_entries_are_readings_with_distinct_times_in_order() -> None:
    made = entries(Fleet(3, 500.0, seed=1), 0, 3000, 1_000_000)
    assert len({(entry.device_id, entry.timestamp_ms) for entry in made}) == 3000
    assert [entry.device_id for entry in made[:4]] == ["fan-01", "fan-02", "fan-03", "fan-01"]
    reading = msgspec.json.decode(made[3].payload)
    assert reading.keys() == {"deviceID", "timeStamp", "rotation", "temperature", "vibration", "sound"}
    assert reading["timeStamp"] == "1970-01-01T00:16:40.002Z"


def test_options_come_from_the_command_line_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANS", "5")
    monkeypatch.setenv("RATE", "2.5")
    monkeypatch.setenv("FAILING", "fan-03:bearing,fan-01:motor")
    assert options([]).failing == {3: MODES["bearing"], 1: MODES["motor"]}
    given = options(["--fans", "7", "--failing", "fan-07:imbalance"])
    assert (given.fans, given.rate, given.failing) == (7, 2.5, {7: MODES["imbalance"]})


@pytest.mark.parametrize("text", ["fan-11:bearing", "fan-3:bearing", "fan-03", "fan-03:sneeze", "03:motor"])
def test_an_unknown_fan_or_mode_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="fan-"):
        parse_failing([text], 10)


@pytest.mark.parametrize("arguments", [["--fans", "0"], ["--fans", "x"], ["--rate", "0"], ["--rate", "nan"]])
def test_impossible_options_are_one_line_that_names_them(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(arguments[0].strip("-").upper())
    assert said.count("\n") == 1
