"""The fleet and one fan in a real browser, before a real broker and a real store that come and go."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from fanwatch import text
from fanwatch.messages import topics
from fanwatch.messages.alarm import Expected
from fanwatch.messages.reasons import as_text, reason
from fanwatch.messages.timestamps import format_ms
from fanwatch.store.checkpoints import Note, Row, to_point
from fanwatch.store.influx import MEANS, point
from tests.support.console import Console, alarm, judged, now_ms, raise_alarm, reading, result
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import patience

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PATIENCE_MS = 40_000
"""A loaded machine is slow; what is right comes in the end."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of its own, in another time zone than the server's."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Asia/Kolkata")
    context.set_default_timeout(PATIENCE_MS)
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert not errors


def publish(broker: Mosquitto, *devices: str, probability: float = 0.02) -> None:
    for device in devices:
        broker.publish(topics.READINGS, reading(device))
        broker.publish(topics.RESULTS, result(device, probability))


def test_fans_turn_up_and_the_one_that_fails_comes_first_with_cause_and_time_left(
    page: Page, console: Console, broker: Mosquitto, influx: Influx
) -> None:
    page.goto(console.url)
    expect(page.get_by_role("heading", name="No fan has sent anything yet")).to_be_visible()
    publish(broker, "fan-01", "fan-02", "fan-03")
    rows = page.locator(".fl-row")
    expect(rows).to_have_count(3)
    headline = page.get_by_role("heading", level=1)
    expect(headline).to_have_text("None of 3 fans is judged")
    expect(page.locator(".fl-lead")).to_have_text("forecast-fan has not judged any fan yet.")
    for device in ("fan-01", "fan-02", "fan-03"):
        raise_alarm(broker, alarm(device, "ok", "All sensors are as usual for this fan.", risk=0.02))
    judged(influx)
    expect(headline).to_have_text("All 3 fans are well")
    why = "vibration has risen for 31 h <img src=x onerror=\"document.title='taken'\">"
    raise_alarm(broker, alarm("fan-02", "alarm", why, cause="vibration", hours=(3.2, 7.4), risk=0.91))
    first = page.locator(".fl-row[aria-rowindex='2']")
    expect(first.get_by_role("link", name="fan-02")).to_be_visible()
    expect(first).to_contain_text("Alarm")
    expect(first).to_contain_text("3–8 h")
    expect(first).to_contain_text("91 %")
    expect(first).to_contain_text("Vibration has risen for 31 h <img")  # somebody's words stay words
    expect(page.get_by_role("heading", level=1)).to_have_text("One fan needs you")
    assert "taken" not in page.title()
    page.get_by_role("button", name=re.compile("Healthy")).click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name=re.compile("Healthy")).click()
    page.keyboard.press("/")
    page.keyboard.type("vibration")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="fan-02").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("fan-02")


def test_one_fan_shows_history_causes_checklist_and_episodes(
    page: Page, console: Console, broker: Mosquitto, influx: Influx
) -> None:
    now = now_ms()
    values = {"rotation": 590.0, "temperature": 41.0, "sound": 48.0}
    for step in range(60):
        at_ns = (now - (60 - step) * 30_000) * 1_000_000
        fields: dict[str, object] = {**values, "vibration": 150.0 + step}
        influx.store.write([point("telemetry", {"deviceID": "fan-08"}, fields, at_ns)])
    since = now - 3 * 86_400_000
    told = {
        "state": "warning",
        "cause": "sound",
        "why": "sound was above 52.1 dB for about 12% of the last 6 h",
        "updated_ms": since + 60_000,
    }
    influx.store.write([point("episode", {"deviceID": "fan-08"}, told, since * 1_000_000)])
    seen = reason("outside", sensor="sound", side="above", edge=52.1, share=0.12)
    turn: dict[str, object] = {"ended_ms": since + 3_600_000, "reasons": as_text((seen,))}
    influx.store.write([point("forecast_episode", {"deviceID": "fan-08"}, turn, since * 1_000_000)], MEANS)
    publish(broker, "fan-08")
    raise_alarm(broker, alarm("fan-08", "alarm", "vibration has risen", cause="vibration", hours=(5, 9)))
    # The range that the fan's page begins with depends on the alarm, which is under way still.
    page.goto(console.url)
    expect(page.locator(".fl-row", has_text="fan-08")).to_contain_text("Alarm")
    page.goto(f"{console.url}/fan/fan-08")
    expect(page.locator(".fp-state")).to_contain_text("Alarm")
    expect(page.locator(".fp-left")).to_contain_text("h")
    chart = page.get_by_role("img", name=re.compile(r"The last 1 day.*Vibration: from 15\d\.\d to 2"))
    expect(chart).to_be_attached()
    expect(page.get_by_role("region", name="What to look at first")).to_contain_text("bearings")
    expect(page.get_by_role("region", name="Episodes")).to_contain_text("for about 12 % of")
    page.get_by_role("button", name="30 days").click()
    expect(page.get_by_role("img", name=re.compile("The last 30 days.*Vibration: from"))).to_be_attached()


