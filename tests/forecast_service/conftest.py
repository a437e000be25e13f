"""A broker and a store for all tests of forecast-fan; each test has a database and fans of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.watched import Watched

Watch = Callable[..., Watched]


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    made = Influx(tmp_path_factory.mktemp("influx"))
    yield made
    made.kill()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield made
    made.kill()


@pytest.fixture
def watch(influx: Influx, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Makes a fleet; settings by keyword."""
    made: list[Watched] = []

    def make(**options: Any) -> Watched:
        made.append(
            Watched(options.pop("influx", influx), options.pop("broker", broker), monkeypatch, **options)
        )
        return made[-1]

    yield make
    for each in made:
        each.close()
