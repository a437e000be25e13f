"""A broker, a store, the page before them, and a browser; each once for a module of tests."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.support import packages
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
        clear = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "FAKETIME")}
        made = playwright.chromium.launch(executable_path=path, args=sandbox, env=dict(clear))
        if "FAKETIME" in os.environ:
            _move(made, int(os.environ["FAKETIME"].rstrip("s")))
        yield made
        made.close()


def _move(browser: Browser, seconds: int) -> None:
    """Moves the clock of scripts only (tests/support/hours.py): under libfaketime Chromium takes all processor time."""
    make = browser.new_context
    script = f"""{{
      const now = Date.now;
      Date.now = () => now() + {seconds * 1000};
      window.Date = new Proxy(Date, {{
        construct: (it, given) => (given.length ? new it(...given) : new it(it.now())),
      }});
    }}"""

    def moved(**options: Any) -> BrowserContext:
        context = make(**options)
        context.add_init_script(script)
        return context

    browser.new_context = moved  # type: ignore[method-assign,assignment]


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
