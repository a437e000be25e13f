"""Keeps the answers for files that never change while the process lives, compressed as they were sent first.

A page's first visit asks for a megabyte of scripts and styles. Starlette compresses that anew each time, in at least
67 ms of the loop that also tells all open pages: more than all else that the server does for a visit.
"""

import re
from typing import Any, Final, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FILES: Final = re.compile(r"/assets/|/_nicegui/[^/]+/(?:static|components|libraries|esm)/")
_MOST_BYTES: Final = 6_000_000
"""Of all bodies together; what comes after is answered without being kept."""
_CONDITIONAL: Final = frozenset((b"range", b"if-range", b"if-none-match", b"if-modified-since"))


class _Answer(NamedTuple):
    start: Message
    body: bytes


class AssetCache:
    """ASGI middleware; put it outside of what compresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: dict[tuple[str, bytes, bool], _Answer] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers from what is kept, or lets the application answer and keeps that."""
        if not _lasting(scope):
            await self._app(scope, receive, send)
            return
        packed = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
        key = (scope["path"], scope["query_string"], packed)
        kept = self._answers.get(key)
        if kept is None:
            await self._app(scope, receive, self._keeping(key, send))
            return
        await send(kept.start)
        await send({"type": "http.response.body", "body": kept.body})

    def _keeping(self, key: tuple[str, bytes, bool], send: Send) -> Send:
        start: Message = {}
        parts: list[bytes] = []

        async def passing(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body" and start.get("status") == 200:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self._keep(key, start, b"".join(parts))

        return passing

    def _keep(self, key: tuple[str, bytes, bool], start: Message, body: bytes) -> None:
        if key in self._answers or self._bytes + len(body) > _MOST_BYTES:
            return
        headers: list[Any] = [each for each in start["headers"] if each[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        self._answers[key] = _Answer({**start, "headers": headers}, body)
        self._bytes += len(body)


def _lasting(scope: Scope) -> bool:
    """Whether a request is for a whole file of those that stay as they are."""
    if scope["type"] != "http" or scope["method"] != "GET" or not _FILES.match(scope["path"]):
        return False
    return not any(name in _CONDITIONAL for name, _ in scope["headers"])
