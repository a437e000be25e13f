"""The local runtime as a place: its gateway passes the same suite, less deploying through REST."""

import re
from collections.abc import Mapping
from pathlib import Path

from fanwatch.messages.topics import ANNOTATION
from tests.openfaas.place import UNTIMED, Place
from tests.support.runtime import Pipeline
from tests.support.wait import until

_REPLACED_S = 60


class Here(Place):
    """Broker, gateway, functions and connector as `fanwatch up` starts them."""

    infer = "infer-fan-lite"
    readings = 450
    topics = "fan/messages,fan/+/messages"

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._pipeline = Pipeline(directory).start()
        self.url = f"http://127.0.0.1:{self._pipeline.gateway_port}"
        secrets = self._pipeline.layout.secrets
        user, password = (
            (secrets / f"basic-auth-{name}").read_text(encoding="ascii") for name in ("user", "password")
        )
        self.auth = (user, password)
        self.source, self.witness = self._pipeline.source, self._pipeline.witness

        self.answering("score-fan", UNTIMED)

    def metric(self, name: str) -> float:
        return self._pipeline.metric(f"fanwatch_connector_{name}")

    def kill(self, function: str) -> None:
        self._pipeline.kill_and_wait(f"fn-{function}")

    def restart_provider(self) -> None:
        """The gateway looks after functions itself."""
        self._pipeline.kill_and_wait("gateway")

    def kill_connector(self) -> None:
        self._pipeline.kill_and_wait("connector")

    def redeploy(
        self, function: str, *, environment: Mapping[str, str] | None = None, topics: str = ""
    ) -> None:
        """Changes stack.yml, which the runtime follows."""
        before = self._pipeline.groups(f"fn-{function}-")
        text = self._pipeline.stack.read_text(encoding="utf-8")
        start = re.search(rf"^  {function}:\n", text, re.MULTILINE)
        assert start, f"stack.yml has no {function}"
        entry = text[start.start() :]
        for name, value in (environment or {}).items():
            entry = re.sub(
                r"(    environment:.*\n(?:      <<:.*\n)?)", rf'\1      {name}: "{value}"\n', entry, count=1
            )
        if topics:
            entry = re.sub(rf"{ANNOTATION}: \S+", f"{ANNOTATION}: {topics}", entry, count=1)
        self._pipeline.stack.write_text(text[: start.start()] + entry, encoding="utf-8")

        def alone() -> bool:
            now = self._pipeline.groups(f"fn-{function}-")
            return len(now) == 1 and now != before

        until(alone, _REPLACED_S, f"another generation of {function} alone")

    def close(self) -> None:
        self._pipeline.close()
