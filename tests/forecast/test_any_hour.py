"""What the forecast says of a fan depends on what the fan shows: not on the hour at which its history begins, nor on
chance, where several sensors say the same."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS, BoxRule, Fleet, Scores, gather, instruments, open_model
from fanwatch.forecast.memory import Memory, empty
from tests.forecast.fans import START_MS, USUAL

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "models" / "fan-forecast" / "1"
HOURS = 76
HOUR_MS = 3_600_000
WORN = np.array([40.0, 8.0, 110.0, 7.0])
"""What wear adds from hour 30 to 80; after 76 hours temperature, vibration and sound are far beyond what is healthy."""


def committed() -> Fleet:
    """No fans yet, judged by the committed bundle."""
    pin = hashlib.sha256((DEFAULT / "model.json").read_bytes()).hexdigest()
    return Fleet(open_model(DEFAULT, pin, engine="litert"), [])


def wearing(seed: int, hours: int = HOURS) -> NDArray[np.float64]:
    """Values of a fan that wears, shape (bins, 4)."""
    noise = np.random.default_rng(seed).normal(size=(6 * hours, 4)) * (12.0, 0.8, 6.0, 0.5)
    grown = np.clip((np.arange(len(noise)) / 6 - 30) / 50, 0, 1)
    return USUAL + noise + grown[:, None] * WORN


def lives(
    those: Fleet, values: list[NDArray[np.float64]], begins_ms: list[int]
) -> list[list[tuple[float, str, float]]]:
    """Of each fan, one a set of values: at which hour of its history it came into which state, since which hour."""
    fans = [those.add(f"fan-{number + 1:02d}") for number in range(len(values))]
    times = [
        begin + np.arange(len(each)) * BIN_MS + BIN_MS // 2
        for each, begin in zip(values, begins_ms, strict=True)
    ]
    found: list[list[tuple[float, str, float]]] = [[] for _ in fans]
    numbers = np.repeat(fans, [len(each) for each in values])
    for bins in gather(np.concatenate(times), numbers, np.concatenate(values), len(fans)):
        those.advance(bins)
        for fan, begin in enumerate(begins_ms):
            if begin <= bins.start_ms < begin + len(values[fan]) * BIN_MS:
                verdict = those.verdict(fan)
                if not found[fan] or found[fan][-1][1] != verdict.state:
                    hour, since = (
                        round((at - begin) / HOUR_MS, 2) for at in (verdict.at_ms, verdict.since_ms)
                    )
                    found[fan].append((hour, verdict.state, since))
    return found


def test_a_history_says_the_same_whatever_the_hour_at_which_it_begins() -> None:
    begins = [START_MS + hour * HOUR_MS for hour in range(24)] + [
        START_MS + step * BIN_MS for step in range(1, 6)
    ]
    values = [wearing(1)] * len(begins)
    first, *others = lives(committed(), values, begins)
    assert [state for _, state, _ in first] == ["unknown", "ok", "warning", "alarm"]
    assert others == [first] * len(others)


def test_no_chance_makes_a_drifting_sensor_of_wear_that_several_show() -> None:
    """Without a rule for it, one of seven such fans is called a drifting sensor at last, one of three at some time."""
    values = [wearing(seed) for seed in range(60)]
    states = [
        [state for _, state, _ in life] for life in lives(committed(), values, [START_MS] * len(values))
    ]
    assert {state for life in states for state in life} == {"unknown", "ok", "warning", "alarm"}
    assert {life[-1] for life in states} == {"alarm"}


class Denies(BoxRule):
    """A model that never saw such values: nothing is the matter, it says, but that vibration drifts."""

    def score(self, features: NDArray[np.float32]) -> Scores:
        """See `ForecastModel`."""
        drift = np.zeros((len(features), 4), np.float32)
        drift[:, 2] = 1
        return super().score(features)._replace(risk=np.zeros(len(features), np.float32), drift=drift)


def shifted(*sensors: int) -> list[NDArray[np.float64]]:
    """A fan whose sensors, these ones, lie beyond what healthy fans show from the third day on, for four days."""
    values = USUAL + np.random.default_rng(2).normal(size=(6 * 24 * 6, 4)) * (12.0, 0.8, 6.0, 0.5)
    for sensor in sensors:
        values[288:, sensor] += (160, 8, 80, 6)[sensor]
    return [values]


@pytest.mark.parametrize("sensors", [(1, 3), (1, 2, 3), (0, 1)])
def test_two_sensors_that_show_wear_are_no_fan_that_is_well(sensors: tuple[int, ...]) -> None:
    """Nor one whose third sensor drifts, for which the model takes it."""
    (life,) = lives(Fleet(Denies(), []), shifted(*sensors), [START_MS])
    assert life[-1][1] in ("warning", "alarm")
    assert 48 < life[-1][0] < 60


def test_one_sensor_alone_drifts_where_the_model_says_so() -> None:
    (life,) = lives(Fleet(Denies(), []), shifted(2), [START_MS])
    assert life[-1][1] == "instrument"


@pytest.mark.parametrize(
    ("moved", "drifts"),
    [
        ((0, 0, 1, 0), True),
        ((0, 0, 1, 0.3), True),
        ((0, 0, 1, 0.6), False),
        ((-0.6, 0, 1, 0), False),
        # Too low is no wear, of neither.
        ((0, 0, 1, -0.6), True),
        ((0, 0, -1, 0.6), True),
    ],
)
def test_a_sensor_that_another_one_bears_out_does_not_drift(moved: tuple[float, ...], drifts: bool) -> None:
    memory = Memory(empty(1))
    memory.windows[0, :, 0, 2] = np.add(moved, 0.5)
    memory.usual[:, :, 0], memory.interval[:] = 0.5, 1
    for _ in range(72):
        instruments.drift(memory, np.array([[0, 0, 1, 0]], np.float32), np.array([True]), 0.5)
    assert memory.drifts[0].tolist() == [0, 0, float(drifts), 0]
