"""A real Mosquitto for the tests of the broker module."""

import itertools
from collections.abc import Iterator

import pytest

from tests.support.mosquitto import Mosquitto

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One that no test hurts; use `topic` for a topic of the test's own."""
    made = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield made
    made.kill()


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One for this test alone, to be hurt."""
    made = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield made
    made.kill()


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return f"test/{next(_numbers)}"
