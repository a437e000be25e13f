"""Calls whose function is slow, dies, or answers oddly; a real gateway each time."""

import contextlib
import http.client
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.local.gateways import ECHO, World, available, started
from tests.support import raw_server
from tests.support.servers import Answer
from tests.support.wait import patience, until

READY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK"


@pytest.fixture
def gateway_settings() -> dict[str, str]:
    """It waits for no function for long."""
    return {"FANWATCH_GATEWAY_TIMEOUT": "3"}


def test_too_slow_is_504(world: World) -> None:
    gateway = started(
        world, "import time\ndef handle(event, context):\n    time.sleep(60)", exec_timeout="60s"
    )
    begun = time.monotonic()
    answer = gateway.call("POST", "/function/echo", b"x")
    assert answer.status == 504
    assert 2.5 < time.monotonic() - begun < 6 * patience()


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
    with raw_server.on_path(_only_replica(world), _breaks_off):
        gateway = world.gateway()
        available(gateway, "echo", 1)
        with pytest.raises(http.client.IncompleteRead):
            gateway.call("POST", "/function/echo", b"x")
        answer = gateway.call("POST", "/function/echo/garbage", b"x")
        assert answer.status == 502


def test_an_answer_to_a_request_that_is_not_read_is_handed_on(world: World) -> None:
    kept_open = contextlib.ExitStack()

    def refuse(peer: socket.socket) -> None:
        """Answers after the first bytes of a request, and neither reads on nor closes."""
        kept_open.enter_context(peer)
        ready = b"/_/ready" in peer.recv(1000)
        peer.sendall(b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\nno" % (b"200 OK" if ready else b"413 Large"))
        if ready:
            peer.close()

    with kept_open, raw_server.on_path(_only_replica(world), refuse):
        gateway = world.gateway()
        available(gateway, "echo", 1)
        begun = time.monotonic()
        answer = gateway.call("POST", "/function/echo", iter([b"x" * 500_000] * 20))
        assert (answer.status, answer.body) == (413, b"no")
        assert time.monotonic() - begun < 2 * patience()


def test_a_stream_comes_through_as_it_is_sent(world: World) -> None:
    go_on = threading.Event()

    def stream(peer: socket.socket) -> None:
        with peer:
            if b"/_/ready" in peer.recv(65_536):
                peer.sendall(READY)
                return
            head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            peer.sendall(head + b"5\r\nfirst\r\n")
            assert go_on.wait(10)
            peer.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

    with raw_server.on_path(_only_replica(world), stream):
        gateway = world.gateway()
        available(gateway, "echo", 1)
        connection = gateway.connection()
        connection.request("POST", "/function/echo", b"x")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        go_on.set()
        assert response.read() == b"second"


def _only_replica(world: World) -> Path:
    """Where the only replica of echo listens, which the test itself plays."""
    world.declare("echo")
    return world.sockets / "echo-00000000-0.sock"


def _breaks_off(peer: socket.socket) -> None:
    """Ready, but its answers are cut short, or are no HTTP."""
    with peer:
        request = peer.recv(65_536)
        if b"/_/ready" in request:
            peer.sendall(READY)
        elif b"garbage" in request:
            peer.sendall(b"SMTP ready\r\n\r\n")
        else:
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 50)
