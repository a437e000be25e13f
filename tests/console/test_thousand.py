"""How soon a page is there; and what 1,000 fans cost, at one reading a second, before five viewers.

The second takes PAGE_MINUTES (10), and asks that it stays so.

`make test-page` runs it. It asserts what holds on any machine, that nothing grows and nothing is behind at the end, and
prints the rest.
"""

import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.console import ROOT, Console, reading
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.process import Process
from tests.support.wait import until

pytestmark = [pytest.mark.page, pytest.mark.timeout(3600)]

FANS = 1000
VIEWERS = 5
VISITS = 5
MINUTES = float(os.environ.get("PAGE_MINUTES", "10"))
SETTLED = 0.3
"""Part of the time after which memory has to stay as it is."""
MOST_RSS_MB = 200
GROWTH_MB = 12
"""Of the server or of a page, from SETTLED to the end: noise of the collectors."""
# How old a reading is when the page has it, each once, as a histogram of steps of 20 ms.
_WATCH = """
const watch = () => {
  if (!window.fanwatch) return setTimeout(watch, 20);
  const seen = new Map();
  window.delays = new Array(501).fill(0);
  window.fanwatch.listen((message) => {
    for (const row of message.page?.rows ?? []) {
      if (seen.get(row[0]) === row[2]) continue;
      if (seen.has(row[0])) window.delays[Math.min(500, Math.floor((Date.now() - row[2]) / 20))]++;
      seen.set(row[0], row[2]);
    }
  });
};
watch();
"""


_PAINTED = """() => new Promise((resolve) => {
  const look = () => {
    const [first] = performance.getEntriesByName("first-contentful-paint");
    if (first) resolve(first.startTime); else setTimeout(look, 20);
  };
  look();
})"""


@pytest.fixture
def crowd(broker: Mosquitto, tmp_path: Path) -> Iterator[Process]:
    """The fleet that sends."""
    argv = [sys.executable, "-m", "tests.support.crowd", str(broker.port), str(FANS)]
    made = Process(argv, tmp_path / "crowd.log", {"PYTHONPATH": str(ROOT)}, ROOT)
    yield made
    made.stop()


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def heap_mb(page: Page) -> float:
    """What a page's scripts hold, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return float(used) / 1e6


def quantile_ms(histogram: list[int], share: float) -> int:
    """The upper edge of the step in which `share` of all delays are reached."""
    reached = 0
    for step, count in enumerate(histogram):
        reached += count
        if reached >= share * sum(histogram):
            return (step + 1) * 20
    raise AssertionError("no reading came")


def test_how_soon_a_page_is_there(browser: Browser, broker: Mosquitto, console: Console) -> None:
    for number in range(20):
        broker.publish("fan/messages", reading(f"fan-{number:02}"))
    paths = {
        "/": ".fl-row",
        "/fan/fan-01": ".fp-facts",
        "/alarms": ".ep",
        "/pipeline": ".pl",
        "/try": ".ty-form",
    }
    shown: dict[str, dict[str, list[int]]] = {}
    for path, content in paths.items():
        found = shown[path] = {"first visit": [], "again": []}
        for _ in range(VISITS):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            for visit in found.values():
                page.goto(console.url + path, wait_until="commit")
                page.locator(content).first.wait_for(timeout=120_000)
                visit.append(round(page.evaluate(_PAINTED)))
            context.close()
    medians = {
        path: {visit: statistics.median(each) for visit, each in found.items()}
        for path, found in shown.items()
    }
    print(json.dumps({"first_paint_ms": medians, "cores": os.cpu_count(), "load": os.getloadavg()}, indent=1))


def test_nothing_grows_and_nothing_is_behind(
    browser: Browser, broker: Mosquitto, influx: Influx, console: Console, crowd: Process
) -> None:
    first = opened(browser, console)
    first.get_by_text("1,000", exact=True).first.wait_for(timeout=120_000)
    pid = console.process.pid
    alone = cost(first, pid, 20)
    pages = [first, *(opened(browser, console) for _ in range(VIEWERS - 1))]
    for page in pages:
        page.locator(".fl-row").first.wait_for(timeout=120_000)
        page.evaluate("window.delays.fill(0)")
    seconds = MINUTES * 60
    first.wait_for_timeout(seconds * SETTLED * 1000)
    settled = rss_mb(pid), heap_mb(first)
    crowded = cost(first, pid, seconds * (1 - SETTLED))
    ended = rss_mb(pid), heap_mb(first)
    histogram = [
        sum(counts) for counts in zip(*(page.evaluate("window.delays") for page in pages), strict=True)
    ]
    print(
        json.dumps(
            {
                "minutes": MINUTES,
                "cpu_ms_a_s": {"one viewer": alone, f"{VIEWERS} viewers": crowded},
                "rss_mb": {"settled": round(settled[0]), "end": round(ended[0])},
                "heap_mb": {"settled": round(settled[1], 1), "end": round(ended[1], 1)},
                "delay_ms": {f"p{round(100 * q)}": quantile_ms(histogram, q) for q in (0.5, 0.99)},
                "sender": crowd.output().splitlines()[-1:],
                "cores": os.cpu_count(),
                "load": os.getloadavg(),
            },
            indent=1,
        )
    )
    assert ended[0] < MOST_RSS_MB
    assert ended[0] - settled[0] < GROWTH_MB
    assert ended[1] - settled[1] < GROWTH_MB
    crowd.stop()
    # What was sent last is shown soon after: nothing waits in a queue that has grown.
    until(
        lambda: "now" not in first.locator(".fl-row .fl-c-age").all_inner_texts(),
        20,
        "the last reading is shown",
    )


def opened(browser: Browser, console: Console) -> Page:
    """One more viewer."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    page.add_init_script(_WATCH)
    page.goto(console.url)
    return page


def cost(page: Page, pid: int, seconds: float) -> int:
    """Milliseconds of the server's processor time a second."""
    began = cpu_s(pid)
    page.wait_for_timeout(seconds * 1000)
    return round((cpu_s(pid) - began) / seconds * 1000)
