"""A fan that stops, as the page sees it before forecast-fan does."""

from typing import Any

import msgspec
import pytest

from console.live.fleet import Fleet
from console.live.ranking import Ranker
from console.live.standstill import stopped
from console.live.states import STATES
from console.live.view import FleetView
from console.pages.actions import card
from fanwatch.fleet.standstill import SURE_MS
from fanwatch.forecast import Verdict
from fanwatch.forecast_service import alarm_content
from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import reason
from fanwatch.messages.timestamps import format_ms
from tests.support.console import alarm
from tests.support.live import NOW, VALUES, as_read, fleet_of

STILL = (0.0, 30.0, 0.2, 40.0)
HOUR_MS = 3_600_000


def send(fleet: Fleet, name: str, values: tuple[float, float, float, float], second: int, count: int) -> None:
    """A reading each second, from that second after NOW on."""
    for step in range(second, second + count):
        fleet.reading(name, NOW + step * 1000, values, NOW + step * 1000)


class Viewer:
    """What somebody is told who looks at the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._view, self._known = FleetView(fleet, Ranker(fleet), ()), dict[str, Any]()

    def look(self, second: int) -> dict[str, Any]:
        message = self._view.message(NOW + second * 1000)
        for name, (cause, why, by, lead) in message["words"].items():
            self._known[name] = (cause, as_read(why), by, lead)
        return message | {"words": self._known}


def warned(device: str, **rest: Any) -> Alarm:
    """An alarm that says when its fan will fail."""
    return alarm(device, "alarm", "vibration has risen", cause="vibration", hours=(20, 40), risk=0.9, **rest)


def test_an_acknowledgement_ends_within_seconds_of_the_fans_stop() -> None:
    fleet = fleet_of("fan-1", "fan-2", "fan-3")
    fleet.alarm(warned("fan-1", acknowledgedBy="Anna"))
    fleet.alarm(alarm("fan-2", "warning", "sound has risen", cause="sound"))
    viewer = Viewer(fleet)
    before = viewer.look(0)
    assert (before["needs"], before["hand"], before["lead"][0]) == (1, 1, "fan-2")
    send(fleet, "fan-1", STILL, 1, 6)
    after = viewer.look(7)
    assert (after["needs"], after["hand"], after["lead"][:3]) == (
        2,
        0,
        ["fan-1", 0, "has stopped, as its vibration had announced"],
    )
    assert after["rows"][0][:2] == ["fan-1", 0]
    since = format_ms(NOW + 1000)[:16].replace("T", " ")
    why = f"It has stood still since {since} UTC, as its vibration had announced"
    assert after["words"]["fan-1"] == (
        "Vibration", f"{why}; Anna had acknowledged it before it stopped.", "", -1,
    )  # fmt: skip
    # forecast-fan says something of its readings before, and then the same of the stop: nothing jumps.
    fleet.alarm(msgspec.structs.replace(warned("fan-1", acknowledgedBy="Anna"), risk=0.95))
    assert viewer.look(8)["words"] == after["words"]
    # Somebody acknowledges that it stands: by the command line, or here, be it Anna again.
    fleet.alarm(warned("fan-1", acknowledgedBy="Ben"))
    assert viewer.look(9)["words"]["fan-1"] == ("Vibration", f"{why}.", "Ben", -1)
    assert (viewer.look(10)["needs"], viewer.look(10)["rows"][1][:2]) == (1, ["fan-1", 0])
    # It turns again, and is what it was; then it stops, and that is another stop.
    send(fleet, "fan-1", VALUES, 11, 6)
    assert viewer.look(17)["rows"][1][1] == 1
    send(fleet, "fan-1", STILL, 20, 6)
    assert viewer.look(26)["lead"][0] == "fan-1"
    episode = fleet.all_alarms()["fan-1"].episode
    fleet.acknowledged_now(episode.replace("fan-1/2", "fan-1/1"))
    assert viewer.look(27)["hand"] == 0
    fleet.acknowledged_now(episode)
    assert (viewer.look(28)["hand"], viewer.look(28)["words"]["fan-1"][2]) == (1, "Ben")


def test_the_words_are_those_that_forecast_fan_will_say() -> None:
    told = warned(
        "fan-1", acknowledgedBy="Anna", since_ms=NOW - HOUR_MS, snoozedUntil=format_ms(NOW + HOUR_MS)
    )
    seen = stopped(told, NOW, known=False)
    verdict = Verdict(
        device="fan-1", state="stopped", since_ms=NOW - HOUR_MS, at_ms=NOW, risk=None, cause="vibration", sensor=None,
        expected_ms=None, reasons=(reason("stopped-announced", since=NOW, sensor="vibration"),),
    )  # fmt: skip
    said = alarm_content.alarm_of(verdict, told, NOW, NOW)
    assert {name: getattr(seen, name) for name in said.__struct_fields__} == msgspec.structs.asdict(said)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ((0.0, 41.2, 160.4, 47.9), 60),  # its sensor reads zero, for whatever time
        (STILL, 1),  # a lone reading
        ((0.0, 0.0, 0.0, 0.0), 5),  # all of them, for a moment
        ((590.0, 41.2, 0.0, 47.9), 60),
    ],
)
def test_zeros_of_a_sensor_stop_no_fan(values: tuple[float, float, float, float], count: int) -> None:
    fleet = fleet_of("fan-1", "new")
    fleet.alarm(warned("fan-1", acknowledgedBy="Anna"))
    viewer = Viewer(fleet)
    before = viewer.look(0)
    for name in ("fan-1", "new"):
        send(fleet, name, values, 1, count)
        send(fleet, name, VALUES, count + 1, 1)
    after = viewer.look(count + 2)
    assert (after["needs"], after["counts"], after["words"]) == (0, before["counts"], before["words"])


def test_a_fan_out_of_service_that_turns_again_says_so_before_the_forecast_does() -> None:
    fleet = fleet_of("bad")
    fleet.alarm(alarm("bad", "out-of-service", "Anna closed it.", risk=None))
    viewer = Viewer(fleet)
    send(fleet, "bad", STILL, 1, 60)
    assert viewer.look(61)["words"]["bad"][1] == "Anna closed it."
    send(fleet, "bad", VALUES, 61, 10)
    told = viewer.look(71)
    assert (told["needs"], told["rows"][0][1]) == (0, STATES.index("out-of-service"))
    assert told["words"]["bad"][1].startswith("Anna closed it. It has turned again since ")
    send(fleet, "bad", STILL, 71, 10)
    assert viewer.look(81)["words"]["bad"][1] == "Anna closed it."


def test_who_stands_still_and_is_well_or_quiet_needs_nobody() -> None:
    fleet = fleet_of("well", "quiet")
    fleet.alarm(alarm("well", "ok", "as usual", risk=0.01))
    fleet.alarm(warned("quiet", snoozedUntil=format_ms(NOW + HOUR_MS)))
    for name in ("well", "quiet"):
        send(fleet, name, STILL, 1, 60)
    told = Viewer(fleet).look(61)
    assert (told["needs"], told["hand"], told["lead"]) == (0, 1, None)
    assert [row[:2] for row in told["rows"]] == [["quiet", 0], ["well", STATES.index("unknown")]]


def test_a_fan_that_is_read_seldom_needs_two_readings_and_one_the_store_remembers_counts() -> None:
    fleet = fleet_of("fan-1")
    fleet.alarm(warned("fan-1", acknowledgedBy="Anna"))
    fleet.reading("fan-1", NOW + 600_000, STILL)
    assert not fleet.standing()[0]
    fleet.reading("fan-1", NOW + 1_200_000, STILL)
    fleet.reading("fan-1", NOW, VALUES)  # one that comes late turns nothing
    assert fleet.standing()[0]
    again = Fleet(4, silent_s=60)
    again.alarm(warned("fan-1", acknowledgedBy="Anna"))
    again.recall("fan-1", NOW, STILL)
    assert not again.standing()[0]
    again.reading("fan-1", NOW + SURE_MS, STILL)
    # For how long is not known here.
    assert again.all_alarms()["fan-1"].why.startswith("It stands still, as its vibration had announced; Anna")
    shown = card(again.all_alarms()["fan-1"])
    assert (shown["state"], shown["by"], shown["stood"]) == ("stopped", None, 0)
