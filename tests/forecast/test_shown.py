"""No sentence has a number that no sensor gave, nor a cause that was not tested."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS, BoxRule, Fleet, Scores, gather
from fanwatch.forecast.sensor_values import lately, usually
from fanwatch.messages.timestamps import format_ms
from tests.forecast.fans import START_MS, USUAL

MINUTE_MS = 60_000
DAYS = 4
HALF = (0.51, 0.051, 0.51, 0.051)
"""By how much a rounded value may lie beside the true one."""
Values = NDArray[np.float64]


class Says(BoxRule):
    """A model by which one sensor drifts, whatever it shows, and nothing else is the matter."""

    def __init__(self, sensor: int) -> None:
        super().__init__()
        self._sensor = sensor

    def score(self, features: NDArray[np.float32]) -> Scores:
        """See `ForecastModel`."""
        drift = np.zeros((len(features), 4), np.float32)
        drift[:, self._sensor] = 1
        return super().score(features)._replace(risk=np.zeros(len(features), np.float32), drift=drift)


def minutes(seed: int = 3) -> tuple[NDArray[np.int64], Values]:
    """Times, and values of a healthy fan that is read each minute; a day in which it stood for two hours."""
    times = START_MS + np.arange(DAYS * 1440, dtype=np.int64) * MINUTE_MS + 7_000
    noise = np.random.default_rng(seed).normal(size=(len(times), 4)) * (12.0, 0.8, 6.0, 0.5)
    return times, (USUAL + noise).round(2)


def fahrenheit(values: Values) -> None:
    """°F where °C is expected."""
    values[:, 1] = (values[:, 1] * 1.8 + 32).round(1)


def two_senders(values: Values) -> None:
    """Every other reading is of another, hotter fan."""
    values[1::2, 1] += 25


def far_off(values: Values) -> None:
    """What the windows cut off: ten times the vibration, since the last day."""
    values[-1440:, 2] *= 7


def life(sensor: int, spoil: Callable[[Values], None]) -> tuple[Fleet, NDArray[np.int64], Values]:
    times, values = minutes()
    spoil(values)
    those = Fleet(Says(sensor), ["fan-01"])
    for each in gather(times, np.zeros(len(times), np.int64), values, 1):
        those.advance(each)
    return those, times, values


@pytest.mark.parametrize(("sensor", "spoil"), [(1, fahrenheit), (1, two_senders), (2, far_off)])
def test_what_is_said_of_a_sensor_that_fits_no_other_is_what_it_gave(
    sensor: int, spoil: Callable[[Values], None]
) -> None:
    those, times, values = life(sensor, spoil)
    verdict = those.verdict(0)
    assert (verdict.state, verdict.cause, verdict.sensor) == (
        "instrument",
        "drift",
        ("", "temperature", "vibration")[sensor],
    )
    found = re.search(
        r"sensor shows ([\d.]+)(?: °C)? to ([\d.]+)(?: °C)?, ([\d.]+)(?: °C)? on average since (\S+ \S+) UTC",
        verdict.why,
    )
    assert found, verdict.why
    low, high, mean, since = found.groups()
    at = [format_ms(int(each))[:16].replace("T", " ") >= since for each in times]
    given = values[at, sensor]
    assert 5 * 60 <= len(given) <= 6 * 60
    said = [float(low), float(high), float(mean)]
    assert said == pytest.approx([given.min(), given.max(), given.mean()], abs=HALF[sensor])
    # The mean of two levels is nothing that a sensor shows, and two senders under one name no sensor that drifts.
    assert "drift" not in verdict.why
    usual = re.search(r"where ([\d.]+)(?: °C)? is usual", verdict.why)
    if usual:
        assert values[:, sensor].min() < float(usual[1]) < values[:, sensor].max()


def test_means_are_those_of_the_named_hours_and_of_a_running_fan() -> None:
    times, values = minutes()
    values[-300:-180] = (0, 24, 0.4, 32)
    those = Fleet(BoxRule(), ["fan-01"])
    for each in gather(times, np.zeros(len(times), np.int64), values, 1):
        those.advance(each)
        number = each.start_ms // BIN_MS
        shown, age = lately(those.memory), number + 1 - lately(those.memory).since
        if number % 5 or those.memory.still[0] > 0:
            continue
        given = values[(times >= shown.since * BIN_MS) & (times < each.start_ms + BIN_MS)]
        assert 1 <= age <= 36
        assert np.allclose(shown.mean, given.mean(axis=0), rtol=1e-5)
        assert np.allclose(shown.low, given.min(axis=0))
        assert np.allclose(shown.high, given.max(axis=0))
    assert age == 18, "it restarted three hours ago"
    assert np.allclose(usually(those.memory), USUAL, rtol=0.02)


def test_a_sensor_that_gave_nothing_has_no_mean() -> None:
    times, values = minutes()
    values[-720:, 1] = 0
    those = Fleet(BoxRule(), ["fan-01"])
    for each in gather(times, np.zeros(len(times), np.int64), values, 1):
        those.advance(each)
    shown = lately(those.memory)
    assert np.isnan(shown.mean).tolist() == [False, True, False, False]
    assert "shown 0 for 12 h" in those.verdict(0).why


def test_a_sensor_that_jumps_is_told_with_the_values_between_which_it_does() -> None:
    times, values = minutes()
    values[-1440::40, 3] += 20
    values[-1440 + 9 :: 40, 3] += 20
    those = Fleet(BoxRule(), ["fan-01"])
    said = []
    for each in gather(times, np.zeros(len(times), np.int64), values, 1):
        those.advance(each)
        verdict = those.verdict(0)
        if verdict.cause == "spikes":
            found = re.search(
                r"since (\S+ \S+) UTC it showed values from ([\d.]+) dB to ([\d.]+) dB\.", verdict.why
            )
            assert found, verdict.why
            inside = times < each.start_ms + BIN_MS
            inside &= np.array([format_ms(int(at))[:16].replace("T", " ") >= found[1] for at in times])
            given = values[inside, 3]
            assert (float(found[2]), float(found[3])) == pytest.approx(
                (given.min(), given.max()), abs=HALF[3]
            )
            said.append(verdict.why)
    assert said
