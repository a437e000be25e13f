"""A real part as a process of the test."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.wait import patience


class Process:
    """Starts when it is made; its output goes to `log`. Use `stop`, `kill` and `start` to hurt it."""

    def __init__(self, argv: list[str], log: Path, environment: Mapping[str, str], cwd: Path) -> None:
        self._argv = argv
        self._environment = {**os.environ, **environment}
        self._cwd = cwd
        self.log = log
        self.process = self._popen()

    def start(self) -> None:
        """Starts it again, after `stop` or `kill`."""
        assert self.process.poll() is not None, "it still runs"
        self.process = self._popen()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends a signal and waits; the seconds that it took to end."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20 * patience())
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL."""
        self.stop(signal.SIGKILL)

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def alive(self) -> bool:
        """Whether it runs; AssertionError with its output where it has ended by itself."""
        assert self.process.poll() is None, f"{self._argv[0]} ended: {self.output()}"
        return True

    def _popen(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self._argv, env=self._environment, cwd=self._cwd, stdout=output, stderr=output
            )
