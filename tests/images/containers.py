"""Containers as a deployment runs them: nothing writable, no capabilities, bounded memory."""

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.images.engine import Engine

HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256")
_STOP_S = 10


class Container:
    """Runs from when it is made until `remove`."""

    def __init__(
        self,
        engine: Engine,
        image: str,
        *command: str,
        name: str = "",
        network: str = "none",
        aliases: Iterable[str] = (),
        memory: str = "",
        environment: Mapping[str, str] | None = None,
        mounts: Mapping[Path, str] | None = None,
        options: Iterable[str] = HARDENED,
    ) -> None:
        """`memory` as in stack.yml (192Mi); `mounts` are folders by their place inside, with `:ro` where meant."""
        self.engine = engine
        arguments = ["run", "--detach", "--network", network, *options]
        if name:
            arguments += ["--name", name]
        for alias in aliases:
            arguments += ["--network-alias", alias]
        if memory:
            bytes_ = memory.replace("Mi", "m").replace("Gi", "g")
            arguments += ["--memory", bytes_, "--memory-swap", bytes_]
        for key, value in (environment or {}).items():
            arguments += ["--env", f"{key}={value}"]
        for path, place in (mounts or {}).items():
            arguments += ["--volume", f"{path}:{place}"]
        self.id = engine.docker(*arguments, image, *command).splitlines()[-1]

    def inspect(self) -> Any:
        """What the engine knows of it."""
        return json.loads(self.engine.docker("inspect", self.id))[0]

    @property
    def address(self) -> str:
        """Its address in its network."""
        [network] = self.inspect()["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def run(self, *command: str, given: bytes | None = None, check: bool = True) -> str:
        """`docker exec`; what it printed."""
        interactive = ["--interactive"] if given is not None else []
        return self.engine.docker("exec", *interactive, self.id, *command, given=given, check=check)

    def logs(self) -> str:
        """What it has printed."""
        return self.engine.docker("logs", self.id)

    def alive(self) -> bool:
        """Whether it runs; AssertionError with its output where it has ended by itself."""
        state = self.inspect()["State"]
        assert state["Running"], (
            f"ended with {state['ExitCode']}, OOM {state['OOMKilled']}: {self.logs()[-2000:]}"
        )
        return True

    def peak_mb(self) -> float:
        """The most memory that its first process has had resident, in MB (10^6 bytes)."""
        status = self.run("cat", "/proc/1/status")
        return int(status.split("VmHWM:")[1].split()[0]) * 1.024e-3

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds until it had ended."""
        began = time.monotonic()
        self.engine.docker("stop", "--time", str(_STOP_S), self.id)
        took = time.monotonic() - began
        return int(self.inspect()["State"]["ExitCode"]), took

    def kill(self) -> None:
        """SIGKILL."""
        self.engine.docker("kill", self.id)

    def remove(self) -> None:
        """However it stands, it is gone."""
        self.engine.docker("rm", "--force", "--volumes", self.id, check=False)


class Containers(contextlib.ExitStack):
    """Makes containers and removes them at the end, the youngest first."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    def __call__(self, image: str, *command: str, **options: Any) -> Container:
        """See Container."""
        made = Container(self.engine, image, *command, **options)
        self.callback(made.remove)
        return made
