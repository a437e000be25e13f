"""The raw ASGI application: one handler behind the endpoints that OpenFaaS asks for."""

import asyncio
import json
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from function_server import metrics, responses
from function_server.arrivals import Arrivals, TooSlow
from function_server.contract import Context, Event
from function_server.loading import Handle, Loader
from function_server.responses import Response
from function_server.settings import Settings
from function_server.workers import Workers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_OK: Response = (200, [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")], b"OK")


class _Overdue(Exception):
    """The handler takes longer than exec_timeout."""


class Application:
    """Calls the handler for each request and turns whatever comes of it into an answer."""

    def __init__(self, settings: Settings, loader: Loader) -> None:
        self.in_flight = 0
        self._settings = settings
        self._loader = loader
        self._context = Context()
        self._metrics = metrics.RequestMetrics(lambda: self.in_flight)
        self._workers: Workers | None = None
        self._arrivals = Arrivals(settings.exec_timeout_s)
        self._instance = uuid.uuid4().hex
        self._overdue = 0
        """Calls that were answered with 504 and whose threads are still at work."""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path == "/metrics" or path.startswith("/_/"):
            status, headers, body = self._own(path)
        else:
            started = time.perf_counter()
            answer = await self._answer(scope, receive)
            if answer is None:
                return  # the caller has gone
            status, headers, body = answer
            # A unix socket has no address.
            if self._settings.tell_address and scope["server"]:
                headers.append((b"x-replica", self._replica(*scope["server"])))
            self._metrics.observe(scope["method"], status, time.perf_counter() - started)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _replica(self, host: str, port: int) -> bytes:
        """Where a connection reached this server, and a name that no other process has."""
        return f"{host}:{port} {self._instance}".encode()

    def _own(self, path: str) -> Response:
        if path == "/_/health":
            return _OK
        if path == "/_/ready":
            threads = self._settings.handler_threads
            if self._loader.handle is None:
                return responses.error(503, "The handler is still loading.")
            if threads and self._overdue >= threads:
                return responses.error(503, "Every handler thread hangs in a call that took too long.")
            return _OK
        if path == "/metrics":
            body = metrics.page()
            kind = b"text/plain; version=0.0.4; charset=utf-8"
            return 200, [(b"content-type", kind), (b"content-length", b"%d" % len(body))], body
        return responses.error(404, f"There is no {path}; known are /_/health, /_/ready and /metrics.")

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> Response | None:
        handle = self._loader.handle
        if handle is None:
            return responses.error(503, "The function is still loading; try again in a moment.")
        if self.in_flight >= self._settings.max_inflight:
            return responses.error(
                429, f"{self.in_flight} requests are in flight, as many as max_inflight allows."
            )
        self.in_flight += 1
        submitted = False
        try:
            body = await self._arrivals.within_time(self._body(receive))
            if body is None:
                return None
            if len(body) > self._settings.max_body_bytes:
                limit = self._settings.max_body_bytes
                return responses.error(413, f"The body is larger than {limit} bytes (max_body_bytes).")
            event = Event(scope, body)
            if self._settings.handler_threads == 0:
                return responses.from_handler(handle(event, self._context))
            submitted = True
            return await self._threaded(handle, event)
        except TooSlow:
            return responses.error(408, "The request's body did not come within exec_timeout.")
        except Exception as exc:  # noqa: BLE001 - one request must not end the server, whatever the handler raises
            return self._failure(scope, exc)
        finally:
            if not submitted:
                self.in_flight -= 1

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body, or its beginning once it is larger than the limit; None where the caller has left."""
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body: bytes = message["body"]
        if not message["more_body"]:
            return body
        parts, size = [body], len(body)
        while message["more_body"] and size <= self._settings.max_body_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message["body"])
            size += len(message["body"])
        return b"".join(parts)

    async def _threaded(self, handle: Handle, event: Event) -> Response:
        """Run the handler on a thread, within exec_timeout; `in_flight` falls when the thread is done."""
        if self._workers is None:
            self._workers = Workers(
                self._settings.handler_threads, asyncio.get_running_loop(), self._thread_done
            )
        call = self._workers.submit(handle, event, self._context)
        timer = asyncio.get_running_loop().call_later(self._settings.exec_timeout_s, self._give_up, call)
        try:
            result = await call
        except _Overdue:
            limit = self._settings.exec_timeout_s
            return responses.error(504, f"The function took longer than {limit:g} s (exec_timeout).")
        finally:
            timer.cancel()
        return responses.from_handler(result)

    def _give_up(self, call: asyncio.Future[Any]) -> None:
        if not call.done():
            self._overdue += 1
            call.set_exception(_Overdue())

    def _thread_done(self, abandoned: bool) -> None:
        self.in_flight -= 1
        self._overdue -= abandoned

    def _failure(self, scope: MutableMapping[str, Any], exc: Exception) -> Response:
        """The answer to an exception: with an int `status` it is meant for the caller, else it is a defect."""
        status = getattr(exc, "status", None)
        if isinstance(status, int) and 400 <= status <= 599:
            return responses.error(status, str(exc))
        call_id = dict(scope["headers"]).get(b"x-call-id", b"").decode("latin-1")[:64] or uuid.uuid4().hex
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "error",
            "event": "handler failed",
            "function": self._settings.function_name,
            "id": call_id,
            "error": f"{type(exc).__name__}: {exc}"[:500],
            "trace": "".join(traceback.format_exception(exc))[-8000:],
        }
        print(json.dumps(line), file=sys.stderr, flush=True)
        return responses.error(500, "The function failed; its log has the trace under this id.", id=call_id)
