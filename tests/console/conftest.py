"""A broker, a store, the page before them, and a browser; each once for a module of tests."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local import packages
from tests.support.console import Console
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped."""
    path = packages.find_chromium()
    if path is None:
        pytest.skip("Chromium is missing; get it with: python -m local.tools --browser")
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # as root Chromium refuses to start with it
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield made
        made.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker of the module's own."""
    made = Mosquitto(tmp_path_factory.mktemp("broker"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A store of the module's own."""
    made = Influx(tmp_path_factory.mktemp("influx"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto, influx: Influx) -> Iterator[Console]:
    """The page before this broker and this store."""
    made = Console(tmp_path_factory.mktemp("console"), broker, influx)
    yield made
    made.stop()
