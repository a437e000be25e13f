"""Real processes of the function server and the gateway, and a plain client for them."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.wait import patience, until

ROOT = Path(__file__).resolve().parents[2]

Body = bytes | Iterable[bytes] | None


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Server:
    """One process that answers HTTP, on a port or a unix socket; its output goes to `log`."""

    def __init__(
        self, module: str, address: int | Path, log: Path, environment: Mapping[str, str], cwd: Path
    ) -> None:
        self.address = address
        self.log = log
        self._connections: list[http.client.HTTPConnection] = []
        path = os.pathsep.join((str(ROOT), str(ROOT / "template" / "python3-fan")))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**kept, "PYTHONPATH": path, **environment},
                cwd=cwd,
                stdout=output,
                stderr=output,
            )

    def connection(self, timeout: float = 60) -> http.client.HTTPConnection:
        """A new connection; it is closed with the server at the latest."""
        if isinstance(self.address, Path):
            connection: http.client.HTTPConnection = UnixConnection(self.address, timeout)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.address, timeout=timeout)
        self._connections.append(connection)
        return connection

    def call(
        self, method: str, path: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def answers(self, path: str) -> bool:
        """Whether a GET of the path gives 200."""
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.output()}"
        try:
            return self.call("GET", path).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_for(self, path: str) -> "Server":
        """Wait until a GET of the path gives 200."""
        until(lambda: self.answers(path), 20, f"200 for {path}")
        return self

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8")

    def memory_mb(self) -> float:
        """The most memory it ever had, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; the exit code, and the seconds until it had ended."""
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(20 * patience()), time.monotonic() - started

    def kill(self) -> None:
        """End it, however it is."""
        for connection in self._connections:
            connection.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20 * patience())


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Body = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection; an iterable body goes out in chunks."""
    chunked = body is not None and not isinstance(body, bytes)
    connection.request(method, path, body, dict(headers or {}), encode_chunked=chunked)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())
