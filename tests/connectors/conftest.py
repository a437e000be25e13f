"""A real broker, a gateway that answers as told, and the connector between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.connector import ConnectorProcess
from tests.support.ledger import Source, Witness
from tests.support.mosquitto import Mosquitto
from tests.support.scripted import ScriptedGateway


class Bench:
    """Everything that one test needs; ended with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.broker = Mosquitto(directory / "mosquitto")
        self.gateway = ScriptedGateway()
        self.connectors: list[ConnectorProcess] = []
        self._ends: list[Any] = [self.broker.kill, self.gateway.close]

    def connect(self, **settings: object) -> ConnectorProcess:
        """Starts a connector."""
        made = ConnectorProcess(self.directory, self.broker, self.gateway.url, **settings)  # type: ignore[arg-type]
        self.connectors.append(made)
        self._ends.append(made.kill)
        return made

    def source(self) -> Source:
        """A publisher that loses nothing."""
        made = Source(self.broker.settings)
        self._ends.append(made.close)
        return made

    def witness(self) -> Witness:
        """A subscriber of results and dead letters."""
        made = Witness(self.broker.settings)
        self._ends.append(made.close)
        return made

    def close(self) -> None:
        """Ends everything."""
        while self._ends:
            self._ends.pop()()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Broker and gateway; the test starts the connector."""
    made = Bench(tmp_path)
    yield made
    made.close()
