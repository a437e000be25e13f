"""What the conformance suite needs of a gateway and of the pipeline around it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import requests

from tests.support.ledger import Counts, Key, Source, Witness, identity
from tests.support.wait import until

ROW = b'{"params": [592, 41.2, 160.4, 47.9]}'
UNTIMED = b'{"deviceID":"a","rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9}'

_TIMEOUT_S = 70
SETTLED_S = 90.0
"""For all that was published before; a gateway may start functions anew on the way."""


class Place(ABC):
    """A gateway with score-fan and the function that decides, a broker and a connector between them."""

    url: str
    auth: tuple[str, str]
    infer: str
    """The function that decides."""
    topics: str
    """The annotation `fanwatch.topics` of score-fan, as it was deployed."""
    readings: int
    """How many flow while something is killed."""
    source: Source
    witness: Witness

    def __init__(self) -> None:
        self.dead: set[Key] = set()
        """Readings that must be dead letters."""

    @abstractmethod
    def metric(self, name: str) -> float:
        """The sum of a metric of the connector, by its name after `fanwatch_connector_`."""

    @abstractmethod
    def kill(self, function: str) -> None:
        """SIGKILL to all replicas of a function."""

    @abstractmethod
    def restart_provider(self) -> None:
        """Ends what stands between gateway and functions, and starts it again."""

    @abstractmethod
    def kill_connector(self) -> None:
        """SIGKILL to the connector; another one takes its place."""

    @abstractmethod
    def redeploy(
        self, function: str, *, environment: Mapping[str, str] | None = None, topics: str = ""
    ) -> None:
        """Deploys a function anew with more environment or other topics; returns once that is done."""

    @abstractmethod
    def close(self) -> None:
        """Ends what was started, and removes what was deployed."""

    def ask(self, method: str, path: str, *, authorized: bool = True, **options: object) -> requests.Response:
        """One request of the gateway."""
        auth = self.auth if authorized else None
        return requests.request(
            method,
            self.url + path,
            auth=auth,
            timeout=_TIMEOUT_S,
            **options,  # type: ignore[arg-type]
        )

    def call(self, path: str, body: bytes, **headers: str) -> requests.Response:
        """Invokes a function, without credentials, as its callers do; NAME or NAME.namespace, and a path."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask("POST", f"/function/{path}", authorized=False, data=body, headers=named)

    def functions(self) -> dict[str, dict[str, object]]:
        """What the gateway lists, by name."""
        answer = self.ask("GET", "/system/functions")
        assert answer.status_code == 200, answer.text
        return {entry["name"]: entry for entry in answer.json()}

    def answering(self, function: str, body: bytes, timeout_s: float = 60) -> None:
        """Waits until a function answers `body` with 200."""
        until(lambda: self.call(function, body).status_code == 200, timeout_s, f"an answer of {function}")

    def identity(self) -> Counts:
        """Zero loss, over everything that was published here so far."""
        return identity(self.source, self.witness, dead=self.dead, timeout_s=SETTLED_S)