def test_an_acknowledged_fan_that_stops_needs_somebody_at_once_on_every_page(
    page: Page, console: Console, broker: Mosquitto
) -> None:
    told = alarm(
        "fan-51", "alarm", "vibration has risen", cause="vibration", hours=(5, 9), acknowledgedBy="Anna"
    )
    publish(broker, "fan-51")
    raise_alarm(broker, told)
    page.goto(console.url)
    row = page.locator(".fl-row", has_text="fan-51")
    expect(row).to_contain_text("Anna has it")
    for second in range(0, 13, 6):
        still = {"rotation": 0.0, "vibration": 0.2, "sound": 38.0}
        broker.publish(topics.READINGS, reading("fan-51", now_ms() + 1000 * second, **still))
    lead = page.locator(".fl-lead")
    expect(lead).to_contain_text("fan-51 has stopped, as its vibration had announced")
    expect(page.locator(".fl-row").first).to_contain_text("fan-51")
    expect(row).to_contain_text("Stopped")
    expect(row).to_contain_text("Anna had acknowledged it before it stopped.")
    expect(row).not_to_contain_text("Anna has it")
    lead.get_by_role("link", name="Look at fan-51").click()
    expect(page.locator(".fp-state")).to_contain_text("Stopped")
    page.goto(console.url + "/alarms")
    card = page.locator(f'[data-episode="{told.episode}"]')
    expect(card).to_contain_text("Stopped")
    expect(card.get_by_role("button", name="Acknowledge")).to_be_visible()
    # forecast-fan has not seen it stop, so it asks when it failed; this page has.
    card.get_by_role("button", name="Close").click()
    asked = page.get_by_role("dialog")
    asked.get_by_label("A fault of the fan").check()
    expect(asked.get_by_label("It failed", exact=True)).to_be_checked()
    expect(asked.get_by_label("When?")).to_have_value(re.compile(r"^\d{4}-\d\d-\d\dT"))


