"""`fanwatch up` as a user starts it, on ports and in a state directory of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.wait import patience, until

ROOT = Path(__file__).resolve().parents[2]
READY_S = 90


class Machine:
    """Settings of one runtime, and the commands that use it."""

    def __init__(self, state: Path, **changes: str) -> None:
        self.state = state
        self.gateway, self.broker, self.influx, self.connector, self.telegraf, self.console = (
            free_port() for _ in range(6)
        )
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FANWATCH_") or name == "FANWATCH_CACHE"
        }
        self.environment = kept | {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "template/python3-fan"))),
            "FANWATCH_STATE_DIR": str(state),
            "FANWATCH_GATEWAY_PORT": str(self.gateway),
            "FANWATCH_BROKER_PORT": str(self.broker),
            "FANWATCH_INFLUX_PORT": str(self.influx),
            "FANWATCH_CONNECTOR_PORT": str(self.connector),
            "FANWATCH_TELEGRAF_PORT": str(self.telegraf),
            "FANWATCH_NO_GRAFANA": "true",
            "FANWATCH_CONSOLE_PORT": str(self.console),
            "FANWATCH_NO_CONSOLE": "true",
            "FANWATCH_HISTORY_DAYS": "0",
            "FANS": "3",
            "RATE": "5",
            **changes,
        }

    def command(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """A `fanwatch` command that ends by itself."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self.environment | changes,
            capture_output=True,
            text=True,
            timeout=(READY_S + 20) * patience(),
            check=False,
        )

    def elsewhere(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """The same from a shell that knows the state directory only, and no port."""
        ports = {name: "" for name in self.environment if name.endswith("_PORT")}
        return self.command(*arguments, **ports, **changes)

    def status(self) -> dict[str, Any]:
        """What `fanwatch status --json` says."""
        found: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return found

    def up(self) -> "Up":
        """Starts it."""
        return Up(self)

    def processes(self) -> list[int]:
        """Everything that runs with this state directory, or was started for it."""
        mark = f"FANWATCH_STATE_DIR={self.state}\0".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes() + b"\0":
                    found.append(int(entry.name))
            except OSError:
                continue
        return found


class Up:
    """A `fanwatch up` whose output goes to a file."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.began = time.monotonic()
        machine.state.mkdir(parents=True, exist_ok=True)
        self._output = machine.state / f"up-{self.began}.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "up"],
                env=machine.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        """What it has said."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def until_said(self, text: str, timeout_s: float = READY_S) -> str:
        """Waits for a pattern in the output; the first group, or all of the match."""

        def said() -> re.Match[str] | None:
            found = re.search(text, self.output())
            assert found or self.process.poll() is None, f"it ended: {self.output()}"
            return found

        match = until(said, timeout_s, text)
        assert match is not None
        return match[match.re.groups]

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Sends a signal; the seconds until it has ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30 * patience())
        return time.monotonic() - began

    def end(self) -> None:
        """However it stands, it and all of its processes are gone afterwards."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        until(lambda: not self.machine.processes(), 20, "no process is left")
