"""The gateway's client against a small real HTTP server."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.errors import FanwatchError, SettingsError, Unavailable
from fanwatch.gateway.client import FunctionInfo, Gateway
from fanwatch.settings import GatewaySettings
from tests.support.http_stub import HttpStub, Reply
from tests.support.ports import free_port
from tests.support.raw_server import on_port, saying


@pytest.fixture
def stub() -> Iterator[HttpStub]:
    made = HttpStub(lambda request: Reply(200, b"<" + request.body + b">", {"X-One": "1"}))
    yield made
    made.close()


@pytest.fixture
def gateway(stub: HttpStub) -> Iterator[Gateway]:
    made = Gateway(GatewaySettings(gateway_url=stub.url), 1.0)
    yield made
    made.close()


def test_a_call(stub: HttpStub, gateway: Gateway) -> None:
    response = gateway.call("score-fan.fans", b"\xff\x00", {"X-Topic": "fan/messages"})
    assert (response.status, response.body, response.headers["x-one"]) == (200, b"<\xff\x00>", "1")
    [request] = stub.requests
    assert (request.method, request.path, request.body) == ("POST", "/function/score-fan.fans", b"\xff\x00")
    assert request.headers["X-Topic"] == "fan/messages"
    assert "Authorization" not in request.headers


def test_a_gateway_below_a_path_and_a_name_that_needs_quoting(stub: HttpStub) -> None:
    gateway = Gateway(GatewaySettings(gateway_url=stub.url + "/edge/"), 1.0)
    gateway.call("a b?c", b"", {})
    gateway.close()
    assert stub.requests[0].path == "/edge/function/a%20b%3Fc"


def test_any_topic_can_be_a_header_but_one_with_a_line_break(stub: HttpStub, gateway: Gateway) -> None:
    gateway.call("f", b"", {"X-Topic": "fan/ü€/messages"})
    assert stub.requests[0].headers["X-Topic"].encode("latin-1").decode() == "fan/ü€/messages"
    for broken in ("fan/a\nX-Evil: 1/messages", "fan/a\r", "fan/a\0"):
        with pytest.raises(FanwatchError, match="X-Topic cannot carry"):
            gateway.call("f", b"", {"X-Topic": broken})
    assert gateway.call("f", b"on", {}).body == b"<on>"
    assert stub.connections == 1


def test_calls_share_one_connection_a_thread(stub: HttpStub, gateway: Gateway) -> None:
    for number in range(20):
        assert gateway.call("f", b"%d" % number, {}).body == b"<%d>" % number
    assert stub.connections == 1

    def call_twice() -> None:
        gateway.call("f", b"", {})
        gateway.call("f", b"", {})
        gateway.close()

    thread = threading.Thread(target=call_twice)
    thread.start()
    thread.join(5)
    assert stub.connections == 2


@pytest.mark.parametrize("status", [400, 404, 413, 429, 500, 503])
def test_every_status_is_an_answer(stub: HttpStub, gateway: Gateway, status: int) -> None:
    stub.answer = lambda _request: Reply(status, b" no \xff" + b"x" * 1000)
    response = gateway.call("f", b"", {})
    assert response.status == status
    assert response.text() == "no \ufffd" + "x" * 295
    gateway.call("f", b"", {})
    assert stub.connections == 1


def test_a_stale_connection_is_no_failure(stub: HttpStub, gateway: Gateway) -> None:
    stub.close_idle = True
    for number in range(5):
        assert gateway.call("f", b"%d" % number, {}).body == b"<%d>" % number
    assert stub.connections == 5
    assert len(stub.requests) == 5


def test_a_call_that_was_hung_up_on_is_not_repeated_on_a_fresh_connection(
    stub: HttpStub, gateway: Gateway
) -> None:
    stub.answer = lambda _request: Reply(hang_up=True)
    with pytest.raises(Unavailable, match="gave no answer"):
        gateway.call("f", b"", {})
    assert len(stub.requests) == 1


def test_a_call_that_was_hung_up_on_is_repeated_once_at_most(stub: HttpStub, gateway: Gateway) -> None:
    gateway.call("f", b"", {})
    stub.answer = lambda _request: Reply(hang_up=True)
    with pytest.raises(Unavailable):
        gateway.call("f", b"", {})
    assert len(stub.requests) == 3
    stub.answer = lambda _request: Reply(200, b"back")
    assert gateway.call("f", b"", {}).body == b"back"


def test_an_answer_that_comes_too_late_is_none_and_not_the_next_calls(stub: HttpStub) -> None:
    gateway = Gateway(GatewaySettings(gateway_url=stub.url), 1.5)
    stub.answer = lambda request: Reply(200, request.body, after_s=15 if request.body == b"slow" else 0)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer in time"):
        gateway.call("f", b"slow", {})
    assert time.monotonic() - began < 12
    assert gateway.call("f", b"quick", {}).body == b"quick"
    assert len(stub.requests) == 2
    gateway.close()


def test_an_answer_that_breaks_off_is_none(stub: HttpStub, gateway: Gateway) -> None:
    stub.answer = lambda _request: Reply(200, b"x" * 100, cut_to=50)
    with pytest.raises(Unavailable):
        gateway.call("f", b"", {})
    stub.answer = lambda _request: Reply(200, b"whole")
    assert gateway.call("f", b"", {}).body == b"whole"


def test_an_endless_answer_is_not_read_to_its_end(stub: HttpStub, gateway: Gateway) -> None:
    stub.answer = lambda _request: Reply(200, b"x" * 16_000_001)
    with pytest.raises(Unavailable, match="more than 16000000 bytes"):
        gateway.call("f", b"", {})


def test_something_else_than_http_is_away() -> None:
    with on_port(saying(b"SSH-2.0-OpenSSH\r\n")) as port:
        gateway = Gateway(GatewaySettings(gateway_url=f"http://127.0.0.1:{port}"), 1.0)
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            gateway.call("f", b"", {})
        gateway.close()


def test_a_gateway_that_is_down_is_away_at_once() -> None:
    gateway = Gateway(GatewaySettings(gateway_url=f"http://127.0.0.1:{free_port()}"), 20.0)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="gave no answer"):
        gateway.call("f", b"", {})
    assert time.monotonic() - began < 15


LIST = b"""[{"name":"score-fan","namespace":"openfaas-fn","image":"i","annotations":{"topic":"fan/messages"},
    "replicas":2,"availableReplicas":1,"createdAt":"2026-11-23T12:00:00Z"},{"name":"other","annotations":null}]"""


def test_functions_are_listed_with_the_credentials(stub: HttpStub, tmp_path: Path) -> None:
    (tmp_path / "user").write_text("admin\n")
    (tmp_path / "password").write_text("s3cret\n")
    settings = GatewaySettings(
        gateway_url=stub.url,
        gateway_user_file=str(tmp_path / "user"),
        gateway_password_file=str(tmp_path / "password"),
    )
    stub.answer = lambda _request: Reply(200, LIST)
    gateway = Gateway(settings, 1.0)
    assert gateway.functions() == [
        FunctionInfo("score-fan", "openfaas-fn", {"topic": "fan/messages"}, 2, 1), FunctionInfo("other"),
    ]  # fmt: skip
    [request] = stub.requests
    assert (request.method, request.path) == ("GET", "/system/functions")
    assert request.headers["Authorization"] == "Basic YWRtaW46czNjcmV0"
    gateway.call("f", b"", {})
    assert "Authorization" not in stub.requests[1].headers
    gateway.close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", SettingsError), (500, b"oops", Unavailable), (404, b"", Unavailable), (200, b"", Unavailable),
        (200, b"<html>", Unavailable), (200, b'{"name":1}', Unavailable), (200, b'[{"name":"\xff"}]', Unavailable),
        (200, b'[{"name":"a","x":' + b"[" * 100_000, Unavailable),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_had(
    stub: HttpStub, gateway: Gateway, status: int, body: bytes, error: type[FanwatchError]
) -> None:
    stub.answer = lambda _request: Reply(status, body)
    with pytest.raises(error):
        gateway.functions()


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a:b", "http://a:99999", "http://[::1"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="FANWATCH_GATEWAY_URL"):
        Gateway(GatewaySettings(gateway_url=url), 1.0)
