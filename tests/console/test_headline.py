"""The fleet's headline, in a browser before a real broker and a real store: green only where each fan is judged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.messages import topics
from tests.support.console import Console, alarm, judged, now_ms, raise_alarm, reading, result
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto

PATIENCE_MS = 40_000
FANS = ("fan-01", "fan-02", "fan-03")
USUAL = "All sensors are as usual for this fan."


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def send(broker: Mosquitto, *probabilities: float, count: int = 5) -> None:
    """A reading of each fan, and so many results with these scores."""
    last = now_ms()
    for device, probability in zip(FANS, probabilities, strict=True):
        broker.publish(topics.READINGS, reading(device, last))
        for back in range(count - 1, -1, -1):
            score = result(device, probability, last - back * 10, "vibration" if probability > 0.5 else None)
            broker.publish(topics.RESULTS, score)


def test_the_headline_counts_who_is_not_judged_and_says_at_once_whose_readings_are_faulty(
    page: Page, tmp_path: Path, broker: Mosquitto, influx: Influx
) -> None:
    console = Console(tmp_path, broker, influx, FANWATCH_CONSOLE_SILENT="600")
    try:
        page.goto(console.url)
        headline, lead, green = (
            page.get_by_role("heading", level=1),
            page.locator(".fl-lead"),
            page.locator(".fl-calm"),
        )
        send(broker, 0.02, 0.02, 0.02)
        expect(headline).to_have_text("None of 3 fans is judged")
        expect(green).to_have_count(0)
        expect(page.locator(".fl-row").first).to_contain_text("Not judged")
        for device in FANS[:2]:
            raise_alarm(broker, alarm(device, "ok", USUAL, risk=0.02))
        stood = "It last began to turn at 2026-11-30 14:20 UTC; it is judged once it has turned for 60 min."
        raise_alarm(broker, alarm("fan-03", "unknown", stood, risk=None))
        judged(influx)
        expect(headline).to_have_text("2 of 3 fans are well, 1 is not judged")
        expect(green).to_have_count(0)
        expect(page.locator(".fl-row", has_text="fan-03")).to_contain_text(
            "it is judged once it has turned for 60 min"
        )
        raise_alarm(broker, alarm("fan-03", "ok", USUAL, risk=0.02))
        expect(headline).to_have_text("All 3 fans are well")
        expect(green).to_have_count(1)
        # Each reading of one is scored faulty: nobody waits for forecast-fan to say so.
        send(broker, 0.02, 0.97, 0.02, count=20)
        expect(headline).to_have_text("One fan’s readings are faulty")
        expect(green).to_have_count(0)
        expect(lead).to_contain_text("fan-02 gives readings that are scored as faulty (vibration).")
        send(broker, 0.97, 0.97, 0.97, count=80)
        expect(headline).to_have_text("The readings of 3 fans are faulty")
    finally:
        console.stop()
        for device in FANS:
            broker.publish(topics.alarm(device), b"", retain=True)


def test_nothing_is_green_once_forecast_fan_has_stopped_or_the_store_is_off(
    page: Page, tmp_path: Path, broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory
) -> None:
    influx = Influx(tmp_path_factory.mktemp("stopped"))
    headline, lead, green = (
        page.get_by_role("heading", level=1),
        page.locator(".fl-lead"),
        page.locator(".fl-calm"),
    )
    for device in FANS:
        raise_alarm(broker, alarm(device, "ok", USUAL, risk=0.02))
    judged(influx, now_ms() - VERDICT_S * 1000 - 60_000)
    console = Console(tmp_path, broker, influx, FANWATCH_CONSOLE_SILENT="600")
    try:
        page.goto(console.url)
        send(broker, 0.02, 0.02, 0.02)
        expect(headline).to_have_text("None of 3 fans is judged")
        expect(lead).to_contain_text("forecast-fan has not judged any fan since")
        expect(green).to_have_count(0)
        page.goto(f"{console.url}/fan/fan-01")
        expect(page.locator(".fp-state")).to_contain_text("Not judged")
        expect(page.locator(".fp-why")).to_contain_text("forecast-fan has not judged any fan since")
        expect(page.get_by_text("that a fault is under way")).to_have_count(0)
        page.goto(f"{console.url}/alarms")
        expect(page.get_by_text("No alarm is open, but 3 of 3 fans are not judged")).to_be_visible()
        # It is back: what was said counts again.
        judged(influx)
        page.goto(console.url)
        send(broker, 0.02, 0.02, 0.02)
        expect(headline).to_have_text("All 3 fans are well")
        expect(green).to_have_count(1)
        broker.stop()
        expect(headline).to_have_text("The broker does not answer")
        expect(lead).to_have_text("When it was heard last: All 3 fans are well.")
        expect(green).to_have_count(0)
        broker.start()
        broker.wait()
    finally:
        console.stop()
    off = Console(tmp_path, broker, influx, FANWATCH_CONSOLE_SILENT="600", FANWATCH_NO_STORE="1")
    try:
        page.goto(off.url)
        send(broker, 0.02, 0.02, 0.02)
        expect(headline).to_have_text("None of 3 fans is judged")
        expect(lead).to_contain_text("The store is off")
        expect(green).to_have_count(0)
    finally:
        off.stop()
        influx.stop()
