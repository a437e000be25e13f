"""Each way in which a sensor breaks is told from the others, and from a fan that stands still."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fanwatch.forecast import instruments
from fanwatch.forecast.memory import Memory, empty
from fanwatch.messages.timestamps import format_ms
from fanwatch.sensors import FEATURES
from tests.forecast.fans import binned, fleet, healthy, live

Values = NDArray[np.float64]
FROM, TO = 100, 140


def _stuck(values: Values, sensor: int) -> None:
    values[FROM:TO, 0, sensor] = values[FROM, 0, sensor]


def _zero(values: Values, sensor: int) -> None:
    values[FROM:TO, 0, sensor] = 0


def _spikes(values: Values, sensor: int) -> None:
    values[FROM:TO:4, 0, sensor] += [400, 30, 250, 20][sensor]


@pytest.mark.parametrize("sensor", range(4))
@pytest.mark.parametrize(("cause", "spoil"), [("stuck", _stuck), ("zero", _zero), ("spikes", _spikes)])
def test_a_broken_sensor_is_an_instrument_and_never_a_fan(
    cause: str, spoil: Callable[[Values, int], None], sensor: int
) -> None:
    values = healthy(260)
    spoil(values, sensor)
    verdicts = live(fleet(), values)
    states = [verdict.state for verdict in verdicts]
    assert set(states[40:FROM]) == {"ok"}
    broken = [verdict for verdict in verdicts if verdict.state == "instrument"]
    assert {(each.cause, each.sensor) for each in broken} == {(cause, FEATURES[sensor])}
    assert len({each.episode for each in broken}) == 1
    assert all(FEATURES[sensor] in each.why for each in broken)
    assert not {"warning", "alarm", "stopped"} & set(states)
    assert states[-1] == "ok"


def _moment(ms: int) -> str:
    return format_ms(ms)[:16].replace("T", " ")


def test_silence_is_told_and_ends_by_itself() -> None:
    values = healthy(200)
    values[100:120] = np.nan
    verdicts = live(fleet(), values)
    silent = [verdict for verdict in verdicts if verdict.state == "instrument"]
    assert {(each.cause, each.sensor) for each in silent if each.silent_ms} == {("silent", None)}
    resumed = {(each.cause, each.why) for each in silent if not each.silent_ms}
    assert resumed == {("resumed", "It sends again; this ends once it has done so for half an hour.")}
    # A moment: a length of time would be wrong by the time it is read. The last reading was that of bin 99.
    assert verdicts[119].why == f"Nothing has come from it since {_moment(verdicts[99].at_ms)} UTC."
    assert {each.why for each in silent if each.at_ms <= verdicts[119].at_ms} == {verdicts[119].why}
    assert verdicts[-1].state == "ok"


def test_a_fan_that_is_read_each_hour_is_not_silent_in_between() -> None:
    values = np.full((600, 1, 4), np.nan)
    values[::6] = healthy(100)
    verdicts = live(fleet(), values)
    assert {verdict.state for verdict in verdicts[300:]} == {"ok"}
    # Nor while it is new: its second reading tells how often it is read.
    assert {verdict.state for verdict in verdicts} == {"unknown", "ok"}


def test_a_fan_that_was_heard_of_once_is_silent_after_two_hours() -> None:
    values = np.full((30, 1, 4), np.nan)
    values[0] = healthy(1)
    states = [verdict.state for verdict in live(fleet(), values)]
    assert (set(states[:13]), set(states[14:])) == ({"unknown"}, {"instrument"})


def test_a_standing_fan_has_stopped_and_its_sensors_are_sound() -> None:
    values = healthy(200)
    values[100:130, 0] = [0.0, 23.0, 0.4, 33.0]
    states = [verdict.state for verdict in live(fleet(), values)]
    assert set(states[102:130]) == {"stopped"}
    assert "instrument" not in states
    # Not judged before it has turned for an hour.
    assert (states[134], states[137]) == ("unknown", "ok")


def test_a_rotation_sensor_at_zero_is_no_stop() -> None:
    values = healthy(160)
    values[100:, 0, 0] = 0
    those = fleet()
    for each in binned(values):
        those.advance(each)
    assert (those.verdict(0).state, those.verdict(0).cause, those.verdict(0).sensor) == (
        "instrument",
        "zero",
        "rotation",
    )


def test_a_closed_episode_of_a_broken_sensor_stays_closed_until_it_was_sound() -> None:
    values = healthy(200)
    values[100:130, 0, 2] = 0
    values[150:, 0, 2] = 0
    those, states = fleet(), []
    for number, each in enumerate(binned(values)):
        those.advance(each)
        if number == 110:
            those.close(0)
        states.append(those.verdict(0).state)
    assert set(states[102:110]) == {"instrument"}
    assert set(states[110:150]) == {"ok"}
    assert states[155] == "instrument"


def test_a_fan_that_stood_is_not_one_that_is_read_seldom() -> None:
    """What it shows while it warms up counts for one bin, and not for all those in which it stood."""
    rows = empty(2)
    memory, number = Memory(rows), 1000
    memory.scored[:], memory.last[:], memory.interval[:] = number - 30, number, (1, 30)
    certain = np.ones((2, 4), np.float32)
    instruments.drift(memory, certain, np.array([True, True]), 0.5)
    stood, seldom = memory.drifting[:, 0]
    assert stood < 0.05
    assert seldom > 0.5
    assert memory.drifts[:, 0].tolist() == [0, 1]


def test_what_a_fan_showed_before_it_stood_is_held_against_no_sensor() -> None:
    """A fan near its end throws values about; repaired, it has sensors that are as they should be."""
    values = healthy(200)
    _spikes(values, 3)
    values[TO - 6 : TO + 6, 0] = (0.0, 23.0, 0.4, 33.0)
    states = [verdict.state for verdict in live(fleet(), values)]
    assert "instrument" in states[FROM : TO - 6]
    assert "stopped" in states[TO - 6 : TO + 6]
    assert set(states[TO + 12 :]) == {"ok"}
