"""Who may do what on the page, in a real browser: logging in, looking, acting, and what a forger gets."""

import asyncio
import json
import re
import ssl
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path

import msgspec
import pytest
import socketio
from cryptography import x509
from playwright.sync_api import Browser, BrowserContext, Page, expect

from console.auth import users
from credentials import authority
from fanwatch.messages.alarm import Alarm
from tests.support.axe import violations_either_way
from tests.support.console import Console, alarm, raise_alarm
from tests.support.http_stub import HttpStub, Reply
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until

expect.set_options(timeout=30_000)

PASSWORD = "correct horse battery"
SCRIPT = "<script>window.hurt = true</script><img src=x onerror='window.hurt = true'>"
_EMIT = """([client, id, listener, args]) => window.socket.emit("event", {
    id, client_id: client || window.clientId, listener_id: listener, args: [JSON.stringify(args)]})"""
_LISTENER = """() => { for (const [id, e] of Object.entries(mounted_app.elements)) for (const on of e.events || [])
    if (on.type === "act") return [Number(id), on.listener_id]; }"""


class World:
    """A page with logins before a broker, a store and a gateway whose answers the test decides."""

    def __init__(self, directory: Path, broker: Mosquitto, influx: Influx) -> None:
        workshop = users.made("workshop", "technician", PASSWORD)
        self.logins = directory / "logins"
        users.write(
            self.logins, {"workshop": workshop, "gallery": workshop._replace(name="gallery", role="viewer")}
        )
        self.gateway = HttpStub()
        self.broker = broker
        self.page = Console(
            directory,
            broker,
            influx,
            FANWATCH_CONSOLE_LOGINS_FILE=str(self.logins),
            FANWATCH_GATEWAY_URL=self.gateway.url,
        )

    def commands(self) -> list[dict[str, str]]:
        """What forecast-fan was asked to do."""
        calls = [each for each in self.gateway.requests if each.path == "/function/forecast-fan"]
        return [json.loads(each.body) for each in calls]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto, influx: Influx) -> Iterator[World]:
    """One for all tests here; each has a fan of its own."""
    made = World(tmp_path_factory.mktemp("world"), broker, influx)
    yield made
    made.page.stop()
    made.gateway.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used."""
    made = browser.new_context()
    made.set_default_timeout(30_000)
    yield made
    made.close()


def _log_in(world: World, context: BrowserContext, name: str, path: str = "/alarms") -> Page:
    page = context.new_page()
    page.goto(world.page.url + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(world.page.url + path)
    return page


def _episode(world: World, device: str, state: str = "alarm", why: str = "vibration has risen") -> Alarm:
    made = alarm(device, state, why, cause="vibration", hours=(5, 20))
    raise_alarm(world.broker, made)
    return made


def test_a_stranger_sees_nothing_and_a_wrong_password_says_so(world: World, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(world.page.url + "/alarms")
    assert page.url == world.page.url + "/login?next=/alarms"
    assert violations_either_way(page) == []
    page.get_by_label("Name").fill("workshop")
    page.get_by_label("Password").fill("wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    assert violations_either_way(page) == []
    assert page.get_by_label("Name").input_value() == "workshop"
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Alarms")).to_be_visible()


def test_what_was_seen_of_a_sensor_is_proposed_and_not_known_is_an_answer(
    world: World, context: BrowserContext
) -> None:
    made = alarm("fan-15", "instrument", "The sound sensor is stuck.", cause="stuck", sensor="sound")
    raise_alarm(world.broker, made)
    world.gateway.answer = lambda _: Reply()
    page = _log_in(world, context, "workshop")
    page.locator(f'[data-episode="{made.episode}"]').get_by_role("button", name="Close").click()
    asked = page.get_by_role("dialog")
    expect(asked.get_by_label("A sensor fault")).to_be_checked()
    expect(asked.get_by_label("Which one?")).to_have_value("sound:stuck")
    asked.get_by_label("A fault of the fan").check()
    expect(asked.get_by_label("Which one?")).to_have_value("")
    asked.get_by_label("Which one?").select_option("Not known")
    asked.get_by_role("button", name="Close the episode").click()
    expect(page.get_by_text("closed, and what you found is kept")).to_be_visible()
    [sent] = [each for each in world.commands() if each["episode"] == made.episode]
    assert (sent["found"], sent.get("mode")) == ("fault", None)


def test_a_technician_decides_and_it_counts_once_forecast_fan_says_yes(
    world: World, context: BrowserContext
) -> None:
    made = _episode(world, "fan-10")
    page = _log_in(world, context, "workshop")
    card = page.locator(f'[data-episode="{made.episode}"]')
    world.gateway.answer = lambda _: Reply(409, b'{"error": "Somebody else has closed it."}')
    card.get_by_role("button", name="Acknowledge").click()
    expect(card.get_by_role("alert")).to_have_text("Somebody else has closed it.")
    world.gateway.answer = lambda _: Reply()
    card.get_by_role("button", name="Acknowledge").click()
    # One message: the card itself says so once forecast-fan has; a screen reader is told at once.
    expect(page.locator(".ep-said.ep-hidden").first).to_have_text("fan-10: acknowledged.")
    taken = msgspec.structs.replace(made, acknowledgedBy="workshop")
    raise_alarm(world.broker, taken)
    expect(card.get_by_text("acknowledged by workshop")).to_be_visible()

    card.get_by_role("button", name="Snooze").click()
    page.get_by_role("button", name="4 hours").click()
    card.get_by_role("button", name="Close").click()
    asked = page.get_by_role("dialog")
    # Nothing is chosen for them: by reflex, nobody says what it was.
    submit = asked.get_by_role("button", name="Close the episode")
    expect(submit).to_have_accessible_description("Choose what was found.")
    submit.focus()
    page.keyboard.press("Enter")
    asked.get_by_label("A fault of the fan").check()
    expect(submit).to_have_accessible_description("Choose which one it was.")
    expect(submit).to_be_disabled()
    page.keyboard.press("Enter")
    expect(asked).to_be_visible()
    asked.get_by_label("Which one?").select_option("bearing")
    expect(submit).to_be_enabled()
    expect(submit).to_have_accessible_description("")
    asked.get_by_label("Note").fill("outer ring pitted")
    asked.get_by_role("button", name="Close the episode").click()
    expect(page.get_by_text("closed, and what you found is kept")).to_be_visible()
    sent = [each for each in world.commands() if each["episode"] == made.episode]
    assert [each["action"] for each in sent] == ["acknowledge", "acknowledge", "snooze", "close"]
    assert {each["by"] for each in sent} == {"workshop"}
    assert sent[2]["until"].endswith("Z")
    assert {name: sent[3][name] for name in ("found", "mode", "note")} == {
        "found": "fault", "mode": "bearing", "note": "outer ring pitted",
    }  # fmt: skip
    # The card itself goes by forecast-fan's message alone.
    expect(card).to_be_visible()
    raise_alarm(world.broker, alarm("fan-10", "ok", "nothing unusual"))
    expect(card).to_have_count(0)


def test_a_viewer_looks_and_what_they_forge_is_refused(world: World, context: BrowserContext) -> None:
    made = _episode(world, "fan-11")
    page = _log_in(world, context, "gallery")
    card = page.locator(f'[data-episode="{made.episode}"]')
    expect(card).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    identity, listener = page.evaluate(_LISTENER)
    asked = {"episode": made.episode, "action": "acknowledge", "by": "workshop"}
    page.evaluate(_EMIT, [None, identity, listener, asked])
    expect(card.get_by_role("alert")).to_have_text(
        "gallery may look only. Ask for the role technician to act."
    )
    assert not [each for each in world.commands() if each["episode"] == made.episode]


def test_a_page_obeys_the_session_alone_that_opened_it(world: World, browser: Browser) -> None:
    made = _episode(world, "fan-12")
    mine, theirs = browser.new_context(), browser.new_context()
    try:
        page, forger = _log_in(world, mine, "workshop"), _log_in(world, theirs, "gallery")
        expect(page.locator(f'[data-episode="{made.episode}"]')).to_be_visible()
        identity, listener = page.evaluate(_LISTENER)
        asked = {"episode": made.episode, "action": "close", "found": "false alarm"}
        until(lambda: forger.evaluate("window.did_handshake"), 20, "the forger's socket")
        # Its socket is cut for that, so its page comes anew.
        with forger.expect_navigation():
            forger.evaluate(_EMIT, [page.evaluate("window.clientId"), identity, listener, asked])
        assert not [each for each in world.commands() if each["episode"] == made.episode]
        page.evaluate(_EMIT, [None, identity, listener, asked])
        until(
            lambda: [each for each in world.commands() if each["episode"] == made.episode],
            20,
            "the owner's own",
        )
    finally:
        mine.close()
        theirs.close()


def test_whatever_others_wrote_is_text(world: World, context: BrowserContext) -> None:
    made = _episode(world, "fan-13", why=SCRIPT)
    page = _log_in(world, context, "workshop")
    card = page.locator(f'[data-episode="{made.episode}"]')
    expect(card).to_contain_text(SCRIPT)
    world.gateway.answer = lambda _: Reply(409, json.dumps({"error": SCRIPT}).encode())
    card.get_by_role("button", name="Acknowledge").click()
    expect(card.get_by_role("alert")).to_have_text(SCRIPT)
    world.gateway.answer = lambda _: Reply()
    assert page.evaluate("window.hurt") is None


def test_who_logs_out_or_is_removed_is_out_everywhere(world: World, context: BrowserContext) -> None:
    page = _log_in(world, context, "gallery", "/pipeline")
    other = context.new_page()
    other.goto(world.page.url + "/alarms")
    until(lambda: other.evaluate("window.did_handshake"), 20, "the other page's socket")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    other.wait_for_url("**/login?next=*")

    page = _log_in(world, context, "gallery", "/")
    until(lambda: page.evaluate("window.did_handshake"), 20, "the page's socket")
    everybody = users.read(world.logins)
    try:
        users.write(world.logins, {"workshop": everybody["workshop"]})
        page.wait_for_url("**/login?next=*")
    finally:
        users.write(world.logins, everybody)


def test_who_only_listens_is_cut_off_as_well(world: World) -> None:
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = urllib.parse.urlencode({"name": "gallery", "password": PASSWORD}).encode()
    asked = urllib.request.Request(world.page.url + "/login", form, {"Origin": world.page.url})
    with opener.open(asked, timeout=30) as answer:
        found = re.search(r"client_id\W+([0-9a-f-]{36})", answer.read().decode())
    assert found is not None
    sent = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in jar), "Origin": world.page.url}
    everybody = users.read(world.logins)
    remaining = {"workshop": everybody["workshop"]}
    try:
        # Playwright's own loop has this thread.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(_listen(world, sent, found[1], remaining))).result(90)
    finally:
        users.write(world.logins, everybody)


async def _listen(world: World, sent: dict[str, str], page: str, remaining: dict[str, users.Login]) -> None:
    """Hears of the fleet without a word of its own, until nobody but `remaining` may log in."""
    heard, ended = asyncio.Event(), asyncio.Event()
    client = socketio.AsyncClient(reconnection=False)
    client.on("fanwatch", lambda _message: heard.set())
    client.on("disconnect", lambda *_: ended.set())
    query = f"client_id={page}&tab_id=t&document_id=d&next_message_id=0&implicit_handshake=true"
    await client.connect(
        f"{world.page.url}?{query}", sent, transports=["websocket"], socketio_path="/_nicegui_ws/socket.io"
    )
    try:
        await asyncio.wait_for(heard.wait(), 30)
        users.write(world.logins, remaining)
        await asyncio.wait_for(ended.wait(), 30)
    finally:
        await client.disconnect()


class Secure(Console):
    """The same under TLS, beyond loopback."""

    authority: authority.Pair

    def answers(self) -> bool:
        context = ssl.create_default_context(cadata=self.authority.certificate_pem.decode())
        self.url = f"https://127.0.0.1:{self.port}"
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5, context=context) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def serial(self) -> int:
        """Of the certificate that it presents now."""
        presented = ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)
        return x509.load_pem_x509_certificate(presented.encode()).serial_number

    @classmethod
    def made(cls, directory: Path, world: World) -> "Secure":
        """With a certificate of an authority of its own."""
        cls.authority = authority.authority()
        pair = authority.server(cls.authority, ["127.0.0.1"])
        (directory / "crt").write_bytes(pair.certificate_pem)
        (directory / "key").write_bytes(pair.key_pem)
        return cls(
            directory,
            world.broker,
            None,
            FANWATCH_CONSOLE_HOST="0.0.0.0",
            FANWATCH_CONSOLE_CERT_FILE=str(directory / "crt"),
            FANWATCH_CONSOLE_KEY_FILE=str(directory / "key"),
            FANWATCH_CONSOLE_LOGINS_FILE=str(world.logins),
        )


def test_where_it_is_deployed_tls_protects_it(world: World, browser: Browser, tmp_path: Path) -> None:
    served = Secure.made(tmp_path, world)
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(30_000)
    try:
        page = context.new_page()
        page.goto(served.url + "/alarms")
        page.get_by_label("Name").fill("gallery")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Alarms")).to_be_visible()
        until(lambda: page.evaluate("window.did_handshake"), 30, "the page's socket")
        [cookie] = context.cookies()
        shown = {name: cookie[name] for name in ("name", "secure", "httpOnly", "sameSite")}  # type: ignore[literal-required]
        assert shown == {"name": "__Host-fanwatch", "secure": True, "httpOnly": True, "sameSite": "Lax"}
        first, pair = served.serial(), authority.server(Secure.authority, ["127.0.0.1"])
        (tmp_path / "crt").write_bytes(pair.certificate_pem)
        assert served.serial() == first, "a certificate whose key has not come yet changes nothing"
        assert served.output().count("new certificate cannot be used") == 1
        (tmp_path / "key").write_bytes(pair.key_pem)
        assert [served.serial(), served.serial()] == [pair.certificate.serial_number] * 2
        assert served.answers(), "whoever trusts the authority goes on"
        assert page.evaluate("window.did_handshake"), "and who is there notices nothing"
    finally:
        context.close()
        served.stop()
