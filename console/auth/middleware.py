"""Who gets to the page at all: the outermost layer of the server, before anything of the page runs.

It knows nothing of the page. Every request and every socket carries the session's cookie and comes from our own page
(Host, Origin), or is turned away here; what the person behind it may do is asked again with each command.
"""

import secrets
import ssl
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.auth.attempts import Attempts
from console.auth.login_page import LoginPage, refusal
from console.auth.sessions import LOCAL, Sessions, Visitor
from console.auth.users import Logins
from fanwatch.errors import SettingsError
from fanwatch.settings import AccessSettings

SEAT: Final = "fanwatch.seat"
"""Where a request's scope has its Seat."""
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
SESSION: Final = "/session"
"""Answers 200 and who it is, or 401: how a page that lost its server learns why."""
HEALTH: Final = "/healthz"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Vue compiles templates in the browser, hence unsafe-eval; nothing may come from, or go, elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": _POLICY,
}


class Seat:
    """The session that a request or a socket came with; `visitor` is who that is now."""

    def __init__(self, sessions: Sessions | None, token: str) -> None:
        self._sessions = sessions
        self._token = token

    @property
    def visitor(self) -> Visitor | None:
        """None once the session has ended."""
        return LOCAL if self._sessions is None else self._sessions.visitor(self._token)

    def same(self, other: "Seat") -> bool:
        """Whether both are one session."""
        return secrets.compare_digest(self._token.encode(), other._token.encode())


def check(access: AccessSettings, host: str) -> None:
    """SettingsError for what would show the page to strangers, or send passwords in the clear."""
    if bool(access.console_cert_file) != bool(access.console_key_file):
        raise SettingsError(
            "FANWATCH_CONSOLE_CERT_FILE and FANWATCH_CONSOLE_KEY_FILE belong together: set both."
        )
    if access.console_cert_file and access.console_key_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                access.console_cert_file, access.console_key_file
            )
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(
                f"FANWATCH_CONSOLE_CERT_FILE and _KEY_FILE are no certificate with its key: {error.strerror or error}."
            ) from error
    if host in _LOOPBACK:
        return
    if access.console_logins_file is None:
        raise SettingsError(
            f"FANWATCH_CONSOLE_HOST={host} would let everybody on the network close alarms: make logins with "
            "`fanwatch console users add NAME` and set FANWATCH_CONSOLE_LOGINS_FILE."
        )
    if not access.console_cert_file and not access.console_behind_proxy:
        raise SettingsError(
            f"FANWATCH_CONSOLE_HOST={host} would send passwords in the clear: set FANWATCH_CONSOLE_CERT_FILE and "
            "_KEY_FILE, or FANWATCH_CONSOLE_BEHIND_PROXY=1 where a proxy before it speaks TLS."
        )


class AuthMiddleware:
    """The layer; `app` is everything behind it."""

    def __init__(self, app: ASGIApp, access: AccessSettings) -> None:
        """SettingsError where the logins' file cannot be used."""
        self._app = app
        self._proxied = access.console_behind_proxy
        self._sessions: Sessions | None = None
        self._entrance: LoginPage | None = None
        if access.console_logins_file:
            logins = Logins(access.console_logins_file)
            self._sessions = Sessions(logins, access.session_s)
            self._entrance = LoginPage(logins, self._sessions, Attempts(), access.session_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = Request(scope, headers, proxied=self._proxied)
        seat = Seat(self._sessions, request.cookie)
        scope[SEAT] = seat
        answer = await self._turned_away(scope, receive, request, seat)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            # Before it is accepted, closing is a 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, _with_headers(send))

    async def _turned_away(
        self, scope: Scope, receive: Receive, request: "Request", seat: Seat
    ) -> Response | None:
        """What to answer instead of the page; None lets it through."""
        path = scope["path"]
        method = scope.get("method", "GET")
        if path == HEALTH and method in ("GET", "HEAD"):
            return None
        if self._sessions is None and request.host not in _LOOPBACK:
            # Another name for this machine is how a strange page gets at it (DNS rebinding).
            return refusal(421, "Without logins this page answers to http://localhost only.")
        if (scope["type"] == "websocket" or method not in ("GET", "HEAD")) and not request.own:
            return refusal(403, "This came from another page, so nothing was done.")
        if scope["type"] == "websocket" or path.startswith("/_nicegui_ws/"):
            # A socket without an Origin is no browser's; the polling that stands in for sockets has none on GET.
            return None if seat.visitor else refusal(401, "You are logged out.")
        if path == SESSION:
            visitor = seat.visitor
            found = (
                {"name": visitor.name, "role": visitor.role} if visitor else {"error": "You are logged out."}
            )
            return JSONResponse(found, 200 if visitor else 401, {"Cache-Control": "no-store"})
        if self._entrance is not None and path in (LOGIN, LOGOUT):
            return await self._entrance.answer(scope, receive, request)
        if seat.visitor is not None:
            return RedirectResponse("/", 303) if path in (LOGIN, LOGOUT) else None
        if method == "GET" and "text/html" in request.headers.get("accept", ""):
            query = scope.get("query_string", b"").decode("latin-1")
            whole = path + (f"?{query}" if query else "")
            back = f"?next={quote(whole, safe='/')}" if whole != "/" else ""
            return RedirectResponse(LOGIN + back, 303)
        return refusal(401, "You are logged out.")


class Request:
    """What the guard looks at: cookie, Host, Origin, whose address, and whether TLS protects the cookie."""

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


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
