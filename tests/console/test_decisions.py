"""What a technician decides on the page, all the way through forecast-fan into the store and back."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from fanwatch.messages import topics
from tests.support.console import Console, now_ms, reading
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until
from tests.support.watched import Watched, failing

expect.set_options(timeout=30_000)

READ = 'SELECT * FROM "label"'


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own: one of several tests would keep the alarms of each one's fans."""
    made = Mosquitto(tmp_path / "mosquitto")
    yield made
    made.kill()


@pytest.fixture
def watched(
    request: pytest.FixtureRequest, influx: Influx, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    """A store with a fan whose bearing wears, and forecast-fan, which has raised an alarm about it.

    The fan stops at hour 28; what is known reaches to hour 30, and began 72 hours ago; or as the parameter says.
    """
    hours, ago = getattr(request, "param", (30, 72))
    made = Watched(influx, broker, monkeypatch, ago=ago)
    made.write("bad", 0, hours, failing(8, 28, 200))
    made.tick(hours)
    made.run()
    yield made
    made.close()


@pytest.fixture
def console(watched: Watched, broker: Mosquitto, influx: Influx, tmp_path: Path) -> Iterator[Console]:
    """The page before them; the gateway's only function is forecast-fan's own service."""

    def answer(request: Request) -> Reply:
        if request.path != "/function/forecast-fan":
            return Reply(404)
        status, body = watched.service.answer(request.body)
        return Reply(status, body)

    gateway = HttpStub(answer)
    database = watched.environment["FANWATCH_INFLUX_DATABASE"]
    made = Console(
        tmp_path, broker, influx, FANWATCH_GATEWAY_URL=gateway.url, FANWATCH_INFLUX_DATABASE=database
    )
    yield made
    made.stop()
    gateway.close()


def test_acknowledge_and_close_reach_the_store_and_come_back(
    console: Console, watched: Watched, browser: Browser
) -> None:
    with watched.listener() as listener:
        until(lambda: listener.of("bad"), 30, "the alarm")
        episode = listener.of("bad")[-1].episode
        failed = datetime.now(ZoneInfo("Asia/Kolkata")).replace(second=0, microsecond=0) - timedelta(hours=1)
        context = browser.new_context(timezone_id="Asia/Kolkata")
        context.set_default_timeout(30_000)
        try:
            page = context.new_page()
            page.goto(console.url + "/alarms")
            card = page.locator(f'[data-episode="{episode}"]')
            card.get_by_role("button", name="Acknowledge").click()
            expect(card).to_contain_text("acknowledged by technician")
            assert listener.of("bad")[-1].acknowledgedBy == "technician"

            card.get_by_role("button", name="Close").click()
            asked = page.get_by_role("dialog")
            asked.get_by_label("A fault of the fan").check()
            asked.get_by_label("Which one?").select_option("bearing")
            # It was seen to stop, so that is what is asked about first; who was there knows better when.
            expect(asked.get_by_label("It failed", exact=True)).to_be_checked()
            asked.get_by_label("When?").fill(failed.strftime("%Y-%m-%dT%H:%M"))
            asked.get_by_label("Note").fill("outer ring <b>pitted</b>")
            asked.get_by_role("button", name="Close the episode").click()
            # The list of what is open has lost it, by forecast-fan's own message; that of the past has it.
            past = page.get_by_role("region", name="The last 30 days").locator(f'[data-episode="{episode}"]')
            expect(past).to_contain_text("outer ring <b>pitted</b>")
            expect(past).to_contain_text("A fault of the fan: Bearing, it failed")
            expect(page.get_by_text("No open episodes")).to_be_visible()
        finally:
            context.close()
    [label] = watched.store.query(READ)
    found = {
        name: label[name] for name in ("episode", "found", "mode", "note", "by", "outcome", "outcome_ms")
    }
    assert found == {
        "episode": episode, "found": "fault", "mode": "bearing", "note": "outer ring <b>pitted</b>",
        "by": "technician", "outcome": "failed", "outcome_ms": round(failed.timestamp() * 1000),
    }, json.dumps(label)  # fmt: skip


# A fan without an episode that was not heard of for a day is forgotten, and this one shall stay.
@pytest.mark.parametrize("watched", [(30, 30)], indirect=True)
def test_a_stopped_fan_that_is_closed_is_out_of_service_and_a_second_finding_is_a_correction(
    console: Console, watched: Watched, browser: Browser
) -> None:
    with watched.listener() as listener:
        until(lambda: listener.of("bad"), 30, "the alarm")
        episode = listener.of("bad")[-1].episode
        context = browser.new_context()
        context.set_default_timeout(30_000)
        try:
            page = context.new_page()
            page.goto(console.url + "/alarms")
            card = page.locator(f'[data-episode="{episode}"]')
            asked = page.get_by_role("dialog")
            # While somebody fills in what they found, somebody else closes it.
            card.get_by_role("button", name="Close").click()
            asked.get_by_label("False alarm").check()
            said = {"episode": episode, "action": "close", "by": "Anna", "found": "fault", "mode": "motor"}
            assert watched.order(**said)[0] == 200
            expect(page.get_by_text("No open episodes")).to_be_visible()
            asked.get_by_role("button", name="Close the episode").click()
            expect(page.get_by_text("Anna has closed it on")).to_be_visible()
            page.goto(console.url)
            row = page.locator(".fl-row", has_text=watched.fan("bad"))
            expect(row).to_contain_text("Out of service")
            expect(row).to_contain_text("Anna closed the episode")
            expect(page.get_by_role("heading", level=1)).to_contain_text("is out of service")
            page.goto(f"{console.url}/fan/{watched.fan('bad')}")
            expect(page.get_by_text("It is out of service until it turns")).to_be_visible()
            page.goto(console.url + "/alarms")
            past = page.get_by_role("region", name="The last 30 days").locator(f'[data-episode="{episode}"]')
            expect(past).to_contain_text("A fault of the fan: Motor")
            past.get_by_role("button", name="Correct").click()
            asked.get_by_label("False alarm").check()
            asked.get_by_role("button", name="Keep what it was").click()
            expect(past).to_contain_text("False alarm")
            expect(past).to_contain_text("Anna has closed it on")
        finally:
            context.close()
    [label] = watched.store.query(READ)
    assert (label["found"], label["by"]) == ("false alarm", "technician")


@pytest.mark.parametrize("watched", [(27, 72)], indirect=True)
def test_who_acknowledges_that_it_stands_has_it_in_hand_before_the_forecast_has_seen_that(
    console: Console, watched: Watched, broker: Mosquitto, browser: Browser
) -> None:
    with watched.listener() as listener:
        until(lambda: listener.of("bad"), 30, "the alarm")
        told = listener.of("bad")[-1]
        context = browser.new_context()
        context.set_default_timeout(30_000)
        try:
            page = context.new_page()
            page.goto(console.url + "/alarms")
            card = page.locator(f'[data-episode="{told.episode}"]')
            for turns in (True, False):
                if not turns:
                    for second in range(0, 13, 6):
                        still = reading(told.deviceID, now_ms() + second * 1000, rotation=0.0, vibration=0.3)
                        broker.publish(topics.READINGS, still)
                    expect(card).to_contain_text("technician had acknowledged it before it stopped")
                card.get_by_role("button", name="Acknowledge").click()
                expect(card).to_contain_text("acknowledged by technician")
                expect(card).to_contain_text("Stopped" if not turns else told.state.capitalize())
            said = listener.of("bad")[-1]
            assert (said.state, said.acknowledgedBy) == (told.state, "technician")
            page.goto(console.url)
            expect(page.locator(".fl-row", has_text=told.deviceID)).to_contain_text("technician has it")
            expect(page.get_by_role("heading", level=1)).to_have_text("The fan is looked after")
            # The forecast sees it a little later: nobody is told anew of what they know.
            watched.write("bad", 27, 30, failing(8, 28, 200))
            watched.tick(30)
            watched.run()
            until(lambda: listener.of("bad")[-1].state == "stopped", 30, "the stop")
            said = listener.of("bad")[-1]
            assert (said.acknowledgedBy, "before it stopped" in said.why) == ("technician", False)
            page.goto(console.url + "/alarms")
            expect(card).to_contain_text("acknowledged by technician")
        finally:
            context.close()


@pytest.mark.parametrize("watched", [(20, 72)], indirect=True)
def test_most_of_the_fleet_that_stops_is_one_entry_on_the_page(
    console: Console, watched: Watched, browser: Browser
) -> None:
    names = [f"fan{number}" for number in range(4)]
    for name in names:
        watched.write(name, 0, 22, failing(20, 20, 30))
    watched.write("bad", 20, 22)
    watched.tick(22)
    watched.run()
    with watched.listener() as listener:
        until(lambda: listener.of("fan3"), 30, "the stop")
    context = browser.new_context()
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        page.goto(console.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Most fans stand still")
        expect(page.locator(".fl-lead")).to_contain_text("fans have stood still since ")
        expect(page.locator(".fl-lead")).not_to_contain_text("UTC")
        expect(page.locator(".fl-row", has_text="Stopped")).to_have_count(4)
        page.goto(console.url + "/alarms")
        entry = page.locator("summary.ep-many")
        expect(entry).to_contain_text("fans have stood still since ")
        cards = page.locator("details.ep-group [data-episode]")
        expect(cards).to_have_count(4)
        expect(cards.first).not_to_be_visible()
        entry.click()
        expect(cards.first).to_be_visible()
        cards.first.get_by_role("button", name="Acknowledge").click()
        expect(cards.first).to_be_visible()
    finally:
        context.close()
