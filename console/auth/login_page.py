"""The log-in page: plain HTML, so that it works before anything else does."""

import asyncio
import html
import ipaddress
import secrets
from string import Template
from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from console.auth.attempts import Attempts
from console.auth.request import Request
from console.auth.sessions import Sessions
from console.auth.users import NAME, Logins
from console.icons import icon
from fanwatch.errors import Unavailable
from fanwatch.logs import Log

_MOST_BYTES = 4096
_PATIENCE_S = 10.0
_LOG = Log("console")

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · Fanwatch</title>
<style nonce="$nonce">
:root { color-scheme: light dark; --page: #f3f1ea; --card: #fdfcf8; --ink: #1d1c18; --soft: #5d594f; --line: #c9c4b5;
  --go: #0e5a60; --on-go: #fff; --bad-page: #fbe3de; --rail: #18312f; }
@media (prefers-color-scheme: dark) {
  :root { --page: #121412; --card: #1a1d1b; --ink: #ece9df; --soft: #b1ada0; --line: #454a46;
    --go: #6cc4bf; --on-go: #0a1f1f; --bad-page: #431b16; --rail: #6cc4bf; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { width: min(24rem, 100%); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
svg { display: block; width: 48px; height: 48px; margin: 0 0 .75rem -6px; color: var(--rail); }
h1 { margin: 0; font-size: 1.625rem; line-height: 1.2; letter-spacing: -.015em; }
p { margin: .25rem 0 1.5rem; color: var(--soft); }
p.bad { margin: 0 0 1rem; padding: .625rem .75rem; border-radius: .5rem; background: var(--bad-page);
  color: var(--ink); }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .625rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--soft); border-radius: .5rem; }
button { width: 100%; margin-top: 1.5rem; padding: .75rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-go); background: var(--go); border: 0; border-radius: .5rem; }
:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; }
a { color: var(--go); }
</style>
</head>
<body><main>$content</main></body>
</html>
""")

_FORM: Final = Template("""$mark<h1>Fanwatch</h1>
<p>Log in to see the fans.</p>
$said
<form method="post" action="/login">
<input type="hidden" name="next" value="$back">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="32"
 value="$name" required $focus_name>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required
 $focus_password>
<button>Log in</button>
</form>""")


class LoginPage:
    """Logs people in and out."""

    def __init__(self, logins: Logins, sessions: Sessions, attempts: Attempts, lasts_s: float) -> None:
        self._logins = logins
        self._sessions = sessions
        self._attempts = attempts
        self._lasts_s = lasts_s

    async def answer(self, scope: Scope, receive: Receive, request: Request) -> Response:
        """GET /login, POST /login and POST /logout; the guard has seen to it that a POST is our own page's."""
        post = scope["method"] == "POST"
        if scope["path"] == "/logout":
            if post:
                self._sessions.end(request.cookie)
            away = RedirectResponse("/login", 303)
            if post:
                self._cookie(away, request, "", 0)
            return away
        if post:
            return await self.attempt(await _form(receive), request)
        asked = parse_qs(scope["query_string"].decode("latin-1")[:_MOST_BYTES])
        back = _local(asked.get("next", [""])[0])
        if self._sessions.visitor(request.cookie):
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
    form = _FORM.substitute(
        mark=icon("fan"), said=told, back=html.escape(back), name=html.escape(name[:32]), **focus
    )
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


async def _form(receive: Receive) -> dict[str, str] | None:
    """The fields of a form; None for one that is too long, too slow, or none."""
    body = b""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > _MOST_BYTES:
                    return None
                if not message.get("more_body"):
                    break
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=8)
    except (TimeoutError, ValueError):
        return None
    return {name: values[0] for name, values in fields.items()}


def _local(back: str) -> str:
    """A path of ours to go on to; anything else would let a link send people elsewhere after they logged in."""
    inside = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if inside and not back.startswith(("/login", "/logout")) else "/"
