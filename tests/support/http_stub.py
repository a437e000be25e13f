"""A small real HTTP server whose answers the test decides."""

import socketserver
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """What to answer; `after_s` waits first, `hang_up` closes the connection without an answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    after_s: float = 0.0
    hang_up: bool = False
    cut_to: int | None = None
    """Bytes of the body after which the connection is closed."""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    stub: "HttpStub"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.stub.connections += 1

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if self.server.stub.close_idle:
            self.close_connection = True

    def _any(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Request(self.command, self.path, self.headers, body)
        stub.requests.append(request)
        reply = stub.answer(request)
        if reply.after_s:
            stub.stopping.wait(reply.after_s)
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: reply.cut_to])
        if reply.cut_to is not None:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = _any  # noqa: N815 - names of http.server

    def log_message(self, *args: object) -> None:
        """Quiet."""


class HttpStub:
    """Listens on `port` until `close`; `answer` may be replaced at any time."""

    def __init__(self, answer: Callable[[Request], Reply] = lambda _request: Reply()) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections = 0
        self.close_idle = False
        """Whether connections are closed after each answer, without saying so in the answer."""
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it; requests under way are given up."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
