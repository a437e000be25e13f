"""What bounds the template's server: calls in flight, time, and bodies that do not come."""

import json
import socket
import threading
from pathlib import Path

import pytest

from tests.support.servers import Answer, Server
from tests.support.wait import until
from tests.template.conftest import Serve

LENGTH = """
    def handle(event, context):
        return str(len(event.body))
"""
GATED = """
    import pathlib, threading, time
    gate = pathlib.Path({gate!r})
    def handle(event, context):
        while not gate.exists():
            time.sleep(0.01)
        return "done"
"""


def in_background(server: Server, calls: int) -> tuple[list[threading.Thread], list[Answer]]:
    """Start calls on threads of their own; their answers appear in the list."""
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.call("POST", "/"))) for _ in range(calls)
    ]
    for thread in threads:
        thread.start()
    return threads, answers


def in_flight(server: Server) -> float:
    """The server's own gauge."""
    page = server.call("GET", "/metrics").body.decode()
    return float(page.split("\nhttp_requests_in_flight ")[1].split()[0])


def test_more_than_max_inflight_is_429(serve: Serve, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    server = serve(GATED.format(gate=str(gate)), max_inflight="2")
    threads, answers = in_background(server, 2)
    until(lambda: in_flight(server) == 2, 10, "two requests in flight")
    assert server.call("POST", "/").status == 429
    assert server.call("GET", "/_/ready").status == 200
    gate.touch()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200, 200]
    assert server.call("POST", "/").status == 200


def test_too_slow_is_504_and_threads_that_hang_make_it_unready(serve: Serve, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    server = serve(GATED.format(gate=str(gate)), handler_threads="2", exec_timeout="1s")
    assert server.call("POST", "/").status == 504
    assert server.call("GET", "/_/ready").status == 200
    assert server.call("POST", "/").status == 504
    assert server.call("GET", "/_/ready").status == 503
    assert server.call("GET", "/_/health").status == 200
    gate.touch()
    server.wait_for("/_/ready")
    assert server.call("POST", "/").body == b"done"
    # A request is counted until its answer has been sent, which its caller may have before.
    until(lambda: in_flight(server) == 0, 10, "nothing in flight")


def test_what_was_given_up_while_it_queued_is_never_run(serve: Serve, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    server = serve(
        f"""
        import pathlib, time
        calls = []
        def handle(event, context):
            calls.append(event.path)
            while event.path == "/slow" and not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return calls
        """,
        handler_threads="1",
        exec_timeout="1s",
    )
    assert server.call("POST", "/slow").status == 504
    assert server.call("POST", "/queued").status == 504
    gate.touch()
    server.wait_for("/_/ready")
    assert json.loads(server.call("POST", "/last").body) == ["/slow", "/last"]


@pytest.mark.parametrize("sent", [b"", b"some"])
@pytest.mark.parametrize("threads", ["0", "1"])
def test_a_body_that_does_not_come_takes_no_place_for_ever(serve: Serve, threads: str, sent: bytes) -> None:
    server = serve(LENGTH, exec_timeout="2s", max_inflight="1", handler_threads=threads)
    assert isinstance(server.address, int)
    with socket.create_connection(("127.0.0.1", server.address), 10) as stalled:
        stalled.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n" + sent)
        until(lambda: in_flight(server) == 1, 5, "the request taken up")
        assert server.call("POST", "/", b"x").status == 429
        assert stalled.recv(100).startswith(b"HTTP/1.1 408 ")
    assert server.call("POST", "/", b"x").body == b"1"


def test_a_caller_that_leaves_in_the_middle_of_its_body_takes_no_place(serve: Serve) -> None:
    server = serve(LENGTH, max_inflight="1")
    assert isinstance(server.address, int)
    with socket.create_connection(("127.0.0.1", server.address), 10) as leaving:
        leaving.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nsome")
        until(lambda: in_flight(server) == 1, 5, "the request taken up")
    until(lambda: server.call("POST", "/", b"x").status == 200, 5, "its place free")
