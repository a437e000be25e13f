"""Try it and Pipeline in a real browser, before real functions, a real broker and a real store; and accessibility."""

import base64
import hashlib
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from console import file_scoring, whatif
from console.scoring import score
from fanwatch.bundles import anomaly, verified
from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.messages.result import Result
from fanwatch.settings import GatewaySettings
from fanwatch.store.influx import point
from tests.support.axe import violations_either_way
from tests.support.console import Console, alarm, now_ms, raise_alarm, reading
from tests.support.influx import Influx
from tests.support.listener import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.pipeline import Functions
from tests.support.wait import until

expect.set_options(timeout=30_000)

SPOILED = b'{"deviceID": "fan-01\xff<script>window.hurt = true</script>'
FEATURES = anomaly.load(verified.locate(None)).metadata.features
HEALTHY = {feature.name: feature.healthy.median for feature in FEATURES}


class World:
    """The page before a broker, a store with three dead letters, and the functions that score."""

    def __init__(self, directory: Path, broker: Mosquitto, influx: Influx) -> None:
        self.broker, self.influx = broker, influx
        (directory / "functions").mkdir()
        self.functions = Functions(directory / "functions", broker.port)
        self.gateway = Gateway(GatewaySettings(gateway_url=self.functions.url), 20)
        self.spoiled = self.letter(SPOILED, "fan/messages", "json")
        self.cut = self.letter(b"x" * 32_000, "fan/fan-02/messages", "oversized", length=5_000_000)
        self.page = Console(directory, broker, influx, FANWATCH_GATEWAY_URL=self.functions.url)

    def letter(self, payload: bytes, topic: str, reason: str, length: int | None = None) -> str:
        """Stores a dead letter as Telegraf does; its id."""
        identity = hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest()
        fields: dict[str, object] = {
            "id": identity, "topic": topic, "reason": reason, "error": "why", "attempts": 1,
            "payload": base64.b64encode(payload).decode(), "length": length or len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(), "connector": "fanwatch-connector-0",
        }  # fmt: skip
        self.influx.store.write([point("dead_letter", {}, fields, time.time_ns())])
        return identity

    def close(self) -> None:
        """Ends what it has started."""
        self.page.stop()
        self.functions.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto, influx: Influx) -> Iterator[World]:
    """One for all tests here."""
    made = World(tmp_path_factory.mktemp("world"), broker, influx)
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser that nobody has used."""
    context = browser.new_context()
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def test_what_is_said_of_a_sensor_is_what_scoring_says(world: World) -> None:
    chosen = random.Random(7)
    for fault in (0, 1, 1):
        values = HEALTHY | ({chosen.choice(["vibration", "temperature"]): 1.0} if fault else {})
        for feature in FEATURES:
            if values[feature.name] == 1.0:
                values[feature.name] = feature.trained[1]
        found = whatif.ask(world.gateway, values, FEATURES)
        assert isinstance(found.answer, Result)
        assert found.answer.fault == fault
        for curve, feature in zip(found.curves, FEATURES, strict=True):
            wide = (feature.trained[1] - feature.trained[0]) / 100
            for span in curve.spans:
                assert span.low <= span.high
                if span.high - span.low > wide:
                    at = chosen.uniform(span.low, span.high)
                    [answer] = score(world.gateway, [whatif.as_line("try", values | {curve.sensor: at})])
                    assert isinstance(answer, Result)
                    assert answer.fault == span.fault, (curve.sensor, at)


def test_a_reading_is_judged_and_what_would_change_that_is_said(world: World, page: Page) -> None:
    with Listener(world.broker.settings, "fan/anomaly") as listener:
        page.goto(world.page.url + "/try")
        verdict = page.get_by_role("status").filter(has_text="Probability of a fault")
        expect(verdict).to_contain_text("Healthy")
        page.get_by_role("spinbutton", name="Vibration").fill("230")
        expect(verdict).to_contain_text("Fault because of vibration")
        expect(verdict).to_contain_text(re.compile(r"With vibration at \d+ or less it would be healthy"))
        label = page.get_by_role("img", name=re.compile("^Vibration: healthy from 100 to .*; it is 230 now"))
        expect(label).to_be_visible()
        page.get_by_role("button", name="A healthy fan").click()
        expect(verdict).to_contain_text("Healthy")
        page.get_by_role("button", name="A worn bearing").click()
        expect(verdict).to_contain_text("Fault because of vibration")
        page.get_by_role("spinbutton", name="Rotation").fill("0")
        expect(page.get_by_text("No working sensor shows this: rotation.")).to_be_visible()

        world.broker.publish("fan/messages", reading("fan-30", vibration=233.0))
        page.get_by_label("Or start from a fan").fill("fan-30")
        until(
            lambda: page.get_by_role("button", name="Take it").click() or _vibration(page) == 233,
            30,
            "its reading",
        )
        assert listener.got == []


def _vibration(page: Page) -> float:
    return float(page.get_by_role("spinbutton", name="Vibration").input_value())


def test_a_file_is_scored_within_bounds(world: World, page: Page, tmp_path: Path) -> None:
    rows = "DeviceID,Time,Rotation,Temperature,Vibration,Sound\n"
    rows += "".join(f"fan-{n:02},2026-11-23 12:00:00,598,40,{150 if n else 240},48.5\n" for n in range(4))
    file = tmp_path / "readings.csv"
    file.write_text(rows + "=cmd,2026-11-23 12:00:00,598,40,150,48.5\n")
    page.goto(world.page.url + "/try")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("5 readings: 1 fault, 3 healthy, 1 refused")).to_be_visible()
    expect(page.get_by_role("region", name="Results").locator("tbody tr").first).to_contain_text("fan-00")
    file.write_text(
        rows.split("\n")[0] + "\n" + "fan-01,,598,40,150,48.5\n" * (file_scoring.MOST_READINGS + 1)
    )
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("files of up to 5,000 readings")
    with pytest.raises(FanwatchError, match="up to 2 MB"):
        file_scoring.scored(world.gateway, "x.csv", b"x" * (file_scoring.MOST_BYTES + 1))


def test_a_dead_letter_is_shown_as_text_and_sent_again_as_it_was(world: World, page: Page) -> None:
    page.goto(world.page.url + "/pipeline")
    row = page.locator(f'[data-letter="{world.spoiled}"]')
    row.get_by_role("button", name="Show").click()
    expect(page.get_by_text('{"deviceID": "fan-01\\xff<script>')).to_be_visible()
    assert page.evaluate("window.hurt") is None
    with Listener(world.broker.settings, "fan/#") as listener:
        row.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("Sent to fan/messages.")).to_be_visible()
        assert listener.wait(1) == [("fan/messages", SPOILED)]
    expect(row).to_contain_text("Sent again")
    expect(row).not_to_contain_text("refused again")
    world.letter(SPOILED, "fan/messages", "json")
    expect(row).to_contain_text("and refused again")
    expect(page.locator(f'[data-letter="{world.cut}"]')).to_contain_text("cut, cannot be sent")


def test_yes_is_no_answer_where_some_readings_could_not_be_used(world: World, page: Page) -> None:
    cold = {"deviceID": "fan-03", "temperature": None, "rotation": 592, "vibration": 160.4, "sound": 47.9}
    payload = base64.b64encode(json.dumps(cold).encode()).decode()
    fields = {
        "id": "c",
        "topic": "fan/messages",
        "reason": "field",
        "error": "why",
        "length": 9,
        "payload": payload,
    }
    a_while_ago = time.time_ns() - 60 * 10**9
    world.influx.store.write([point("dead_letter", {"deviceID": "fan-03"}, fields, a_while_ago)])
    page.goto(world.page.url + "/pipeline")
    ledger = page.locator(".pl-ledger")
    expect(ledger).to_contain_text("Not every one")
    # Letters of other tests may be told with it.
    expect(ledger).to_contain_text(re.compile(r"could not be used: .*temperature is null \(fan-03\)"))
    ledger.get_by_role("link", name="See the dead letters").click()
    expect(page.locator("#pl-letters")).to_be_in_viewport()


def test_parts_go_away_and_come_back_in_words(world: World, page: Page) -> None:
    page.goto(world.page.url + "/pipeline")
    expect(_part(page, "Store")).to_contain_text("Works")
    expect(_part(page, "Broker")).to_contain_text("Works")
    world.broker.stop()
    world.influx.stop()
    try:
        expect(_part(page, "Store")).to_contain_text("Does not work")
        expect(_part(page, "Broker")).to_contain_text("Does not work")
        expect(page.get_by_text("Not known without the store.")).to_be_visible()
    finally:
        world.influx.start()
        world.influx.wait()
        world.broker.start()
    expect(_part(page, "Store")).to_contain_text("Works")
    expect(_part(page, "Broker")).to_contain_text("Works")
    expect(page.locator(f'[data-letter="{world.spoiled}"]')).to_be_visible()


def _part(page: Page, name: str) -> Locator:
    return page.locator(".pl-part", has=page.get_by_text(name, exact=True))


SHOWN = {
    "/": "fan-41",
    "/fan/fan-41": "Look at this first",
    "/alarms": "not acknowledged yet",
    "/pipeline": "Dead letters",
    "/try": "What would change that",
}


def test_every_page_is_accessible_wide_and_light_narrow_and_dark(world: World, browser: Browser) -> None:
    for number, state in enumerate(("stopped", "alarm", "warning", "ok")):
        device = f"fan-4{number}"
        world.broker.publish("fan/messages", reading(device))
        hours = (5.0, 20.0) if state in ("alarm", "warning") else None
        cause = None if state == "ok" else "vibration"
        raise_alarm(world.broker, alarm(device, state, "vibration has risen", cause=cause, hours=hours))
    context = browser.new_context(color_scheme="light")
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        for path, words in SHOWN.items():
            page.goto(world.page.url + path)
            expect(page.get_by_text(words).first).to_be_visible()
            assert violations_either_way(page) == [], path
            if path == "/alarms":
                page.get_by_role("button", name="Close").first.click()
                expect(page.get_by_role("dialog")).to_be_visible()
                assert violations_either_way(page) == [], "the dialog"
    finally:
        context.close()


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent")).strip()


def test_it_all_works_by_keyboard(world: World, page: Page) -> None:
    told = alarm("fan-50", "stopped", "it stands still", cause="rotation", since_ms=now_ms() - 1000)
    raise_alarm(world.broker, told)
    # From the fleet to a decision: the fan is searched for, found below, looked at, and acknowledged.
    page.goto(world.page.url + "/")
    expect(page.locator(".fl-row", has_text="fan-50")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("fan-50")
    expect(page.locator(".fl-row")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator(".fl-row").get_by_role("link", name="fan-50")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("fan-50")
    button = page.get_by_role("button", name="Acknowledge")
    expect(button).to_be_visible()
    until(lambda: page.keyboard.press("Tab") or _focused(page).startswith("Acknowledge"), 30, "the button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("forecast-fan is not deployed")

    page.goto(world.page.url + "/alarms")
    card = page.locator(f'[data-episode="{told.episode}"]')
    expect(card).to_be_visible()
    page.keyboard.press("Tab")
    assert _focused(page) == "Skip to content"
    card.get_by_role("button", name="Close").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card.get_by_role("button", name="Close")).to_be_focused()
