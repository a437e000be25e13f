"""Nobody is called well on the page who has no verdict that counts, and the reason is said."""

import pytest

from console.live.forecast_runs import ForecastRuns
from console.live.ranking import Ranker
from console.live.states import STATES, now
from console.live.view import FleetView
from console.pages.alarms import when_empty
from console.pages.fan import described
from console.words import read
from fanwatch.fleet.faulty import VERDICT_S, behind
from fanwatch.messages.alarm import Alarm
from tests.support.console import alarm
from tests.support.live import NOW, VALUES, as_read, fleet_of

WELL = alarm("fan-1", "ok", "All sensors are as usual for this fan.", risk=0.02, since_ms=NOW - 7_200_000)


def said(told: Alarm | None, runs: ForecastRuns | None = None, at_ms: int = NOW) -> tuple[str, str]:
    """The fan's state on the page, and why: the same on the fleet's page and on its own."""
    fleet = fleet_of("fan-1")
    fleet.forecast = runs or fleet.forecast
    if told is not None:
        fleet.alarm(told)
    fleet.reading("fan-1", at_ms, VALUES)
    message = FleetView(fleet, Ranker(fleet), ()).message(at_ms)
    found = now(fleet, "fan-1", at_ms)
    assert found is not None
    own = described(found)
    why = message["words"]["fan-1"][1]
    assert (own["state"], own["why"]) == (STATES[message["rows"][0][1]], why)
    if own["state"] == "unknown":
        assert own["risk"] is None
        assert message["rows"][0][8] is None
    return own["state"], as_read(why)


def runs(judged_ms: int = 0, *, asked: bool = True, no_store: bool = False) -> ForecastRuns:
    made = ForecastRuns(no_store=no_store)
    made.judged_ms, made.asked = judged_ms, asked
    return made


def test_a_fan_is_well_with_a_risk_of_a_forecast_that_goes_on() -> None:
    assert said(WELL) == ("ok", "")
    assert said(WELL, runs(NOW - VERDICT_S * 1000)) == ("ok", "")


@pytest.mark.parametrize(
    ("told", "runs", "why"),
    [
        (None, None, "forecast-fan has not judged it yet; it judges all fans every ten minutes."),
        (
            alarm("fan-1", "ok", "All sensors are as usual for this fan.", risk=None, since_ms=NOW - 7_200_000),
            None,
            "It has not been judged since 2027-01-15 06:00 UTC.",
        ),
        (
            alarm("fan-1", "unknown", "It last began to turn at 2027-01-15 07:40 UTC.", risk=None),
            None,
            "It last began to turn at 2027-01-15 07:40 UTC.",
        ),
        (WELL, runs(NOW - VERDICT_S * 1000 - 1), "forecast-fan has not judged any fan since 2027-01-15 07:39 UTC."),
        (WELL, runs(), "forecast-fan has not judged any fan yet."),
        (None, runs(), "forecast-fan has not judged any fan yet."),
        (WELL, runs(asked=False), "The store does not answer, so it is not known whether any fan was judged."),
        (
            WELL,
            runs(NOW, no_store=True),
            "The store is off (FANWATCH_NO_STORE), and without it no fan can be judged.",
        ),
    ],
)  # fmt: skip
def test_who_is_not_judged_is_told_why(told: Alarm | None, runs: ForecastRuns | None, why: str) -> None:
    assert said(told, runs) == ("unknown", why)


def test_a_viewer_is_told_once_the_forecast_has_stopped_though_no_alarm_changed() -> None:
    fleet = fleet_of("fan-1")
    fleet.alarm(WELL)
    view = FleetView(fleet, Ranker(fleet), ())
    assert view.message(NOW)["unjudged"] == ""
    fleet.forecast.judged_ms = NOW - 3_600_000
    message = view.message(NOW + 1000)
    assert message["words"]["fan-1"][1] == message["unjudged"] == read(fleet.forecast.why(NOW)) != ""
    assert message["counts"][STATES.index("ok")] == 0


def test_a_fan_that_the_forecast_has_not_got_to_is_not_judged_while_the_others_are() -> None:
    made = runs(NOW)
    old_ms = NOW - VERDICT_S * 1000 - 60_000
    made.behind = behind({"fan-1": old_ms, "fan-2": NOW, "fan-3": NOW - 600_000, "never": 0})
    assert made.behind == {"fan-1": old_ms}
    why = "It has not been judged since 2027-01-15 07:39 UTC, as forecast-fan has not got to it since."
    assert said(WELL, made) == ("unknown", why)


def test_an_alarm_stays_what_it_is_while_nobody_judges() -> None:
    told = alarm("fan-1", "warning", "it changes", cause="sound")
    assert said(told, runs())[0] == "warning"


def test_the_page_of_alarms_does_not_call_well_who_is_not_judged() -> None:
    assert when_empty(3, 0, away=False, hidden=0) == "Nothing needs you. Every fan that is heard of is well."
    assert "1 of 3 fans is not judged" in when_empty(3, 0, away=False, hidden=0, unjudged=1)
    assert "well" not in when_empty(3, 0, away=False, hidden=0, unjudged=3)
