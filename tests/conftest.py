"""The order of the tests, and a broker and a store of a test's own for all that need them.

Files whose tests mostly wait go first, so that with `-n` all processes end together.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fanwatch import proxies
from tests.support.clocks import names_clock, reads_clock
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto

TESTS = Path(__file__).parent
_LONG_FIRST = (
    "tests/watch/",
    "tests/local/test_up.py",
    "tests/faults/test_broker.py",
    "tests/faults/",
    "tests/local/test_grafana.py",
    "tests/dashboards/test_alert_",
    "tests/local/",
    "tests/history/",
    "tests/infra/",
    "tests/training/",
)

# Tests reach their own parts with urllib; what they download goes by the machine's proxy all the same.
os.environ.update(proxies.outward(os.environ))

# On a busy machine an example may take any time; what it costs is no part of what these tests prove.
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    started = Mosquitto(tmp_path / "mosquitto")
    yield started
    started.kill()


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[Influx]:
    """A store of the test's own, set up and empty."""
    started = Influx(tmp_path / "influxdb")
    yield started
    started.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the files, and leaves the order within each as it is; marks those that read a clock."""
    items.sort(key=_rank)
    for item in items:
        if reads_clock(item.path) or any(map(names_clock, _fixtures(item))):
            item.add_marker("clock")


def _fixtures(item: pytest.Item) -> set[Path]:
    """Files of this project whose fixtures the test uses."""
    found = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    files = (Path(each[-1].func.__code__.co_filename) for each in found)
    return {file for file in files if file.is_relative_to(TESTS)}


def _rank(item: pytest.Item) -> int:
    return next(
        (rank for rank, start in enumerate(_LONG_FIRST) if item.nodeid.startswith(start)), len(_LONG_FIRST)
    )
