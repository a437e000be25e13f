"""Hands a call on to a process of its function, and the answer back."""

import asyncio
import random
import time
from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from local.gateway.routes import NAMESPACE, Route, Routes
from local.gateway.upstream import ConnectError, Connection, Replica, UpstreamError

_HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade",
}  # fmt: skip
_NOT_SENT_ON = frozenset(_HOP_BY_HOP | {b"host", b"content-length", b"expect", b"x-start-time"})
_NOT_SENT_BACK = frozenset(_HOP_BY_HOP | {b"x-call-id", b"x-start-time", b"x-served-by"})
_SERVED_BY = (b"x-served-by", b"fanwatch-local")

Headers = list[tuple[bytes, bytes]]
Observe = Callable[[str, int, float], None]


class Proxy:
    """Everything below /function/."""

    def __init__(self, routes: Routes, timeout_s: float, observe: Observe) -> None:
        self._routes = routes
        self._timeout_s = timeout_s
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call of /function/NAME[.namespace][/path]."""
        _, _, called, *rest = scope["raw_path"].split(b"/", 3)
        wanted = called.decode("latin-1")
        route = self._routes.named(wanted)
        if route is None:
            name, _, namespace = wanted.partition(".")
            where = f"{name}.{namespace or NAMESPACE}"
            reason = f"no function of that name runs here; known are {', '.join(self._routes.by_name)}"
            answer = PlainTextResponse(f"error finding function {where}: {reason}", 404)
            await answer(scope, receive, send)
            return
        started = time.perf_counter()
        first = await receive()
        if first["type"] == "http.disconnect":
            return
        status = await self._forward(route, scope, b"/" + (rest[0] if rest else b""), first, receive, send)
        route.invocations += 1
        self._observe(route.function.name, status, time.perf_counter() - started)

    async def _forward(
        self, route: Route, scope: Scope, path: bytes, first: Message, receive: Receive, send: Send
    ) -> int:
        name = route.function.name
        replica, connection = await self._connect(route)
        if replica is None or connection is None:
            message = f"No process of {name} is ready; it may still be starting. Try again in a moment."
            await PlainTextResponse(message, 503)(scope, receive, send)
            return 503
        call_id, added = _identity(scope)
        replica.in_flight += 1
        sent = started = False
        connection.begin(self._timeout_s, scope["method"] == "HEAD")
        try:
            sent = await _send_request(connection, _head(scope, name, path, call_id, added), first, receive)
            await connection.more()
            started = True
            await _send_answer(connection, added, receive, send)
            return connection.status
        except UpstreamError as exc:
            if not started:
                answer = PlainTextResponse(f"Function {name} failed: {exc}", exc.status)
                answer.raw_headers += added
                await answer(scope, receive, send)
            # An answer that has begun is left unfinished: the server then breaks the connection, and the caller sees
            # that it is not whole.
            return exc.status
        except _CallerGone:
            return 499
        finally:
            replica.in_flight -= 1
            connection.end(request_sent=sent)

    async def _connect(self, route: Route) -> tuple[Replica | None, Connection | None]:
        """A connection to a ready process; where the first takes none, to another one. Nothing was sent yet."""
        tried = None
        for _ in range(2):
            replica = route.pick(but=tried)
            if replica is None:
                break
            try:
                return replica, await replica.connect()
            except ConnectError:
                self._routes.unreachable(replica)
                tried = replica
        return None, None


class _CallerGone(Exception):
    """The caller closed its connection."""


def _identity(scope: Scope) -> tuple[bytes, Headers]:
    """The call's id (the caller's own if it sent one) and the headers that the answer gains."""
    call_id = b""
    for name, value in scope["headers"]:
        if name == b"x-call-id":
            call_id = value
    if not call_id:
        digits = b"%032x" % random.getrandbits(128)
        call_id = b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return call_id, [(b"x-call-id", call_id), (b"x-start-time", b"%d" % time.time_ns()), _SERVED_BY]


def _head(scope: Scope, name: str, path: bytes, call_id: bytes, added: Headers) -> list[bytes]:
    """Request line and headers as the function gets them, without the line that says how the body comes."""
    query = scope["query_string"]
    target = path + b"?" + query if query else path
    head = [scope["method"].encode(), b" ", target, b" HTTP/1.1\r\nhost: ", name.encode(), b"\r\n"]
    forwarded_for = forwarded_host = host = b""
    listed: tuple[bytes, ...] = ()
    for key, value in scope["headers"]:
        if key in _NOT_SENT_ON:
            if key == b"host":
                host = value
            elif key == b"connection" and value.lower() not in (b"keep-alive", b"close"):
                listed = tuple(part.strip() for part in value.lower().split(b","))
        elif key == b"x-forwarded-for":
            forwarded_for = value + b", "
        elif key == b"x-forwarded-host":
            forwarded_host = value
        elif key != b"x-call-id":
            head += (key, b": ", value, b"\r\n")
    if listed:  # headers that `Connection` names are for this hop only
        return _head({**scope, "headers": _without(scope["headers"], listed)}, name, path, call_id, added)
    client = scope["client"][0].encode() if scope["client"] else b""
    head += (
        b"x-call-id: ", call_id, b"\r\nx-start-time: ", added[1][1],
        b"\r\nx-forwarded-for: ", forwarded_for, client, b"\r\nx-forwarded-host: ", forwarded_host or host,
    )  # fmt: skip
    return head


def _without(headers: Headers, names: tuple[bytes, ...]) -> Headers:
    return [(key, value) for key, value in headers if key not in names and key != b"connection"]


async def _send_request(connection: Connection, head: list[bytes], first: Message, receive: Receive) -> bool:
    """Send head and body; whether all of it was sent. An answer that comes before the body's end stops it."""
    body = first["body"]
    if not first["more_body"]:
        # Bodies go out in chunks, as OpenFaaS's gateway sends them; small ones in one write with their head.
        if body:
            head += (b"\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(body), body, b"\r\n0\r\n\r\n")
        else:
            head.append(b"\r\n\r\n" if head[0] in (b"GET", b"HEAD") else b"\r\ncontent-length: 0\r\n\r\n")
        connection.write(b"".join(head))
        return True
    head.append(b"\r\ntransfer-encoding: chunked\r\n\r\n")
    connection.write(b"".join(head))
    message = first
    while not connection.started:
        body = message["body"]
        if body:
            connection.write(b"%x\r\n%b\r\n" % (len(body), body))
            await connection.drain()
        if not message["more_body"]:
            connection.write(b"0\r\n\r\n")
            return True
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerGone
    return False


async def _send_answer(connection: Connection, added: Headers, receive: Receive, send: Send) -> None:
    """Send the answer on as it comes."""
    headers = [header for header in connection.headers if header[0] not in _NOT_SENT_BACK]
    headers += added
    await send({"type": "http.response.start", "status": connection.status, "headers": headers})
    if connection.complete:
        await send({"type": "http.response.body", "body": connection.take()})
        return
    gone = asyncio.ensure_future(receive())
    try:
        while not connection.complete:
            await connection.more()
            if gone.done() and gone.result()["type"] == "http.disconnect":
                raise _CallerGone
            await send({"type": "http.response.body", "body": connection.take(), "more_body": True})
        await send({"type": "http.response.body", "body": connection.take()})
    finally:
        gone.cancel()
