"""Processes that the benchmark starts itself, and what processes cost: CPU and memory as the kernel counts them."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_END_S = 5.0

Pids = Mapping[str, Sequence[int]]
"""Processes by the name of their part."""


class Child:
    """A process that is ended by `end`; what it has cost is known afterwards too."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.popen = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment)
        self._cpu_s: float | None = None

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended. Takes note of its CPU time when it has."""
        if self._cpu_s is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._cpu_s = usage.ru_utime + usage.ru_stime
                self.popen.returncode = os.waitstatus_to_exitcode(status)
        return self._cpu_s is None

    @property
    def cpu_s(self) -> float:
        """User and system time so far."""
        return cpu_s(self.pid) if self.running else self._cpu_s or 0.0

    def end(self) -> None:
        """SIGTERM, and SIGKILL to what does not listen."""
        if not self.running:
            return
        self.popen.terminate()
        try:
            self.popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(_END_S)
        self._cpu_s = self._cpu_s or 0.0


def cpu_s(pid: int) -> float:
    """User and system time of a process, in seconds; 0 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    # The name, in parentheses, may hold spaces.
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def peak_mb(pid: int) -> float:
    """The most memory that a process has had resident, in MB (10^6 bytes); 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM:")), 0.0)


class Meter:
    """CPU time of parts between two moments."""

    def __init__(self, parts: Callable[[], Pids]) -> None:
        self._parts = parts
        self._before: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        """Counts from now on."""
        self._before = self._now()

    def spent_s(self) -> dict[str, float]:
        """Seconds of CPU that each part took since."""
        return {part: spent - self._before.get(part, 0.0) for part, spent in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {part: sum(map(cpu_s, pids)) for part, pids in self._parts().items()}


def peaks_mb(parts: Pids) -> dict[str, float]:
    """The most memory of any process of each part, in MB."""
    return {part: round(max(map(peak_mb, pids), default=0.0), 1) for part, pids in parts.items()}
