"""Which way an HTTP client takes where the environment names a proxy."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from fanwatch import http_session, proxies
from fanwatch.logs import Log
from fanwatch.messages.alarm import Alarm
from fanwatch.notify.webhook import Webhook
from fanwatch.settings import ForecastSettings, StoreSettings
from fanwatch.store.influx import Store
from tests.support.http_stub import HttpStub, Reply
from tests.support.proxy import Recorder, environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    made = Recorder()
    for name, value in environment(made.port).items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    made = HttpStub()
    yield made
    made.close()


def test_the_store_is_reached_past_it(proxy: Recorder, stub: HttpStub) -> None:
    stub.answer = lambda request: Reply(200, b'{"results":[{}]}')
    store = Store(StoreSettings(influx_url=stub.url))
    assert store.ready()
    assert store.query("SELECT 1") == []
    assert proxy.heard == []


def test_a_store_on_another_machine_is_reached_past_it_too(proxy: Recorder) -> None:
    """A name that no resolver knows: it cannot be reached, and no proxy is asked either."""
    assert not Store(StoreSettings(influx_url="http://influxdb.invalid:8086", influx_timeout=2)).ready()
    assert proxy.heard == []


def test_a_part_gets_no_variable_of_it() -> None:
    given = environment(1) | {"Http_Proxy": "x", "PATH": "/bin", "FANWATCH_CONSOLE_BEHIND_PROXY": "1"}
    assert proxies.without(given) == {"PATH": "/bin", "FANWATCH_CONSOLE_BEHIND_PROXY": "1"}


def test_what_reaches_out_keeps_it_and_excepts_this_machine() -> None:
    given = {"https_proxy": "http://proxy:3128", "NO_PROXY": "intranet, .example.com", "PATH": "/bin"}
    listed = "intranet,.example.com,localhost,127.0.0.1,::1"
    wanted = {"https_proxy": "http://proxy:3128", "NO_PROXY": listed, "no_proxy": listed}
    assert proxies.outward(given) == wanted
    assert proxies.outward(given | wanted) == wanted, "it stays the same when it is done again"
    assert proxies.outward({"NO_PROXY": "x", "http_proxy": ""}) == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.3.2.1", "LOCALHOST", "hooks.localhost"])
def test_out_of_the_site_means_never_this_machine(proxy: Recorder, stub: HttpStub, host: str) -> None:
    url = f"http://{host}:{stub.url.rpartition(':')[2]}/"
    # Not every system resolves each name, and the stub listens on 127.0.0.1 alone.
    with contextlib.suppress(OSError):
        http_session.session_to(url).get(url, timeout=5)
    assert proxy.heard == []


def test_out_of_the_site_asks_it(proxy: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> None:
        with contextlib.suppress(requests.ConnectionError):
            assert (
                not http_session.session_to("http://hooks.invalid/x")
                .get("http://hooks.invalid/x", timeout=5)
                .ok
            )

    ask()
    assert [line.split(b"\r")[0] for line in proxy.heard] == [b"GET http://hooks.invalid/x HTTP/1.1"]
    monkeypatch.setenv("no_proxy", ".invalid")
    ask()
    assert len(proxy.heard) == 1


def test_every_client_goes_through_it() -> None:
    """Whoever asks over HTTP does so by one of two sessions: past every proxy, or out of the site by the machine's."""
    asks = re.compile(
        r"urllib\.request\.(urlopen|build_opener|urlretrieve)|requests\.(get|post|request|Session)\(|^import httpx",
        re.MULTILINE,
    )
    found = {
        str(path.relative_to(ROOT))
        for folder in ("cli", "connectors", "console", "credentials", "fanwatch", "functions", "history", "local",
                       "simulator", "template", "training")
        for path in (ROOT / folder).rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert found == {"fanwatch/http_session.py"}


def test_a_webhook_asks_it(proxy: Recorder, stub: HttpStub) -> None:
    def tell(url: str) -> str | None:
        settings = ForecastSettings(webhook_url=url, webhook_timeout=5)
        hook = Webhook(settings, Store(StoreSettings()), Log("test"))
        at = "2026-11-23T12:00:00.000Z"
        return hook.post("key", Alarm(
            deviceID="fan-01", episode=f"fan-01/{at}", state="alarm", since=at, risk=0.9, cause=None,
            failureExpected=None, why="it wears",
        ))  # fmt: skip

    assert tell("http://hooks.invalid/x") is not None
    assert [line.split(b"\r")[0] for line in proxy.heard] == [b"POST http://hooks.invalid/x HTTP/1.1"]
    assert tell(f"{stub.url}/hook") is None
    assert [request.path for request in stub.requests] == ["/hook"]
    assert len(proxy.heard) == 1
