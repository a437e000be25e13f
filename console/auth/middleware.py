"""Who gets to the page at all: the outermost layer of the server, before anything of the page runs.

It is ours because NiceGUI guards neither its sockets nor its events, and Starlette's middleware for sessions, hosts and
trusted proxies each sees a part only. Each rule here answers a line of the table in docs/security.md.

It knows nothing of the page. Every request and every socket carries the session's cookie and comes from our own page
(Host, Origin), or is turned away here; what the person behind it may do is asked again with each command.
"""

import ssl
from typing import Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.auth.attempts import Attempts
from console.auth.login_page import LoginPage, refusal
from console.auth.request import Request
from console.auth.sessions import SEAT, Seat, Sessions
from console.auth.users import Logins
from fanwatch.errors import SettingsError
from fanwatch.settings import AccessSettings

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
        self._login_page: LoginPage | None = None
        if access.console_logins_file:
            logins = Logins(access.console_logins_file)
            self._sessions = Sessions(logins, access.session_s)
            self._login_page = LoginPage(logins, self._sessions, Attempts(), access.session_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, proxied=self._proxied)
        seat = scope[SEAT] = Seat(self._sessions, request.token)
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
        self, scope: Scope, receive: Receive, request: Request, seat: Seat
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
        if self._login_page is not None and path in (LOGIN, LOGOUT):
            return await self._login_page.answer(scope, receive, request)
        if seat.visitor is not None:
            return RedirectResponse("/", 303) if path in (LOGIN, LOGOUT) else None
        if method == "GET" and "text/html" in request.headers.get("accept", ""):
            query = scope.get("query_string", b"").decode("latin-1")
            whole = path + (f"?{query}" if query else "")
            back = f"?next={quote(whole, safe='/')}" if whole != "/" else ""
            return RedirectResponse(LOGIN + back, 303)
        return refusal(401, "You are logged out.")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
