"""Whoever has no risk has no verdict: no fan is called well that could not be judged."""

import numpy as np
import pytest
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS, Verdict
from fanwatch.messages.timestamps import format_ms
from tests.forecast.fans import START_MS, fleet, healthy, live

HOUR = 6
"""Bins."""
STANDING = (0.0, 24.0, 0.4, 31.5)


def said(values: NDArray[np.float64]) -> list[Verdict]:
    return live(fleet(), values)


def standing(values: NDArray[np.float64], *bins: int) -> NDArray[np.float64]:
    values[list(bins), 0] = STANDING
    return values


def test_a_fan_that_is_off_twenty_minutes_of_each_hour_is_never_as_usual() -> None:
    bins = 3 * 24 * HOUR
    stops = [number for number in range(bins) if number % HOUR < 2]
    verdicts = said(standing(healthy(bins), *stops))[12 * HOUR :]
    assert {each.state for each in verdicts} == {"unknown", "stopped"}
    assert {each.risk for each in verdicts} == {None}
    whys = [each.why for each in verdicts if each.state == "unknown"]
    # These fans' hours begin twenty to, so each run begins at the full hour.
    assert all(":00 UTC; it is judged once it has turned for 60 min." in why for why in whys), whys[:3]


def test_a_fan_that_stood_for_a_moment_is_not_judged_until_it_has_turned_for_an_hour() -> None:
    stop = 8 * HOUR
    verdicts = said(standing(healthy(12 * HOUR), stop))
    states = [each.state for each in verdicts[stop - 1 :]]
    assert states[:2] == ["ok", "ok"]  # a lone bin is no stop
    assert states[2:7] == ["unknown"] * 5
    assert set(states[7:]) == {"ok"}
    first = verdicts[stop + 1]
    assert (first.risk, first.since_ms) == (None, START_MS + (stop + 1) * BIN_MS)


def test_who_is_new_is_told_since_when_it_is_known_and_when_it_is_judged() -> None:
    verdicts = said(healthy(7 * HOUR))
    assert "; it is judged once it is known for 6 h." in verdicts[5].why
    assert verdicts[5].why.startswith(f"It is known only since {format_ms(START_MS)[:10]} ")
    assert [each.state for each in verdicts[35:38]] == ["unknown", "ok", "ok"]


def test_readings_that_cannot_be_used_are_not_called_too_short_a_time() -> None:
    stop = 8 * HOUR
    values = standing(healthy(10 * HOUR), stop)
    values[stop + 2 :: 2] = np.nan
    whys = [each.why for each in said(values)[stop + 1 : stop + 11] if each.state == "unknown"]
    assert "it is judged once it has turned for" in whys[0]
    assert "too few of its readings since then can be used" in whys[-1]


@pytest.mark.parametrize("trouble", ["warning", "alarm"])
def test_an_episode_stays_open_while_its_fan_cannot_be_judged(trouble: str) -> None:
    values = healthy(16 * HOUR)
    values[8 * HOUR :] += (-250, 12, 120, 9)
    before = next(number for number, each in enumerate(said(values.copy())) if each.state == trouble)
    # It stands for a moment: too short for `stopped`.
    after = said(standing(values, before + 1))
    assert {each.state for each in after[before + 2 : before + 5]} <= {"warning", "alarm"}


def test_whatever_happens_nothing_is_as_usual_without_a_risk() -> None:
    random = np.random.default_rng(7)
    for seed in range(3):
        values = healthy(3 * 24 * HOUR, seed=seed)
        off = random.random(len(values)) < (0.02, 0.1, 0.3)[seed]
        values[off, 0] = STANDING
        values[random.random(len(values)) < 0.1] = np.nan
        for each in said(values):
            assert each.state != "ok" or each.risk is not None, each
