"""Fans that are heard and cannot be used, as the page sees them before forecast-fan does."""

import json
from typing import Any

import pytest

from console.checklists import looks
from console.live.fleet import Fleet
from console.live.intake import Intake
from console.live.ranking import Ranker
from console.live.states import Now, now
from console.live.view import FleetView
from console.pages.fan import described
from fanwatch import text
from fanwatch.errors import InvalidReading
from fanwatch.messages import topics
from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reason, reason
from fanwatch.messages.timestamps import at_minute, format_ms
from tests.support.console import alarm, reading
from tests.support.live import NOW, VALUES, as_read, fleet_of, intake_of

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
AGAIN = "It sends again; this ends once it has done so for half an hour. Before: "


class Site:
    """One fan and the page before it; `at_ms` is the time, by whatever clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_ms = NOW
        self.fleet: Fleet = fleet_of("fan-2")
        self.intake: Intake = intake_of(self.fleet)
        monkeypatch.setattr("console.live.intake.time.time_ns", lambda: self.at_ms * 1_000_000)

    def send(
        self, *, seconds: int = 1, topic: str = topics.READINGS, behind_ms: int = 0, **values: object
    ) -> None:
        """A reading each second, as `values` change it."""
        for _ in range(seconds):
            self.at_ms += 1000
            content = reading("fan-1", self.at_ms - behind_ms) | values
            try:
                self.intake.take(topic, json.dumps(content).encode())
            except InvalidReading:
                continue

    def wait(self, seconds: int) -> None:
        """Nothing comes."""
        self.at_ms += seconds * 1000
        self.fleet.tidy(self.at_ms)

    def shown(self) -> Now:
        found = now(self.fleet, "fan-1", self.at_ms)
        assert found is not None
        return found

    def told(self) -> tuple[str, str, str]:
        """State, cause and reason on the fan's page; the list of the fleet says the same."""
        page = described(self.shown())
        view = FleetView(self.fleet, Ranker(self.fleet), ()).message(self.at_ms)
        assert view["words"]["fan-1"][:2] == (page["cause"], page["why"])
        return page["state"], page["cause"], as_read(page["why"])


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(monkeypatch)
    made.send(seconds=5)
    made.fleet.alarm(alarm("fan-1", "ok", "All sensors are as usual for this fan.", risk=0.02), made.at_ms)
    return made


def said(state: str, *reasons: Reason, **content: Any) -> Alarm:
    """What forecast-fan says of the fan."""
    return text.saying(alarm("fan-1", state, "-", **content), reasons)


def test_a_sensor_without_a_value_is_named_and_no_silence(site: Site) -> None:
    good = site.at_ms
    site.send(seconds=90, temperature=None)
    assert site.told() == (
        "instrument",
        "Temperature is not sent",
        f"Temperature has been null since {at_minute(good)}, so its readings cannot be used; the last message came at "
        f"{at_minute(site.at_ms)}, with rotation 592 rpm, vibration 160.4, sound 47.9 dB.",
    )
    assert "look at what it sends" in looks(site.shown())[0]
    # It falls silent; then it is well again.
    site.wait(70)
    assert site.told()[0] == "silent"
    site.send(seconds=2)
    assert site.told()[0] == "ok"


def test_some_that_are_refused_among_others_make_no_trouble_of_the_fan(site: Site) -> None:
    for _ in range(40):
        site.send(seconds=1, temperature=None)
        site.send(seconds=1)
    assert site.told()[0] == "ok"


@pytest.mark.parametrize(
    ("behind_ms", "why"),
    [
        (7 * HOUR_MS, "Its clock is 7 h behind; the last reading came at"),
        (-7 * HOUR_MS, "Its clock is 7 h ahead, so its readings cannot be used since"),
        (400 * 24 * HOUR_MS, "Its clock is 400 days behind, so its readings cannot be used since"),
    ],
)
def test_a_clock_that_is_off(site: Site, behind_ms: int, why: str) -> None:
    site.send(seconds=90, behind_ms=behind_ms, rotation=612.0)
    state, cause, said = site.told()
    assert (state, cause) == ("instrument", "The fan has a wrong clock")
    assert said.startswith(why)
    assert "with rotation 612 rpm, temperature 41.2 °C" in said
    assert described(site.shown())["clock"] == 0
    site.send(seconds=2)
    assert site.told()[0] == "ok"


def test_a_clock_that_stands_still(site: Site) -> None:
    stood = site.at_ms
    for _ in range(400):
        site.at_ms += 1000
        site.intake.take(topics.READINGS, json.dumps(reading("fan-1", stood)).encode())
    assert site.told()[2].startswith(
        f"Its clock stands still at {at_minute(stood)}; the last reading came at "
    )


