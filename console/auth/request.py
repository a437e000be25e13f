"""A request as those who decide about it see it."""

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope


class Request:
    """Cookie, Host, Origin, whose address, and whether TLS protects the cookie."""

    def __init__(self, scope: Scope, headers: Headers, *, proxied: bool) -> None:
        self.headers = headers
        self.scope: dict[str, Any] = dict(scope)
        forwarded = headers.get("x-forwarded-proto", "") if proxied else ""
        self.secure = scope.get("scheme") in ("https", "wss") or forwarded.split(",")[-1].strip() == "https"
        peer = scope.get("client")
        self.address = peer[0] if peer else ""
        if proxied and headers.get("x-forwarded-for"):
            # The last one is what our own proxy has seen; those before it are what anybody says.
            self.address = headers["x-forwarded-for"].split(",")[-1].strip()[:64]

    @property
    def cookie_name(self) -> str:
        """Under TLS one that no other host and no plain page can set."""
        return "__Host-fanwatch" if self.secure else "fanwatch"

    @property
    def cookie(self) -> str:
        """The session's token, or nothing."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")[:4096]).get(self.cookie_name)
        except CookieError:
            return ""
        return found.value[:128] if found else ""

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


def _split(url: str) -> tuple[str, int]:
    """Host and port of an address; nothing where it is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "", 0