def test_a_phone_gets_cards(browser: Browser, console: Console, broker: Mosquitto, influx: Influx) -> None:
    publish(broker, "fan-01")
    told: dict[str, object] = {
        "state": "warning",
        "cause": "sound",
        "why": "sound has risen",
        "updated_ms": 1,
    }
    began = [now_ms() - number * HOUR_MS for number in range(2, 14)]
    influx.store.write(
        [
            point(
                "episode",
                {"deviceID": "fan-41"},
                told | {"episode": f"fan-41/{format_ms(at)}"},
                at * 1_000_000,
            )
            for at in began
        ]
    )
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(console.url)
        card = page.locator(".fl-narrow .fl-row").first
        expect(card).to_be_visible()
        expect(page.get_by_label("Sort by")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # The first fan is seen without scrolling.
        box = card.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 600
        # A long list scrolls in its place, and there is no empty page below.
        page.goto(console.url + "/alarms")
        expect(page.locator(".ep-past tr", has_text="fan-41")).to_have_count(len(began))
        assert page.evaluate("document.documentElement.scrollHeight") <= 844
    finally:
        context.close()


def test_while_the_past_comes_in_times_are_told_by_the_fans_clock(
    browser: Browser, console: Console, broker: Mosquitto, influx: Influx
) -> None:
    """Failure is expected the day after the fan's, which is the viewer's own: nobody may read that as today."""
    noon = now_ms() // DAY_MS * DAY_MS + DAY_MS // 2
    clock = noon - DAY_MS if noon <= now_ms() else noon - 2 * DAY_MS
    began = clock - 2 * HOUR_MS
    why = reason("risen", sensor="vibration", length=2 * HOUR_MS, then=150.0, now=199.0, since=began)
    told = msgspec.structs.replace(
        text.saying(alarm("fan-61", "alarm", "-", cause="vibration", since_ms=began), (why,)),
        failureExpected=Expected(format_ms(clock + 6 * HOUR_MS), format_ms(clock + DAY_MS)),
    )
    raise_alarm(broker, told)
    # The end of one before is not known; what was told of it last came when it was no longer that time for the fan.
    before: dict[str, object] = {
        "state": "warning",
        "cause": "sound",
        "why": "it changes",
        "updated_ms": now_ms(),
    }
    influx.store.write([point("episode", {"deviceID": "fan-61"}, before, (clock - 20 * HOUR_MS) * 1_000_000)])
    context = browser.new_context(timezone_id="UTC", locale="en-GB")
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        named = datetime.fromtimestamp((clock + DAY_MS) / 1000, UTC).strftime("%a 12:00")

        def look_at(path: str) -> None:
            # Its clock counts for as long as it is heard of.
            broker.publish(topics.READINGS, reading("fan-61", clock))
            page.goto(console.url + path)

        look_at("/fan/fan-61")
        left = page.locator(".fp-left")
        expect(left).to_contain_text(f"today 18:00 – {named}")
        expect(left).to_contain_text("6–24 h")
        expect(page.locator(".fp-why")).to_contain_text("since 10:00.")
        expect(page.get_by_role("region", name="Episodes")).to_contain_text("– today 12:00 (20 h)")
        look_at("/")
        row = page.locator(".fl-row", has_text="fan-61")
        expect(row).to_contain_text(f"today 18:00 – {named}")
        look_at("/alarms")
        card = page.locator(f'[data-episode="{told.episode}"]')
        expect(card).to_contain_text(f"failure expected today 18:00 – {named}")
        expect(card).to_contain_text("since 10:00")
    finally:
        context.close()


def test_broker_store_and_server_go_and_come_back_and_the_page_says_so_and_mends(
    page: Page, console: Console, broker: Mosquitto, influx: Influx
) -> None:
    page.goto(console.url)
    publish(broker, "fan-21")
    row = page.locator(".fl-row", has_text="fan-21")
    expect(row).to_be_visible()
    banners = page.locator("#fw-banners")
    broker.stop()
    expect(banners).to_contain_text("The broker is away since")
    broker.start()
    broker.wait()
    expect(banners).not_to_contain_text("The broker is away")
    influx.stop()
    expect(banners).to_contain_text("InfluxDB is away since")
    publish(broker, "fan-22")
    expect(page.locator(".fl-row", has_text="fan-22")).to_be_visible()
    influx.start()
    influx.wait()
    expect(banners).not_to_contain_text("InfluxDB is away")
    console.kill()
    expect(banners).to_contain_text("No connection to the server since")
    expect(row).to_be_visible()
    console.start()
    console.wait()
    expect(banners).not_to_contain_text("No connection")
    publish(broker, "fan-23")
    expect(page.locator(".fl-row", has_text="fan-23")).to_be_visible()


def test_a_start_knows_what_the_store_remembers(
    page: Page, tmp_path: Path, broker: Mosquitto, influx: Influx
) -> None:
    now = now_ms()
    values: dict[str, object] = {"rotation": 601.0, "temperature": 41.0, "vibration": 150.0, "sound": 48.0}
    influx.store.write([point("telemetry", {"deviceID": "fan-31"}, values, (now - 600_000) * 1_000_000)])
    # Of these it remembers something, too: nothing came for a day, and somebody has retired it.
    means: dict[str, object] = {f"{name}_mean": value for name, value in values.items()}
    influx.store.write(
        [point("telemetry", {"deviceID": "fan-32"}, means, (now - 25 * HOUR_MS) * 1_000_000)], MEANS
    )
    raise_alarm(broker, alarm("fan-32", "unknown", "too little history", risk=None))
    influx.store.write([point("telemetry", {"deviceID": "fan-33"}, values, (now - 600_000) * 1_000_000)])
    note = to_point(Row(fan="fan-33", note=Note(retired_ms=now - 60_000)), now - 600_000)
    influx.store.write([note])
    faulty: dict[str, object] = {"probability": 0.99, "fault": 1}
    late = [(now - second * 1000) * 1_000_000 for second in range(10, 200)]
    influx.store.write(
        [
            *(point("anomaly", {"deviceID": "fan-34"}, faulty, at_ns) for at_ns in late),
            point("telemetry", {"deviceID": "fan-34"}, values, late[0]),
        ]
    )
    raise_alarm(broker, alarm("fan-34", "ok", "as usual", risk=0.01))
    console = Console(tmp_path, broker, influx, FANWATCH_CONSOLE_SILENT="3")
    try:
        page.goto(console.url)
        row = page.locator(".fl-row", has_text="fan-31")
        expect(row).to_contain_text("601")
        expect(row).to_contain_text("Silent")
        expect(row.locator(".fl-c-vibration path")).to_have_attribute("d", re.compile(r"^M"))
        expect(page.locator(".fl-row", has_text=re.compile("fan-3[23]"))).to_have_count(0)
        # Nearly all of its last results were faulty, which is so after the start as it was before.
        expect(page.locator(".fl-row", has_text="fan-34")).to_contain_text("Suspect")
        broker.publish(topics.READINGS, reading("fan-33"))
        expect(page.locator(".fl-row", has_text="fan-33")).to_be_visible()
    finally:
        # Whatever pages are open.
        assert console.stop() < patience()
    assert console.process.returncode == 0
