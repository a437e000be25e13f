"""The gateway that OPENFAAS_URL names as a place: functions are deployed to it, broker and connector run here.

OPENFAAS_URL                            the gateway, as seen from here
OPENFAAS_USER, OPENFAAS_PASSWORD        its credentials, or OPENFAAS_PASSWORD_FILE
OPENFAAS_INFER                          the function that decides; infer-fan-lite by default
OPENFAAS_KILL, OPENFAAS_RESTART         shell commands: $SIGNAL to all of $FUNCTION; end and start the provider
OPENFAAS_REPLACE=1                      functions of these names may be replaced, and are removed at the end
REGISTRY, TAG, FANWATCH_GATEWAY_URL, FANWATCH_BROKER_HOST
                                        as in stack.yml: where the images lie, and what functions reach the gateway and
                                        this machine at; the broker listens there, without passwords, while tests run
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fanwatch.messages.topics import ANNOTATION
from local import stack as stacks
from tests.openfaas.place import ROW, UNTIMED, Place
from tests.support.connector import ConnectorProcess
from tests.support.ledger import Source, Witness
from tests.support.mosquitto import Mosquitto
from tests.support.servers import ROOT
from tests.support.wait import until

_COMMAND_S = 120
_READY_S = 180


class Given(Place):
    """score-fan and the function that decides, on a gateway that somebody else runs."""

    readings = 900

    def __init__(self, directory: Path, *, connect: bool = True) -> None:
        """`connect=False` leaves out the connector, and who publishes and listens."""
        super().__init__()
        self.url = os.environ["OPENFAAS_URL"].rstrip("/")
        self.auth = (os.environ.get("OPENFAAS_USER", "admin"), _password())
        self.infer = os.environ.get("OPENFAAS_INFER", "infer-fan-lite")
        self._ends: list[Any] = []
        host = os.environ.get("FANWATCH_BROKER_HOST", "127.0.0.1")
        self.broker = Mosquitto(directory / "mosquitto", also=host)
        self._ends.append(self.broker.kill)
        environment = dict(os.environ) | {
            "FANWATCH_INFER_FUNCTION": self.infer,
            "FANWATCH_BROKER_HOST": host,
            "FANWATCH_BROKER_PORT": str(self.broker.port),
        }
        self._stack = stacks.read(ROOT / "stack.yml", environment)
        self.topics = self._stack.functions["score-fan"].annotations[ANNOTATION]
        self._free()
        for name in (self.infer, "score-fan"):
            self.deploy(self.description(name))
            self._ends.append(lambda name=name: self.remove(name))
        self.answering("score-fan", UNTIMED, _READY_S)
        self.credentials = (directory / "user", directory / "password")
        for path, text in zip(self.credentials, self.auth, strict=True):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        if connect:
            self._connect(directory)

    def _connect(self, directory: Path) -> None:
        self.connector = ConnectorProcess(directory, self.broker, self.url, credentials=self.credentials)
        self._ends.append(self.connector.kill)
        self.witness = Witness(self.broker.settings)
        self._ends.append(self.witness.close)
        self.source = Source(self.broker.settings)
        self._ends.append(self.source.close)

    def description(self, name: str, **changes: object) -> dict[str, Any]:
        """A function of stack.yml as the REST API takes it; our broker knows no users and no TLS."""
        function = self._stack.functions[name]
        return {
            "service": name,
            "image": function.image,
            "envVars": function.local_environment,
            "labels": function.labels,
            "annotations": function.annotations,
            "limits": function.limits,
            "requests": function.requests,
            "readOnlyRootFilesystem": function.readonly_root_filesystem,
            **changes,
        }

    def deploy(self, description: Mapping[str, Any]) -> None:
        """As faas-cli does it: an update, and a creation where there is nothing to update."""
        answer = self.ask("PUT", "/system/functions", json=description)
        if answer.status_code == 404:
            answer = self.ask("POST", "/system/functions", json=description)
        assert answer.status_code in (200, 202), f"{answer.status_code}: {answer.text}"

    def remove(self, name: str) -> None:
        """Returns once it is gone."""
        answer = self.ask("DELETE", "/system/functions", json={"functionName": name})
        assert answer.status_code in (200, 202), f"{answer.status_code}: {answer.text}"
        until(lambda: name not in self.functions(), 60, f"{name} is gone")

    def metric(self, name: str) -> float:
        return self.connector.metric(name)

    def kill(self, function: str, signal: str = "SIGKILL") -> None:
        _command("OPENFAAS_KILL", "a function's replicas are killed", FUNCTION=function, SIGNAL=signal)

    def restart_provider(self) -> None:
        _command("OPENFAAS_RESTART", "the provider is restarted")

    def kill_connector(self) -> None:
        self.connector.kill()
        self.connector.start()

    def redeploy(
        self, function: str, *, environment: Mapping[str, str] | None = None, topics: str = ""
    ) -> None:
        description = self.description(function)
        description["envVars"] = description["envVars"] | dict(environment or {})
        if topics:
            description["annotations"] = description["annotations"] | {ANNOTATION: topics}
        self.deploy(description)
        self.answering(function, ROW if function == self.infer else UNTIMED, _READY_S)

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()

    def _free(self) -> None:
        there = {self.infer, "score-fan"} & self.functions().keys()
        if there and os.environ.get("OPENFAAS_REPLACE") != "1":
            pytest.exit(
                f"{self.url} has {' and '.join(sorted(there))} already, which this suite would replace and then "
                "remove: give it a gateway without them, or set OPENFAAS_REPLACE=1.",
                returncode=2,
            )


def _password() -> str:
    path = os.environ.get("OPENFAAS_PASSWORD_FILE")
    return Path(path).read_text(encoding="utf-8").strip() if path else os.environ.get("OPENFAAS_PASSWORD", "")


def _command(name: str, what: str, **environment: str) -> None:
    command = os.environ.get(name)
    if not command:
        pytest.skip(f"Set {name} to a shell command by which {what}.")
    subprocess.run(
        command, shell=True, env=os.environ | environment, timeout=_COMMAND_S, check=True, capture_output=True
    )
