"""Calls through the gateway, to real function servers."""

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.gateways import World, available
from tests.support.servers import Answer, Server, exchange
from tests.support.wait import until

ECHO = """
    import os
    def handle(event, context):
        return {"statusCode": int(event.headers.get("X-Want", "200")), "headers": {"X-Own": "yes"}, "body": {
            "method": event.method, "path": event.path, "query": event.query, "size": len(event.body),
            "headers": {name: event.headers[name] for name in event.headers}, "pid": os.getpid()}}
"""
BIG = """
    def handle(event, context):
        return b"x" * int(event.query["n"])
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty one."""
    made = World(tmp_path, FANWATCH_GATEWAY_TIMEOUT="3")
    yield made
    made.close()


def started(world: World, source: str = ECHO, replicas: int = 1, **settings: str) -> Server:
    """A gateway over one function, `echo`."""
    world.declare("echo")
    for number in range(replicas):
        world.replica("echo", source, number=number, **settings)
    gateway = world.gateway()
    available(gateway, "echo", replicas)
    return gateway


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
    gateway = started(world, BIG.replace('b"x"', 'event.body[:1] + b"x"'), max_body_bytes="200000000")
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


def test_too_slow_is_504(world: World) -> None:
    gateway = started(
        world, "import time\ndef handle(event, context):\n    time.sleep(60)", exec_timeout="60s"
    )
    begun = time.monotonic()
    answer = gateway.call("POST", "/function/echo", b"x")
    assert answer.status == 504
    assert 2.5 < time.monotonic() - begun < 6


def test_killed_in_mid_call_is_502_and_the_next_call_goes_elsewhere(world: World, tmp_path: Path) -> None:
    entered = tmp_path / "entered"
    deadly = f"""
        import os, pathlib, time
        def handle(event, context):
            if event.body == b"wait":
                pathlib.Path({str(entered)!r}).write_text(str(os.getpid()))
                time.sleep(60)
            return str(os.getpid())
    """
    gateway = started(world, deadly, replicas=2)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(gateway.call("POST", "/function/echo", b"wait")))
    thread.start()
    until(lambda: entered.exists() and entered.read_text(), 10, "the handler at work")
    killed = next(server for server in world.servers if server.process.pid == int(entered.read_text()))
    killed.kill()
    thread.join()
    assert answers[0].status == 502
    pids = {gateway.call("POST", "/function/echo", b"x").body for _ in range(20)}
    assert len(pids) == 1
    assert str(killed.process.pid).encode() not in pids
    available(gateway, "echo", 1)


def test_idle_replicas_that_die_are_not_noticed_by_callers(world: World) -> None:
    gateway = started(world, replicas=2)
    for _ in range(10):
        gateway.call("POST", "/function/echo", b"x")
    world.servers[0].kill()
    assert [gateway.call("POST", "/function/echo", b"x").status for _ in range(20)] == [200] * 20


def test_a_replica_that_comes_back_is_used_again(world: World) -> None:
    gateway = started(world)
    world.servers[0].kill()
    assert gateway.call("POST", "/function/echo", b"x").status == 503
    world.replica("echo", ECHO)
    until(lambda: gateway.call("POST", "/function/echo", b"x").status == 200, 3, "the new process used")


def test_a_replica_that_stops_answering_is_left_out(world: World) -> None:
    gateway = started(world, replicas=2)
    world.servers[0].process.send_signal(signal.SIGSTOP)
    available(gateway, "echo", 1)
    world.servers[0].process.send_signal(signal.SIGCONT)
    available(gateway, "echo", 2)


def test_calls_are_shared_among_replicas(world: World) -> None:
    gateway = started(
        world, ECHO.replace("import os", "import os, time").replace("return", "time.sleep(.02); return"), 2
    )

    def call(_: int) -> int:
        return int(json.loads(gateway.call("POST", "/function/echo", b"x").body)["pid"])

    with ThreadPoolExecutor(8) as pool:
        pids = list(pool.map(call, range(80)))
    assert all(25 <= pids.count(pid) <= 55 for pid in set(pids))
    assert len(set(pids)) == 2


def test_an_answer_broken_off_is_seen_by_the_caller(world: World) -> None:
    world.declare("echo")
    path = world.sockets / "echo-00000000-0.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_broken_server, args=(listener,), daemon=True)
        thread.start()
        gateway = world.gateway()
        available(gateway, "echo", 1)
        with pytest.raises(http.client.IncompleteRead):
            gateway.call("POST", "/function/echo", b"x")
        answer = gateway.call("POST", "/function/echo/garbage", b"x")
        assert answer.status == 502


def test_an_answer_to_a_request_that_is_not_read_is_handed_on(world: World) -> None:
    world.declare("echo")
    path = world.sockets / "echo-00000000-0.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=_refusing_server, args=(listener,), daemon=True).start()
        gateway = world.gateway()
        available(gateway, "echo", 1)
        begun = time.monotonic()
        answer = gateway.call("POST", "/function/echo", iter([b"x" * 500_000] * 20))
        assert (answer.status, answer.body) == (413, b"no")
        assert time.monotonic() - begun < 2


def _refusing_server(listener: socket.socket) -> None:
    """Answers after the first bytes of a request, and neither reads on nor closes."""
    held = []
    while True:
        connection, _ = listener.accept()
        held.append(connection)
        ready = b"/_/ready" in connection.recv(1000)
        connection.sendall(
            b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\nno" % (b"200 OK" if ready else b"413 Large")
        )
        if ready:
            connection.close()


def _broken_server(listener: socket.socket) -> None:
    """Ready, but its answers are cut short, or are no HTTP."""
    while True:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(65536)
            if b"/_/ready" in request:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")
            elif b"garbage" in request:
                connection.sendall(b"SMTP ready\r\n\r\n")
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 50)


def test_a_stream_comes_through_as_it_is_sent(world: World) -> None:
    world.declare("echo")
    path = world.sockets / "echo-00000000-0.sock"
    go_on = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_streaming_server, args=(listener, go_on), daemon=True)
        thread.start()
        gateway = world.gateway()
        available(gateway, "echo", 1)
        connection = gateway.connection()
        connection.request("POST", "/function/echo", b"x")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        go_on.set()
        assert response.read() == b"second"


def _streaming_server(listener: socket.socket, go_on: threading.Event) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(65536)
            if b"/_/ready" in request:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK")
                continue
            head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            connection.sendall(head + b"5\r\nfirst\r\n")
            assert go_on.wait(10)
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
