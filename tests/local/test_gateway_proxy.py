"""Calls through the gateway, to real function servers."""

import json
import time
from pathlib import Path

import pytest

from tests.local.gateways import BIG, World, started
from tests.support.servers import exchange
from tests.support.wait import until


@pytest.fixture
def gateway_settings() -> dict[str, str]:
    """It waits for no function for long."""
    return {"FANWATCH_GATEWAY_TIMEOUT": "3"}


def test_a_call_reaches_the_function_as_openfaas_sends_it(world: World) -> None:
    gateway = started(world)
    sent = {"X-Topic": "fan/messages", "X-Forwarded-For": "10.0.0.9", "Keep-Alive": "5", "TE": "trailers"}
    answer = gateway.call("PUT", "/function/echo.openfaas-fn/a%20b/c?x=1&y=%2F", b"12345", sent)
    assert answer.status == 200
    seen = json.loads(answer.body)
    got = seen["headers"]
    assert (seen["method"], seen["path"], seen["query"], seen["size"]) == (
        "PUT",
        "/a b/c",
        {"x": "1", "y": "/"},
        5,
    )
    assert got["X-Topic"] == "fan/messages"
    assert got["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in got
    assert got["X-Forwarded-For"] == "10.0.0.9, 127.0.0.1"
    assert got["X-Forwarded-Host"] == f"127.0.0.1:{gateway.address}"
    assert "Keep-Alive" not in got
    assert "Te" not in got
    assert got["X-Call-Id"] == answer.headers["X-Call-Id"]
    assert got["X-Start-Time"] == answer.headers["X-Start-Time"]
    assert answer.headers["X-Served-By"]
    assert answer.headers["X-Own"] == "yes"
    assert abs(time.time_ns() - int(got["X-Start-Time"])) < 60e9


def test_a_call_id_is_kept(world: World) -> None:
    gateway = started(world)
    answer = gateway.call("POST", "/function/echo", b"", {"X-Call-Id": "mine"})
    assert answer.headers.get_all("X-Call-Id") == ["mine"]
    assert json.loads(answer.body)["headers"]["X-Call-Id"] == "mine"


def test_headers_that_connection_names_stay_on_their_hop(world: World) -> None:
    answer = started(world).call(
        "GET", "/function/echo", headers={"Connection": "X-Hop", "X-Hop": "1", "X-Far": "2"}
    )
    got = json.loads(answer.body)["headers"]
    assert "X-Hop" not in got
    assert got["X-Far"] == "2"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_all_methods(world: World, method: str) -> None:
    seen = json.loads(started(world).call(method, "/function/echo").body)
    assert (seen["method"], seen["path"], seen["size"]) == (method, "/", 0)


def test_head(world: World) -> None:
    gateway = started(world)
    connection = gateway.connection()
    for _ in range(2):
        answer = exchange(connection, "HEAD", "/function/echo")
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert answer.body == b""


@pytest.mark.parametrize("status", [204, 304, 400, 404, 429, 500, 503])
def test_the_functions_own_status_is_handed_on(world: World, status: int) -> None:
    gateway = started(world)
    connection = gateway.connection()
    answer = exchange(connection, "POST", "/function/echo", b"x", {"X-Want": str(status)})
    assert (answer.status, answer.headers["X-Own"]) == (status, "yes")
    assert exchange(connection, "POST", "/function/echo", b"x").status == 200


def test_unknown_functions_and_namespaces_are_404(world: World) -> None:
    gateway = started(world)
    for called, where in (("nope", "nope.openfaas-fn"), ("echo.other", "echo.other"), ("", ".openfaas-fn")):
        answer = gateway.call("POST", f"/function/{called}", b"x")
        assert answer.status == 404
        assert answer.body.startswith(f"error finding function {where}: ".encode())
        assert answer.headers["Content-Type"].startswith("text/plain")
    assert gateway.call("GET", "/else").status == 404
    assert gateway.call("POST", "/async-function/echo").status == 404


def test_no_ready_replica_is_503(world: World) -> None:
    world.declare("echo")
    answer = world.gateway().call("POST", "/function/echo", b"x")
    assert answer.status == 503
    assert b"ready" in answer.body


def test_connections_are_kept_on_both_sides(world: World) -> None:
    gateway = started(world)
    connection = gateway.connection()
    exchange(connection, "POST", "/function/echo", b"x")
    mine = connection.sock
    path = next(world.sockets.glob("echo-*"))

    def inodes() -> set[str]:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
        return {line.split()[6] for line in lines if line.endswith(str(path))}

    before = inodes()
    assert len(before) > 1, "only the listening socket is there"
    for _ in range(20):
        assert exchange(connection, "POST", "/function/echo", b"x").status == 200
    assert connection.sock is mine
    assert inodes() == before


def test_large_bodies_both_ways_with_bounded_memory(world: World) -> None:
    # A busy machine moves it more slowly than the world's calls may take.
    world.settings["FANWATCH_GATEWAY_TIMEOUT"] = "60"
    gateway = started(
        world, BIG.replace('b"x"', 'event.body[:1] + b"x"'), max_body_bytes="200000000", exec_timeout="60s"
    )
    before = gateway.memory_mb()
    connection = gateway.connection()
    connection.request(
        "POST", "/function/echo?n=100000000", iter([b"y" * 500_000] * 200), encode_chunked=True
    )
    response = connection.getresponse()
    size = 0
    while piece := response.read(65536):
        size += len(piece)
    assert size == 100_000_001
    assert gateway.memory_mb() < before + 20


def test_a_caller_that_reads_slowly_does_not_fill_the_gateway(world: World) -> None:
    gateway = started(world, BIG)
    before = gateway.memory_mb()
    connection = gateway.connection()
    connection.request("GET", "/function/echo?n=100000000")
    response = connection.getresponse()
    response.read(1)
    until(lambda: len(gateway.call("GET", "/healthz").body) == 2, 5, "the gateway alive")
    time.sleep(1)  # nothing tells that it has stopped reading; this is the time it gets to read too much
    assert gateway.memory_mb() < before + 20
    connection.close()
    assert gateway.call("GET", "/function/echo?n=5").body == b"xxxxx"


def test_an_answer_before_the_whole_request_is_handed_on(world: World) -> None:
    gateway = started(world, BIG, max_body_bytes="1000")
    connection = gateway.connection()
    assert exchange(connection, "POST", "/function/echo?n=1", b"x" * 5_000_000).status == 413
    assert exchange(connection, "POST", "/function/echo?n=1", b"x").body == b"x"
