"""How many messages people get: one an episode, however much worse it gets, and none while somebody has it in hand."""

import pytest

from tests.support.alert_fleet import Fleet
from tests.support.alert_store import at_ms as at_ms
from tests.support.alert_store import influx as influx
from tests.support.alert_store import store_url as store_url
from tests.support.messages import Grafana, Message

OK, INSTRUMENT, WARNING, ALARM, STOPPED = 0, 2, 3, 4, 5
HOUR_MS = 3_600_000
NEEDS_YOU = ("fan-needs-you fan-01",)


class Days:
    """Six fans and Grafana; readings come as long as `passes` lets them, later only what forecast-fan says."""

    def __init__(self, url: str, at_ms: int) -> None:
        self.fleet = Fleet(url, at_ms)
        self.fleet.run(42)
        self.grafana = Grafana(url)

    def says(self, severity: int, *, in_hand: bool = False) -> None:
        self.fleet.say("fan-01", severity, in_hand=in_hand)

    def passes(self, minutes: float) -> list[Message]:
        """Messages while time passes, looked at each half minute."""
        before = len(self.grafana.messages)
        for _ in range(int(minutes * 2)):
            self.fleet.run(0.5)
            self.grafana.look(self.fleet.at_ms)
        return self.grafana.messages[before:]


@pytest.fixture
def days(store_url: str, at_ms: int) -> Days:
    return Days(store_url, at_ms)


def test_one_message_from_the_first_warning_until_it_is_well(days: Days) -> None:
    """Not a second one when it gets worse, nor when its readings become faulty, and none that it is over."""
    days.says(OK)
    assert days.passes(2) == []
    days.says(WARNING)
    [first] = days.passes(20)
    assert first.firing == NEEDS_YOU
    days.says(ALARM)
    assert days.passes(3) == []
    days.fleet.faulty = {"fan-01"}
    assert days.passes(4) == []
    days.says(STOPPED)
    days.fleet.faulty = set()
    assert days.passes(4) == []
    days.says(OK)
    assert days.passes(3) == []
    # The next one is another one.
    days.says(ALARM)
    [second] = days.passes(2)
    assert second.firing == NEEDS_YOU
    assert days.grafana.messages == [first, second]


def test_faults_that_forecast_fan_sees_later_are_the_same_message(days: Days) -> None:
    days.fleet.faulty = {"fan-01"}
    [first] = days.passes(3)
    days.says(ALARM)
    assert days.passes(3) == []
    days.fleet.faulty = set()
    assert days.passes(3) == []
    assert first.firing == NEEDS_YOU


def test_a_snooze_is_quiet_and_its_end_is_told(days: Days) -> None:
    days.says(ALARM)
    [first] = days.passes(2)
    days.says(ALARM, in_hand=True)
    days.fleet.faulty = {"fan-01"}
    assert days.passes(4) == []
    # It gets worse meanwhile, which is what the snooze is for.
    days.says(STOPPED, in_hand=True)
    assert days.passes(2) == []
    days.says(STOPPED)
    [second] = days.passes(2)
    assert first.firing == second.firing == NEEDS_YOU


def test_a_fan_that_stops_though_somebody_had_acknowledged_it_is_told(days: Days) -> None:
    """forecast-fan takes the acknowledgement of a fan that ran for none of one that stands."""
    days.says(ALARM)
    [first] = days.passes(2)
    days.says(ALARM, in_hand=True)
    assert days.passes(3) == []
    days.says(STOPPED)
    [second] = days.passes(2)
    days.says(STOPPED, in_hand=True)
    assert days.passes(3) == []
    assert first.firing == second.firing == NEEDS_YOU


def test_what_somebody_takes_care_of_is_not_repeated_and_what_nobody_does_is_after_four_days(
    days: Days,
) -> None:
    days.says(ALARM)
    assert len(days.passes(2)) == 1
    begin_ms, grafana = days.fleet.at_ms, days.grafana
    told = [
        hour for hour in range(4, 200, 4) if NEEDS_YOU in _firing(grafana.look(begin_ms + hour * HOUR_MS))
    ]
    assert told == [96, 192]
    days.fleet.at_ms = begin_ms + 200 * HOUR_MS
    days.says(ALARM, in_hand=True)
    hours = range(204, 500, 6)
    assert not any(NEEDS_YOU in _firing(grafana.look(begin_ms + hour * HOUR_MS)) for hour in hours)


def test_a_sensor_is_one_message_and_the_pipelines_troubles_say_when_they_are_over(days: Days) -> None:
    days.says(INSTRUMENT)
    days.fleet.down = {"connector"}
    first = days.passes(14)
    assert {message.firing for message in first} == {("instrument-alarm fan-01",), ("part-down",)}
    days.says(OK)
    days.fleet.down = set()
    [over] = days.passes(4)
    assert (over.firing, over.over) == ((), ("part-down",))


def test_a_site_whose_fans_were_all_silent_is_one_message(days: Days) -> None:
    for fan in days.fleet.fans:
        days.fleet.say(fan, INSTRUMENT)
    [message] = days.passes(20)
    assert message.firing == tuple(f"instrument-alarm {fan}" for fan in days.fleet.fans)


def _firing(messages: list[Message]) -> set[tuple[str, ...]]:
    return {message.firing for message in messages}
