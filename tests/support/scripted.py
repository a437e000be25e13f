"""A gateway on loopback that answers as a test says: what a real OpenFaaS gateway does only when it is in trouble."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from fanwatch.messages import batch


class Call(NamedTuple):
    """One call of a function, as it arrived."""

    at: float
    function: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        """Its (topic, payload) pairs."""
        if self.headers.get("content-type") == batch.CONTENT_TYPE:
            return list(batch.decode_messages(self.body))
        return [(self.headers.get("x-topic", ""), self.body)]


class Reply(NamedTuple):
    """An answer; `reset` breaks the connection in the middle of it."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    reset: bool = False


Answer = Callable[[Call], Reply]

NOT_FOUND = Reply(404, b"error finding function score-fan.openfaas-fn: no endpoints available")
NOT_ALLOWED = Reply(405, b"")
TOO_MANY = Reply(429, b"Concurrent request limit exceeded. Max concurrent requests: 64\n")
FAILED = Reply(500, b"Can't reach service for: score-fan.\n")
RESET = Reply(200, b"", reset=True)
VERDICT = ((batch.VERDICT_HEADER, "1"),)


def outcomes(call: Call, judge: Callable[[bytes], tuple[int, str | None]] = lambda _: (200, None)) -> Reply:
    """score-fan's own answer to a batch or to one message, each judged by its payload."""
    judged = [judge(payload) for _, payload in call.messages]
    if call.headers.get("content-type") == batch.CONTENT_TYPE:
        return Reply(200, batch.encode_outcomes(judged), VERDICT)
    [(status, error)] = judged
    reason, _, text = (error or "").partition(": ")
    return Reply(status, json.dumps({"error": text, "reason": reason}).encode(), VERDICT)


def function(name: str, topic: str = "fan/messages", batch_size: int | None = 256) -> dict[str, Any]:
    """A function as /system/functions lists it."""
    annotations = {"topic": topic} | ({} if batch_size is None else {"fanwatch.batch": str(batch_size)})
    return {"name": name, "namespace": "openfaas-fn", "annotations": annotations, "replicas": 1}


class ScriptedGateway:
    """`answer` is asked for each call; `calls` keeps them all."""

    def __init__(
        self, functions: list[dict[str, Any]] | None = None, answer: Answer = outcomes, port: int = 0
    ) -> None:
        self.functions = [function("score-fan")] if functions is None else functions
        self.answer = answer
        self.calls: list[Call] = []
        self.listed = 0
        """How often the functions were asked for."""
        self.listing = True
        """While false, it breaks off the list of functions, as OpenFaaS's gateway does whose Prometheus is away."""
        self.reachable = True
        """While false, every request is cut off."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.listed += 1
                whole = Reply(200, json.dumps(outer.functions).encode())
                outer._send(self, whole if outer.listing else Reply(200, b"", reset=True))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                name = self.path.removeprefix("/function/").partition(".")[0]
                headers = {key.lower(): value for key, value in self.headers.items()}
                call = Call(time.monotonic(), name, headers, body)
                outer.calls.append(call)
                outer._send(self, outer.answer(call))

            def log_message(self, *args: object) -> None:
                """Not a line a call."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that leave are part of the tests."""

            def server_bind(self) -> None:
                # Not http.server's own, which looks its host name up in DNS.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.socket.bind(self.server_address)
                self.server_address = self.socket.getsockname()

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def messages(self) -> list[tuple[str, bytes]]:
        """All (topic, payload) pairs that came, in order."""
        return [message for call in list(self.calls) for message in call.messages]

    def payloads(self) -> list[bytes]:
        """Their payloads."""
        return [payload for _, payload in self.messages()]

    def close(self) -> None:
        """Stops listening, and breaks each connection at its next request."""
        self.reachable = False
        self._server.shutdown()
        self._server.server_close()

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.reset or not self.reachable:
            if self.reachable:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf an ans")
            # No lingering: the other side sees a reset, not an orderly end.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(reply.status)
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
