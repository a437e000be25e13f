"""More than the page shows, in a browser: fans without room, and episodes beyond the newest ones."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from console.queries.episodes import SHOWN_PAST
from fanwatch.messages import topics
from fanwatch.messages.alarm import episode_name
from fanwatch.store.influx import point
from tests.support.console import HOUR_MS, Console, alarm, judged, now_ms, raise_alarm, reading, result
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until

PATIENCE_MS = 40_000
expect.set_options(timeout=PATIENCE_MS)


def keep(influx: Influx, device: str, since_ms: int, measurement: str = "episode", **fields: object) -> str:
    """Stores an episode, or what was found in it."""
    name = episode_name(device, since_ms)
    told = {"episode": name, "updated_ms": since_ms + HOUR_MS, **fields}
    influx.store.write([point(measurement, {"deviceID": device}, told, since_ms * 1_000_000)])
    return name


def test_what_is_not_shown_is_said(
    browser: Browser, tmp_path: Path, broker: Mosquitto, influx: Influx
) -> None:
    said: dict[str, object] = {"state": "warning", "cause": "sound", "why": "sound has risen"}
    for number in range(SHOWN_PAST):
        keep(influx, f"fan-{number}", now_ms() - HOUR_MS * 48 - number * 1000, **said)
    older = now_ms() - 20 * 24 * HOUR_MS
    old = keep(influx, "rare", older, **said)
    keep(influx, "rare", older, "label", found="fault", note="belt")
    console = Console(tmp_path, broker, influx, FANWATCH_CONSOLE_FANS="2", FANWATCH_CONSOLE_SILENT="300")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        page.goto(f"{console.url}/alarms")
        past = page.get_by_role("region", name="The last 30 days")
        expect(past.get_by_text("The newest 300 of 301 episodes are listed.")).to_be_visible()
        # What was found in one that is not listed does not stand there without it.
        expect(past.locator(f'[data-episode="{old}"]')).to_have_count(0)
        expect(past.locator("tr[data-episode]")).to_have_count(SHOWN_PAST)
        look = past.get_by_role("searchbox", name="Of one fan only")
        look.fill("rare")
        look.press("Enter")
        expect(past.locator("tr[data-episode]")).to_have_count(1)
        expect(past.locator(f'[data-episode="{old}"]')).to_contain_text("belt")
        expect(past.get_by_text("are listed")).to_be_hidden()
        look.fill("nobody")
        look.press("Enter")
        expect(past.get_by_text("No episode of nobody has ended in the last 30 days.")).to_be_visible()
        look.fill("' OR 1=1")
        look.press("Enter")
        expect(past.get_by_text("letters, digits, _ and - only")).to_be_visible()

        page.goto(console.url)
        for device in ("well-1", "well-2", "well-3"):
            broker.publish(topics.READINGS, reading(device))
            broker.publish(topics.RESULTS, result(device, 0.02))
        banner = page.locator("#fw-banners")
        expect(banner).to_contain_text("One fan is not shown: this page has room for 2")
        expect(banner).to_contain_text("Raise FANWATCH_CONSOLE_FANS")
        page.goto(f"{console.url}/fan/well-3")
        expect(page.get_by_text("This page has no room for this fan.")).to_be_visible()
        page.goto(f"{console.url}/alarms")
        expect(page.get_by_text("No alarm is open. One fan is not shown, though")).to_be_visible()
        page.goto(console.url)
        title = page.get_by_role("heading", level=1)
        expect(title).to_have_text("No fan that is shown needs you, 2 are not judged")
        expect(page.locator(".fl-calm")).to_have_count(0)
        raise_alarm(broker, alarm("well-3", "alarm", "sound has risen", cause="sound", hours=(3, 7)))
        expect(title).to_have_text("One fan needs you, one is not judged")
        expect(page.locator(".fl-row[aria-rowindex='2']")).to_contain_text("well-3")
        expect(banner).to_contain_text("One fan is not shown")
        line = '"event":"fans are not shown, for want of room","fans":1,"room":2'
        until(lambda: line in console.output(), 30, "the log says so")
        # The fan is taken away and retired: its place is free, and the one without any gets it.
        broker.publish(topics.alarm("well-3"), b"", retain=True)
        for device in ("well-1", "well-2"):
            broker.publish(topics.READINGS, reading(device))
            broker.publish(topics.RESULTS, result(device, 0.02))
            raise_alarm(broker, alarm(device, "ok", "All sensors are as usual for this fan.", risk=0.02))
        judged(influx)
        expect(title).to_have_text("All 2 fans are well")
        expect(banner).not_to_contain_text("not shown")
    finally:
        context.close()
        console.stop()
