"""A kept-alive HTTP/1.1 connection for the way of every reading: one request at a time, bounded in time and size.

The parsing is httptools'. Python's own http.client reads headers as e-mail, which takes twice the processor time of
everything else in a call.
"""

import socket
import ssl
import time
from collections.abc import Mapping

import httptools

from fanwatch.errors import FanwatchError

_READ_BYTES = 65_536


class HttpError(Exception):
    """The other side's answer is none, or not whole, or too large."""


class ClosedEarly(HttpError):
    """The other side closed before a byte of its answer came: on a kept-alive connection it may have been idle."""


class TooLarge(HttpError):
    """The answer's body is larger than was allowed; asking again gives the same."""


class Headers(dict[str, str]):
    """Headers by lower-case name; `get` and `[]` take any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)


class Answer:
    """One answer while it comes; the parser calls the methods `on_…`."""

    def __init__(self, most_bytes: int) -> None:
        self.status = 0
        self.headers = Headers()
        self.body = b""
        self.complete = False
        self.keep_alive = False
        self._most_bytes = most_bytes
        self._size = 0
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Takes bytes from the socket. HttpError where they are no answer, TooLarge where too many."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise HttpError(f"it is no HTTP: {error}") from error
        if self._size > self._most_bytes:
            raise TooLarge(f"it has more than {self._most_bytes} bytes")

    def end(self) -> None:
        """The stream has ended: where nothing said how long the body is, this does. HttpError where it is not whole."""
        if not self.status:
            raise ClosedEarly("the connection was closed before an answer came")
        if not self.complete and (self.headers.keys() & {"content-length", "transfer-encoding"}):
            raise HttpError("the connection was closed in the middle of the answer")
        self.on_message_complete()
        self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()
        if self.status < 200:
            self.status = 0
            self.headers.clear()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self.status:
            self.body = b"".join(self._parts)
            self.complete = True


def written(
    method: str, path: str, host: str, port: int, body: bytes | None, headers: Mapping[str, str]
) -> bytes:
    """A request's head and body in one piece, so that they go out at once.

    Header values go out as UTF-8. FanwatchError for one with a line break, which HTTP cannot carry.
    """
    host = f"[{host}]" if ":" in host else host
    lines = [f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"]
    for name, text in headers.items():
        if "\n" in text or "\r" in text or "\0" in text:
            raise FanwatchError(f"The header {name} cannot carry {text[:80]!r}: it has a line break or NUL.")
        lines += (name, ": ", text, "\r\n")
    if body is None:
        return ("".join(lines) + "\r\n").encode()
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "".join(lines).encode() + body


class HttpConnection:
    """Connects when it is first needed, and again after `close`."""

    def __init__(self, host: str, port: int, *, secure: bool, timeout_s: float, most_bytes: int) -> None:
        """`timeout_s` bounds each exchange as a whole, with the connect; `most_bytes` the body of an answer."""
        self._socket: socket.socket | None = None
        self._address = (host, port)
        self._secure = secure
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes

    @property
    def fresh(self) -> bool:
        """Whether the next exchange opens a connection."""
        return self._socket is None

    def exchange(self, request: bytes) -> Answer:
        """Sends a whole request, waits for the whole answer. OSError (TimeoutError among them) or HttpError otherwise.

        After either the connection is closed.
        """
        deadline = time.monotonic() + self._timeout_s
        answer = Answer(self._most_bytes)
        try:
            connection = self._socket or self._connect()
            connection.settimeout(self._timeout_s)
            connection.sendall(request)
            while not answer.complete:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError("timed out")
                connection.settimeout(left_s)
                data = connection.recv(_READ_BYTES)
                if data:
                    answer.feed(data)
                else:
                    answer.end()
        except BaseException:
            self.close()
            raise
        if not answer.keep_alive:
            self.close()
        return answer

    def close(self) -> None:
        """Closes the connection if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __del__(self) -> None:
        # A thread's connection ends with its thread.
        self.close()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, self._timeout_s)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                context = ssl.create_default_context()
                connection = context.wrap_socket(connection, server_hostname=self._address[0])
        except BaseException:
            connection.close()
            raise
        self._socket = connection
        return connection
