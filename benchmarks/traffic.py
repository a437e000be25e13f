"""What goes in and what comes out: mosquitto_pub publishes, mosquitto_sub writes the results to a file."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from benchmarks.load import Readings
from benchmarks.processes import Child
from fanwatch.errors import FanwatchError
from fanwatch.messages import topics
from fanwatch.settings import BrokerSettings
from local import sessions

_CHUNK = 50_000
"""Readings a process of mosquitto_pub: with 65,536 unconfirmed it loses most of them without a word."""
_PIPE_BYTES = 32_768
_POLL_S = 0.005
_END_S = 60.0
_SESSION_S = 600


class Source:
    """Publishes readings from their file, as many as `feed` allows; CPU time in `cpu_s`."""

    def __init__(self, readings: Readings, port: int, *, qos: int = 1, topic: str = topics.READINGS) -> None:
        self._readings = readings
        version = ["-V", "mqttv5"]
        self._argv = [
            *(_tool("mosquitto_pub"), *version, "-h", "127.0.0.1", "-p", str(port)),
            *("-q", str(qos), "-t", topic, "-l"),
        ]
        self._file = readings.path.open("rb")
        self._children: list[Child] = []
        self._pending = b""
        self._taken = 0
        self._in_chunk = 0

    @property
    def sent(self) -> int:
        """Readings that mosquitto_pub was given."""
        return self._taken - -(-len(self._pending) // self._readings.line_bytes)

    @property
    def exhausted(self) -> bool:
        return self.sent >= self._readings.count

    @property
    def cpu_s(self) -> float:
        return sum(child.cpu_s for child in self._children)

    @property
    def keys(self) -> set[str]:
        """`deviceID time` of what was sent."""
        return self._readings.keys(0, self.sent)

    def feed(self, upto: int) -> None:
        """Gives mosquitto_pub readings until `upto` were sent, or until it takes no more for now."""
        upto = min(upto, self._readings.count)
        while self.sent < upto:
            if not self._pending:
                self._pending = self._next(upto - self.sent)
            stdin = self._current().popen.stdin
            assert stdin is not None
            try:
                written = os.write(stdin.fileno(), self._pending)
            except BlockingIOError:
                return
            except BrokenPipeError as error:
                raise FanwatchError("mosquitto_pub ended early; is the broker there?") from error
            self._pending = self._pending[written:]

    def finish(self) -> None:
        """Returns once the broker has all of it."""
        deadline = time.monotonic() + _END_S
        while self._pending:
            self.feed(self._taken)
            _pause(deadline, "mosquitto_pub takes nothing")
        self._close_stdin()
        while any(child.running for child in self._children):
            _pause(deadline, "mosquitto_pub does not end")
        if any(child.popen.returncode for child in self._children):
            raise FanwatchError("mosquitto_pub failed; is the broker there?")

    def close(self) -> None:
        """Ends all of it, whatever is still to be sent."""
        self._close_stdin()
        for child in self._children:
            child.end()
        self._file.close()

    def _next(self, wanted: int) -> bytes:
        if self._in_chunk == _CHUNK:
            self._close_stdin()
            self._in_chunk = 0
        size = self._readings.line_bytes
        lines = max(1, min(wanted, _CHUNK - self._in_chunk, _PIPE_BYTES // size))
        block = self._file.read(lines * size)
        self._in_chunk += lines
        self._taken += lines
        return block

    def _current(self) -> Child:
        if not self._children or self._children[-1].popen.stdin is None:
            child = Child(self._argv, stdin=subprocess.PIPE)
            assert child.popen.stdin is not None
            os.set_blocking(child.popen.stdin.fileno(), False)
            self._children.append(child)
        return self._children[-1]

    def _close_stdin(self) -> None:
        if self._children and self._children[-1].popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._children[-1].popen.stdin.close()
            self._children[-1].popen.stdin = None


class _Result(msgspec.Struct):
    deviceID: str  # noqa: N815 - the name on the wire
    timeStamp: str  # noqa: N815


_result = msgspec.json.Decoder(_Result).decode


class Witness:
    """A persistent QoS 1 subscriber of the results, independent of everything that is measured."""

    def __init__(self, path: Path, port: int) -> None:
        # With the session there, nothing is missed while mosquitto_sub still starts.
        kept = sessions.Session("fanwatch-benchmark", (topics.RESULTS,), _SESSION_S)
        sessions.create(BrokerSettings(broker_port=port), kept)
        session = ["-V", "mqttv5", "-i", kept.client_id, "-c", "-x", str(_SESSION_S)]
        where = ["-h", "127.0.0.1", "-p", str(port)]
        self._path = path
        with path.open("wb") as output:
            self.child = Child(
                [_tool("mosquitto_sub"), *session, *where, "-q", "1", "-t", topics.RESULTS, "-F", "%p"],
                stdout=output,
            )
        self._file = path.open("rb")
        self._count = 0

    def count(self) -> int:
        """Results so far."""
        while block := self._file.read(1 << 20):
            self._count += block.count(b"\n")
        return self._count

    def await_count(self, count: int, timeout_s: float) -> None:
        """Returns when there are as many results, or after a while without: what is missing is counted as lost."""
        deadline = time.monotonic() + timeout_s
        while self.count() < count and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def keys(self) -> list[str]:
        """`deviceID time` of each result, in the order in which they came."""
        found = []
        with self._path.open("rb") as file:
            for line in file:
                result = _result(line)
                found.append(f"{result.deviceID} {result.timeStamp}")
        return found

    def close(self) -> None:
        self.child.end()
        self._file.close()


class Counts(msgspec.Struct, frozen=True):
    """A comparison of sets of (deviceID, time in ms); `lost` and `duplicated` shall be 0."""

    readings: int
    lost: int
    duplicated: int


def compare(published: set[str], seen: list[str]) -> Counts:
    """What became of the published readings. FanwatchError for results of readings that nobody published."""
    distinct = set(seen)
    strange = distinct - published
    if strange:
        raise FanwatchError(f"{len(strange)} results belong to no reading, {min(strange)!r} among them.")
    return Counts(len(published), len(published - distinct), len(seen) - len(distinct))


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FanwatchError(
            f"{name} is missing: `sudo apt-get install mosquitto-clients`, or your system's package."
        )
    return found


def _pause(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise FanwatchError(f"{what} within {_END_S:g} s.")
    time.sleep(_POLL_S)