def test_a_past_that_is_played_in_is_no_wrong_clock(site: Site) -> None:
    began = site.at_ms - 48 * HOUR_MS
    for second in range(120):
        site.at_ms += 1000
        site.intake.take(
            topics.READINGS, json.dumps(reading("fan-1", began + second * 10 * MINUTE_MS)).encode()
        )
    assert site.told()[0] == "ok"


def test_what_forecast_fan_says_of_a_silence_follows_what_is_heard(site: Site) -> None:
    silent = said("instrument", reason("silent", since=site.at_ms), cause="silent", risk=None)
    why = silent.why
    site.wait(120)
    site.fleet.alarm(silent, site.at_ms)
    assert site.told() == ("instrument", "The fan sends nothing", why)
    site.send(seconds=10, temperature=None)
    assert site.told()[:2] == ("instrument", "Temperature is not sent")
    assert site.fleet.all_alarms()["fan-1"].why.startswith("Temperature has been null since")
    # The same a minute later, with another last message.
    site.send(seconds=60, temperature=None)
    assert f"came at {at_minute(site.at_ms)}" in site.fleet.all_alarms()["fan-1"].why
    site.send(seconds=2)
    assert site.told() == ("instrument", "The fan sends again", f"{AGAIN}{why}")
    assert site.fleet.all_alarms()["fan-1"].episode == silent.episode
    site.wait(61)
    assert site.told() == ("instrument", "The fan sends nothing", why)


def test_what_forecast_fan_says_of_a_wrong_clock_ends_with_it(site: Site) -> None:
    why = "Its clock is 7 h behind; the last reading came at 2026-12-01 00:40 UTC."
    site.wait(120)
    site.fleet.alarm(alarm("fan-1", "instrument", why, cause="clock", risk=None), site.at_ms)
    # The page has just started: it cannot tell yet.
    site.send(seconds=5, behind_ms=7 * HOUR_MS)
    assert site.told() == ("instrument", "The fan has a wrong clock", why)
    site.send(seconds=60, behind_ms=7 * HOUR_MS)
    assert site.told()[2].startswith(
        f"Its clock is 7 h behind; the last reading came at {at_minute(site.at_ms)}, with"
    )
    site.send(seconds=2)
    assert site.told() == ("instrument", "The fan sends again", f"{AGAIN}{why}")


def test_a_warning_of_a_fan_that_is_heard_says_nothing_of_silence(site: Site) -> None:
    risen = reason("risen", sensor="vibration", length=3 * HOUR_MS, then=150.0, now=190.0, since=site.at_ms)
    warning = said("warning", risen, reason("also"), reason("silent", since=site.at_ms), cause="vibration")
    site.wait(120)
    site.fleet.alarm(warning, site.at_ms)
    assert site.told()[2] == f"V{warning.why[1:]}"
    site.send(seconds=2)
    assert site.told()[2] == f"V{warning.why[1:].partition(';')[0]}."
    site.send(seconds=90, temperature=None)
    assert "temperature has been null since" in site.told()[2]
    assert "nothing has come" not in site.told()[2]


def test_a_fan_of_which_nothing_is_known_is_not_said_to_send_nothing(site: Site) -> None:
    site.wait(120)
    blind = said("unknown", reason("unscored", since=NOW), reason("nobody"), risk=None)
    assert blind.why.endswith(": neither this fan's readings nor any other's arrive.")
    site.fleet.alarm(blind, site.at_ms)
    site.send(seconds=2)
    assert site.told() == (
        "unknown",
        "",
        f"Nothing was scored since {at_minute(NOW)}: but its readings come again.",
    )


def test_a_message_that_names_no_known_fan_gives_nobody_a_place(site: Site) -> None:
    for topic, payload in (
        ("fan/nobody/messages", b'{"deviceID":"nobody"}'),
        (topics.READINGS, b'{"deviceID":"somebody","temperature":null}'),
        (topics.READINGS, b"\xff"),
    ):
        with pytest.raises(InvalidReading):
            site.intake.take(topic, payload)
    assert site.fleet.names == ["fan-2", "fan-1"]
    site.send(seconds=90, topic="fan/fan-1/messages", deviceID="fan-2")
    assert site.told()[2].startswith("Its readings have been refused since")
    assert "deviceID differs from its topic's" in site.told()[2]
    assert format_ms(site.at_ms)[:10] in site.told()[2]
    assert VALUES[0] == site.shown().values[0]
