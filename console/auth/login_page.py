"""The log-in page: plain HTML, so that it works before anything else does.

A page of NiceGUI needs its scripts and a socket, which nobody gets who has not logged in. This one allows no script.
"""

import html
import ipaddress
import secrets
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import parse_qs

from starlette import requests
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from console.auth.attempts import Attempts
from console.auth.request import Request, read
from console.auth.sessions import Sessions
from console.auth.users import NAME, Logins
from fanwatch.errors import Unavailable
from fanwatch.logs import Log

_MOST_BYTES = 4096
_PATIENCE_S = 10.0
_LOG = Log("console")

_ASSETS: Final = Path(__file__).parents[1] / "assets"
_PAGE: Final = Template((_ASSETS / "login.html").read_text(encoding="utf-8"))
_FORM: Final = Template((_ASSETS / "login_form.html").read_text(encoding="utf-8"))


class LoginPage:
    """Logs people in and out."""

    def __init__(self, logins: Logins, sessions: Sessions, attempts: Attempts, lasts_s: float) -> None:
        self._logins = logins
        self._sessions = sessions
        self._attempts = attempts
        self._lasts_s = lasts_s

    async def answer(self, scope: Scope, receive: Receive, request: Request) -> Response:
        """GET /login, POST /login and POST /logout; the middleware has seen to it that a POST is our own page's."""
        post = scope["method"] == "POST"
        if scope["path"] == "/logout":
            away = RedirectResponse("/login", 303)
            if post:
                self._sessions.end(request.token)
                self._cookie(away, request, "", 0)
            return away
        if post:
            return await self.attempt(await _form(scope, receive), request)
        back = _local(request.query_params.get("next", ""))
        if self._sessions.visitor(request.token):
            return RedirectResponse(back, 303)
        return _page(back)

    async def attempt(self, form: dict[str, str] | None, request: Request) -> Response:
        """One attempt to log in; None for a form that cannot be read."""
        if form is None:
            return refusal(413, "That was no log-in form.")
        name, password, back = form.get("name", ""), form.get("password", ""), _local(form.get("next", ""))
        # A name that nobody can have is one name, or each would be remembered.
        key = name if NAME.fullmatch(name) else ""
        address = network(request.address)
        wait_s = self._attempts.wait_s(key, address)
        if wait_s > 0:
            minutes = max(1, round(wait_s / 60))
            said = (
                f"Too many wrong passwords. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
            )
            answer = _page(back, name=name, said=said, status=429)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        self._attempts.began(key, address)
        try:
            login = await run_in_threadpool(self._logins.check, key, password)
        except Unavailable as error:
            self._attempts.withdrawn(key, address)
            return _page(back, name=name, said=str(error), status=503)
        if login is None:
            _LOG.warning("a log-in was refused", user=key, address=request.address)
            return _page(back, name=name, said="Name or password is wrong.", status=401)
        self._attempts.succeeded(key, address)
        _LOG.info("logged in", user=login.name, role=login.role, address=request.address)
        answer = RedirectResponse(back, 303)
        self._cookie(answer, request, self._sessions.begin(login), int(self._lasts_s))
        return answer

    @staticmethod
    def _cookie(answer: Response, request: Request, token: str, lasts_s: int) -> None:
        answer.set_cookie(
            request.cookie_name, token, max_age=lasts_s, path="/", secure=request.secure, httponly=True,
            samesite="lax",
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"


def network(address: str) -> str:
    """The part of an address that one machine cannot change at will: of IPv6 the first half."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def refusal(status: int, sentence: str) -> Response:
    """A page that says why nothing came of it."""
    content = f'<h1>Fanwatch</h1><p>{html.escape(sentence)}</p><a href="/">To the fans</a>'
    return _html("Not done", content, status)


def _page(back: str, *, name: str = "", said: str = "", status: int = 200) -> Response:
    focus = {"focus_name": "" if name else "autofocus", "focus_password": "autofocus" if name else ""}
    told = f'<p class="bad" role="alert">{html.escape(said)}</p>' if said else ""
    form = _FORM.substitute(said=told, back=html.escape(back), name=html.escape(name[:32]), **focus)
    return _html("Log in", form, status)


def _html(title: str, content: str, status: int) -> HTMLResponse:
    nonce = secrets.token_urlsafe(12)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return HTMLResponse(
        _PAGE.substitute(title=title, nonce=nonce, content=content),
        status,
        {"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


async def _form(scope: Scope, receive: Receive) -> dict[str, str] | None:
    """The fields of a form; None for one that is too long, too slow, or none."""
    try:
        body = await read(requests.Request(scope, receive).stream(), _MOST_BYTES, _PATIENCE_S)
        if body is None:
            return None
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=8)
    except (TimeoutError, ValueError, requests.ClientDisconnect):
        return None
    return {name: values[0] for name, values in fields.items()}


def _local(back: str) -> str:
    """A path of ours to go on to; anything else would let a link send people elsewhere after they logged in."""
    inside = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if inside and not back.startswith(("/login", "/logout")) else "/"
