"""The page before the whole runtime as a user starts it: from a fan that wears out to what was found at it.

Readings go the whole way, through broker, connector, the deployed functions and Telegraf; what a technician decides
goes through the gateway to the deployed forecast-fan, and what it writes is read from InfluxDB.
"""

import json
import os
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from fanwatch.broker.tools import client, end_loop
from fanwatch.settings import BrokerSettings, StoreSettings
from fanwatch.store.influx import MEANS, Store
from local import tools
from tests.support.influx import tool
from tests.support.ledger import reading
from tests.support.up import Machine, Up
from tests.support.wait import patience, until

MINUTE_MS = 60_000
STEP_MS = 10 * MINUTE_MS
WELL_H, WEARS_H = 100, 20
WORN, WELL = "fan-03", "fan-01"
NOTE = "grease dried <script>window.hurt = true</script>"
_BOX = {"rotation": (560, 640), "temperature": (37, 43), "vibration": (120, 180), "sound": (46.5, 50.5)}
_WEAR = {"rotation": -110.0, "temperature": 9.0, "vibration": 90.0, "sound": 8.0}

expect.set_options(timeout=60_000)


class Site:
    """The runtime, the past of two fans in it, and its store."""

    def __init__(self, state: Path) -> None:
        tool(tools.INFLUXD), tool(tools.TELEGRAF)
        path = [
            place for place in os.environ["PATH"].split(os.pathsep) if not (Path(place) / "grafana").exists()
        ]
        changes = {"FANWATCH_NO_FLEET": "1", "FANWATCH_NO_CONSOLE": "", "PATH": os.pathsep.join(path)}
        self.machine = Machine(state, **changes)
        self.up: Up = self.machine.up()
        self.store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{self.machine.influx}"))
        self.url = f"http://127.0.0.1:{self.machine.console}"

    def close(self) -> None:
        """Ends all of it."""
        self.up.end()

    def live_through(self) -> None:
        """Days of both fans, the last hours of which one wears out, up to now; then a run of the forecast."""
        chosen = random.Random(5)
        end_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
        begin_ms = end_ms - (WELL_H + WEARS_H) * 60 * MINUTE_MS
        settings = BrokerSettings(broker_port=self.machine.broker)
        publisher = client(settings)
        publisher.connect(settings.broker_host, settings.broker_port)
        publisher.loop_start()
        sent = []
        for at_ms in range(begin_ms + MINUTE_MS, end_ms, STEP_MS):
            worn = max(0.0, 1 - (end_ms - at_ms) / (WEARS_H * 60 * MINUTE_MS))
            for fan, share in ((WELL, 0.0), (WORN, worn)):
                values = {
                    name: round(chosen.uniform(*box) + share * _WEAR[name], 2) for name, box in _BOX.items()
                }
                sent.append(publisher.publish("fan/messages", reading(fan, at_ms, **values), qos=1))
        for each in sent:
            each.wait_for_publish(30)
        publisher.disconnect()
        end_loop(publisher)
        until(lambda: self._scored() == len(sent), 120, "every reading is scored and stored")
        until(self._forecast, 60, "a run that looked at both fans")

    def _scored(self) -> int:
        rows = self.store.query('SELECT count("quality") AS "n" FROM "anomaly"')
        return int(rows[0]["n"]) if rows else 0

    def _forecast(self) -> bool:
        address = f"http://127.0.0.1:{self.machine.gateway}/function/forecast-fan"
        with urllib.request.urlopen(address, b"", timeout=30 * patience()) as answer:
            said: dict[str, Any] = json.loads(answer.read())
        return not said["skipped"] and said["fans"] == 2 and not said["behind"]

    def row(self, measurement: str, policy: str = "raw") -> dict[str, Any]:
        """The newest point of a fan in a measurement; empty where there is none."""
        text = f'SELECT * FROM "{measurement}" WHERE "deviceID" = \'{WORN}\' ORDER BY time DESC LIMIT 1'
        return next(iter(self.store.query(text, policy)), {})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One whose fan is about to fail."""
    with closing(Site(tmp_path / "state")) as made:
        made.up.until_said("store: storing")
        made.live_through()
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A technician's tab."""
    context = browser.new_context(viewport={"width": 1366, "height": 800}, timezone_id="UTC")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def test_a_fan_that_wears_out_is_found_acknowledged_and_closed(site: Site, page: Page) -> None:
    page.goto(site.url)
    # Which fan, why, and when.
    expect(page.get_by_role("heading", level=1)).to_have_text("One fan needs you")
    first = page.locator(".fl-row[aria-rowindex='2']")
    expect(first.get_by_role("link", name=WORN)).to_be_visible()
    expect(first.locator(".fl-c-need")).to_have_text(re.compile("Alarm|Warning"))
    expect(first.locator(".fl-c-why b")).to_have_text(re.compile("Rotation|Temperature|Vibration|Sound"))
    expect(first.locator(".fl-c-left")).to_have_text(re.compile(r"\d+ (min|h|d)|not known"))
    page.get_by_role("link", name=f"Look at {WORN}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(WORN)
    expect(page.get_by_role("heading", name="Look at this first")).to_be_visible()

    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".fp-by", has_text="Acknowledged by technician.")).to_be_visible()
    until(lambda: site.row("episode").get("acknowledgedBy") == "technician", 60, "it is stored")
    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("button", name="4 hours").click()
    expect(page.locator(".fp-by", has_text="Quiet until")).to_be_visible()
    episode = str(site.row("episode")["episode"])

    page.get_by_role("link", name="Alarms").click()
    card = page.locator(f'[data-episode="{episode}"]')
    card.get_by_role("button", name="Close").click()
    asked = page.get_by_role("dialog")
    asked.get_by_label("A fault of the fan").check()
    asked.get_by_label("Which one?").select_option("bearing")
    # Nobody saw it stop, so the one who says that it did must say when.
    asked.get_by_label("It failed", exact=True).check()
    submit = asked.get_by_role("button", name="Close the episode")
    expect(submit).to_be_disabled()
    expect(submit).to_have_accessible_description("Say when it failed.")
    failed = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
    asked.get_by_label("When?").fill(failed.strftime("%Y-%m-%dT%H:%M"))
    asked.get_by_label("Note").fill(NOTE)
    asked.get_by_role("button", name="Close the episode").click()
    past = page.get_by_role("region", name="The last 30 days").locator(f'[data-episode="{episode}"]')
    expect(past).to_contain_text("A fault of the fan: Bearing, it failed")
    expect(past).to_contain_text(NOTE)
    assert page.evaluate("window.hurt") is None
    for policy in ("raw", MEANS):
        label = site.row("label", policy)
        kept = {
            name: label[name] for name in ("episode", "found", "mode", "outcome", "outcome_ms", "note", "by")
        }
        assert kept == {
            "episode": episode, "found": "fault", "mode": "bearing", "outcome": "failed",
            "outcome_ms": round(failed.timestamp() * 1000), "note": NOTE, "by": "technician",
        }  # fmt: skip
    exported = site.machine.command("labels", "export").stdout.splitlines()[1].split(",")
    assert exported[0] == WORN
    assert exported[2] == failed.strftime("%Y-%m-%dT%H:%M:00.000Z")
    assert exported[4:] == ["fault", "bearing"]
