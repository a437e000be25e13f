"""The page where FANWATCH_NO_STORE says that nothing is stored: off, and neither away nor starting."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.console import Console
from tests.support.mosquitto import Mosquitto


@pytest.fixture
def off(tmp_path: Path, broker: Mosquitto) -> Console:
    return Console(tmp_path, broker, None, FANWATCH_NO_STORE="1")


def test_the_store_is_off_on_the_page(off: Console, browser: Browser) -> None:
    try:
        page = browser.new_page()
        page.goto(off.url + "/pipeline")
        part = page.locator(".pl-part", has_text="Keeps the history")
        expect(part).to_contain_text("Off", timeout=30_000)
        expect(part).to_contain_text("InfluxDB is off, as FANWATCH_NO_STORE says: nothing is stored.")
        expect(page.get_by_text("Not known without the store.")).to_be_visible()
        banners = page.locator("#fw-banners")
        expect(banners).to_contain_text("Nothing is stored, as FANWATCH_NO_STORE says", timeout=30_000)
        expect(banners).not_to_contain_text("away")
        expect(page.locator("body")).not_to_contain_text("does not answer at http")
        page.close()
    finally:
        off.kill()
    assert "nothing could be read" not in off.output()
