"""A request as those who decide about it see it."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Scope


class Request(HTTPConnection):
    """Whose cookie, Host and Origin it has, whose address, and whether TLS protects the cookie.

    uvicorn's own handling of proxies believes the first address of a chain, which is what anybody says.
    """

    def __init__(self, scope: Scope, *, proxied: bool) -> None:
        super().__init__(scope)
        forwarded = self._last("x-forwarded-proto") if proxied else ""
        self.secure = scope.get("scheme") in ("https", "wss") or forwarded == "https"
        seen = self._last("x-forwarded-for")[:64] if proxied else ""
        self.address = seen or (self.client.host if self.client else "")

    def _last(self, header: str) -> str:
        """What our own proxy has seen; what stands before it is what anybody says."""
        return self.headers.get(header, "").split(",")[-1].strip()

    @property
    def cookie_name(self) -> str:
        """Under TLS one that no other host and no plain page can set."""
        return "__Host-fanwatch" if self.secure else "fanwatch"

    @property
    def token(self) -> str:
        """The session's, or nothing."""
        return self.cookies.get(self.cookie_name, "")[:128]

    @property
    def host(self) -> str:
        """The name by which we were called, without the port."""
        return _split("//" + self.headers.get("host", ""))[0]

    @property
    def own(self) -> bool:
        """Whether the page that this comes from is ours; browsers say so with every POST and socket."""
        origin = self.headers.get("origin", "")
        scheme = "https" if self.secure else "http"
        return bool(origin) and _split(origin) == _split(f"{scheme}://{self.headers.get('host', '')}")


async def read(parts: AsyncIterator[bytes], most_bytes: int, most_s: float) -> bytes | None:
    """A body; None for a longer one. TimeoutError for one that takes too long."""
    content = bytearray()
    async with asyncio.timeout(most_s):
        async for part in parts:
            content += part
            if len(content) > most_bytes:
                return None
    return bytes(content)


def _split(url: str) -> tuple[str, int]:
    """Host and port of an address; nothing where it is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "", 0
