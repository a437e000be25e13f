"""The layer before the page, as a browser and as somebody else meet it; behind it a page that says who came."""

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from console.auth import attempts, middleware, users
from credentials import authority
from fanwatch.errors import SettingsError
from fanwatch.settings import AccessSettings
from tests.support.ports import free_port
from tests.support.wait import until

PASSWORD = "correct horse battery"


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    """What is behind the guard."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    who = scope[middleware.SEAT].visitor
    body = f"{who.name}, {who.role}".encode() if who else b"nobody"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Site:
    """The guard on a port of its own, under real uvicorn."""

    def __init__(self, access: AccessSettings) -> None:
        self.port = free_port()
        config = uvicorn.Config(
            middleware.AuthMiddleware(_page, access),
            port=self.port,
            log_level="warning",
            proxy_headers=False,
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))
        self._thread.start()
        until(lambda: self._server.started, 20, "the server")
        self.own = f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """One request; headers are named with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            got = connection.getresponse()
            return Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read().decode())

    def log_in(self, name: str, password: str, **fields: str) -> Answer:
        """The form as our own page sends it."""
        form = urlencode({"name": name, "password": password} | fields)
        return self.ask("POST", "/login", form, Origin=self.own)

    def socket(self, **headers: str) -> Answer:
        """Asks for a WebSocket."""
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
        key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        return self.ask("GET", "/_nicegui_ws/socket.io/", None, **upgrade, **key, **headers)

    def close(self) -> None:
        """Ends it."""
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A technician's and a viewer's logins; the same password saves a hash."""
    path = tmp_path_factory.mktemp("logins") / "logins"
    workshop = users.made("workshop", "technician", PASSWORD)
    users.write(path, {"workshop": workshop, "gallery": workshop._replace(name="gallery", role="viewer")})
    return path


@pytest.fixture
def site(file: Path) -> Iterator[Site]:
    """A new one each time: who guessed is remembered."""
    made = Site(AccessSettings(console_logins_file=str(file)))
    yield made
    made.close()


def _cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_logging_in_and_out(site: Site) -> None:
    asked = site.ask("GET", "/fan/fan-07?span=day", Accept="text/html")
    assert (asked.status, asked.headers["location"]) == (303, "/login?next=/fan/fan-07%3Fspan%3Dday")
    assert site.ask("GET", "/data").status == 401
    shown = site.ask("GET", asked.headers["location"])
    assert 'value="/fan/fan-07?span=day"' in shown.text
    done = site.log_in("workshop", PASSWORD, next="/fan/fan-07?span=day")
    assert (done.status, done.headers["location"]) == (303, "/fan/fan-07?span=day")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(done.headers["set-cookie"].split("; "))
    cookie = _cookie(done)
    page = site.ask("GET", "/", Cookie=cookie)
    assert page.text == "workshop, technician"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert site.ask("GET", "/session", Cookie=cookie).text == '{"name":"workshop","role":"technician"}'
    # A link from a strange page must not log anybody out.
    assert site.ask("POST", "/logout", Cookie=cookie, Origin="http://evil.example").status == 403
    site.ask("GET", "/logout", Cookie=cookie)
    assert site.ask("GET", "/", Cookie=cookie).status == 200
    assert site.ask("POST", "/logout", Cookie=cookie, Origin=site.own).status == 303
    assert site.ask("GET", "/", Cookie=cookie).status == 401
    assert site.ask("GET", "/session", Cookie=cookie).status == 401


def test_nobody_is_sent_elsewhere_after_logging_in(site: Site) -> None:
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/login"):
        assert site.log_in("workshop", PASSWORD, next=evil).headers["location"] == "/"


def test_a_wrong_password_says_no_more_than_that_and_guessing_has_an_end(site: Site) -> None:
    for _ in range(attempts.MOST_PAIR - 1):
        assert site.log_in("workshop", "wrong password").status == 401
    wrong, unknown = site.log_in("workshop", "wrong password"), site.log_in("stranger", "wrong password")
    assert "Name or password is wrong." in wrong.text
    assert unknown.text.replace("stranger", "workshop").split("<main>")[1] == wrong.text.split("<main>")[1]
    refused = site.log_in("workshop", PASSWORD)
    assert refused.status == 429
    assert "Try again in 15 minutes." in refused.text
    assert 0 < int(refused.headers["retry-after"]) <= 901
    assert "set-cookie" not in refused.headers
    # Another name from here is still free, and what it is called is text.
    assert site.log_in("gallery", PASSWORD).status == 303
    assert "&lt;script&gt;" in site.log_in("<script>alert(1)</script>", "x").text


def test_forged_forms_and_strange_sockets_are_turned_away(site: Site) -> None:
    form = urlencode({"name": "workshop", "password": PASSWORD})
    for origin in (
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
    ):
        assert site.ask("POST", "/login", form, **origin).status == 403
    assert site.ask("POST", "/login", form + "&x=" + "x" * 5000, Origin=site.own).status == 413
    cookie = _cookie(site.log_in("workshop", PASSWORD))
    assert site.socket(Origin=site.own, Cookie=cookie).status == 101
    assert site.socket(Origin="http://evil.example", Cookie=cookie).status == 403
    assert site.socket(Cookie=cookie).status == 403
    assert site.socket(Origin=site.own).status == 403
    assert site.ask("GET", "/_nicegui_ws/socket.io/?transport=polling").status == 401
    assert site.ask("POST", "/_nicegui_ws/socket.io/", "x", Cookie=cookie).status == 403


def test_without_logins_only_this_machine_is_let_in() -> None:
    site = Site(AccessSettings())
    try:
        assert site.ask("GET", "/").text == "technician, technician"
        assert site.ask("GET", "/login").status == 303
        for name in ("evil.example", f"evil.example:{site.port}", "127.0.0.1.evil.example"):
            refused = site.ask("GET", "/", Host=name)
            assert (refused.status, "localhost only" in refused.text) == (421, True)
        assert site.ask("GET", "/", Host=f"localhost:{site.port}").status == 200
        assert site.socket(Origin="http://evil.example").status == 403
        assert site.ask("GET", "/healthz", Host="10.0.0.1:8092").status == 200
    finally:
        site.close()


def test_behind_a_proxy_its_word_counts(file: Path) -> None:
    site = Site(AccessSettings(console_logins_file=str(file), console_behind_proxy=True))
    form = urlencode({"name": "workshop", "password": PASSWORD})

    def log_in(address: str, password: str) -> Answer:
        headers = {"X_Forwarded_Proto": "https", "X_Forwarded_For": f"192.0.2.99, {address}"}
        body = urlencode({"name": "workshop", "password": password})
        return site.ask("POST", "/login", body, Host="fans.example", Origin="https://fans.example", **headers)

    try:
        done = log_in("192.0.2.1", PASSWORD)
        assert done.headers["set-cookie"].startswith("__Host-fanwatch=")
        assert "Secure" in done.headers["set-cookie"]
        for _ in range(attempts.MOST_PAIR):
            log_in("192.0.2.2", "wrong password")
        assert log_in("192.0.2.2", PASSWORD).status == 429
        assert log_in("192.0.2.3", PASSWORD).status == 303
        plain = site.ask("POST", "/login", form, Host="fans.example", Origin="https://fans.example")
        assert plain.status == 403
    finally:
        site.close()


@pytest.mark.parametrize(
    ("host", "given", "said"),
    [
        ("0.0.0.0", {}, "console users add"),
        ("0.0.0.0", {"console_logins_file": "x"}, "in the clear"),
        ("127.0.0.1", {"console_cert_file": "x"}, "belong together"),
    ],
)
def test_what_would_open_the_page_to_strangers_is_refused(
    host: str, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        middleware.check(AccessSettings(**given), host)


def test_what_protects_it_is_taken(tmp_path: Path) -> None:
    middleware.check(AccessSettings(), "127.0.0.1")
    middleware.check(AccessSettings(console_logins_file="x", console_behind_proxy=True), "0.0.0.0")
    pair = authority.server(authority.authority(), ["127.0.0.1"])
    (tmp_path / "crt").write_bytes(pair.certificate_pem)
    (tmp_path / "key").write_bytes(pair.key_pem)
    files = {"console_cert_file": str(tmp_path / "crt"), "console_key_file": str(tmp_path / "key")}
    middleware.check(AccessSettings(console_logins_file="x", **files), "0.0.0.0")
    (tmp_path / "key").write_text("no key")
    with pytest.raises(SettingsError, match="no certificate with its key"):
        middleware.check(AccessSettings(console_logins_file="x", **files), "0.0.0.0")
