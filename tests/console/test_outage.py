"""Most of the fleet that is silent, or stands still, is one entry, on every page; a single fan is its own."""

import pytest

from console.live.fleet import Fleet
from console.live.ranking import Ranker
from console.live.states import common_outage, states
from console.live.view import FleetView
from console.pages.alarms import when_empty
from tests.support.console import alarm
from tests.support.live import NOW, VALUES, fleet_of

NAMES = [f"fan-{number}" for number in range(7)]


def gone(silent: int, stopped: int = 0, cause: str | None = None) -> Fleet:
    """Of seven fans, so many went silent two minutes ago, so many others stand still."""
    fleet = fleet_of(*NAMES)
    for name in NAMES[:silent]:
        fleet.heard_ms[fleet.place(name)] = NOW - 120_000
    for name in NAMES[silent : silent + stopped]:
        fleet.alarm(alarm(name, "stopped", "it stands", cause=cause))
    return fleet


@pytest.mark.parametrize(
    ("silent", "stopped", "text"),
    [
        (4, 0, "4 of 7 fans have sent nothing since"),
        (7, 0, "7 of 7 fans have sent nothing since"),
        (0, 4, "4 of 7 fans have stood still since"),
        (2, 2, "4 of 7 fans have stood still or sent nothing"),
        (3, 0, None),
        (0, 3, None),
    ],
)
def test_most_fans_are_one_entry(silent: int, stopped: int, text: str | None) -> None:
    fleet = gone(silent, stopped)
    found = common_outage(fleet, states(fleet, NOW), NOW)
    if text is None:
        assert found is None
        return
    assert found is not None
    assert found.text.startswith(text)
    assert ": look at what they share (" in found.text
    assert found.fans == set(NAMES[: silent + stopped])


def test_what_its_wear_had_announced_is_a_fans_own_and_one_out_of_service_is_not_missed() -> None:
    fleet = gone(0, 7, "vibration")
    assert common_outage(fleet, states(fleet, NOW), NOW) is None
    fleet = gone(3)
    for name in NAMES[5:]:
        fleet.alarm(alarm(name, "out-of-service", "Anna closed it.", risk=None))
    found = common_outage(fleet, states(fleet, NOW), NOW)
    assert found is not None
    assert found.text.startswith("3 of 5 fans have sent nothing since ")


def test_fans_that_send_again_while_the_forecast_calls_them_silent_are_said_to() -> None:
    fleet = fleet_of(*NAMES)
    for name in NAMES:
        fleet.alarm(
            alarm(name, "instrument", "Nothing has come from it since 2026-11-23 12:00 UTC.", cause="silent")
        )
        fleet.reading(name, NOW, VALUES, NOW)
    found = common_outage(fleet, states(fleet, NOW), NOW)
    assert found is not None
    assert "; 7 of them send again: look at" in found.text


def test_the_fleet_page_is_told_once_and_how_many_others_need_somebody() -> None:
    fleet = gone(4)
    fleet.alarm(alarm(NAMES[6], "warning", "it changes", cause="sound"))
    message = FleetView(fleet, Ranker(fleet), ()).message(NOW)
    title, text, others = message["most"]
    assert (title, others, message["needs"]) == ("Most fans are silent", 1, 5)
    assert text.startswith("4 of 7 fans have sent nothing since ")
    assert FleetView(gone(1), Ranker(gone(1)), ()).message(NOW)["most"] is None


def test_the_alarms_page_names_it_where_no_episode_is_open_yet() -> None:
    fleet = gone(4)
    most = common_outage(fleet, states(fleet, NOW), NOW)
    said = when_empty(7, 4, False, 0, most=most)
    assert said.startswith("No alarm is open. 4 of 7 fans have sent nothing since ")
