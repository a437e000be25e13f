"""Answers that the gateway gives by itself."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def text(send: Send, status: int, message: str, headers: Headers | None = None) -> None:
    """Plain text, as OpenFaaS's gateway answers errors."""
    await _whole(send, status, b"text/plain; charset=utf-8", message.encode(), headers)


async def as_json(send: Send, value: object) -> None:
    """200 with a JSON body."""
    await _whole(send, 200, b"application/json", json.dumps(value).encode(), None)


async def raw(send: Send, kind: bytes, body: bytes) -> None:
    """200 with a body of any kind."""
    await _whole(send, 200, kind, body, None)


async def _whole(send: Send, status: int, kind: bytes, body: bytes, headers: Headers | None) -> None:
    head = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
