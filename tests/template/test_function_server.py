"""What the template's server promises, each promise against a real process."""

import json
from pathlib import Path

import pytest

from tests.support.servers import exchange
from tests.template.conftest import Serve

ECHO = """
    def handle(event, context):
        return {"statusCode": 200, "body": {
            "body": event.body.decode(), "method": event.method, "path": event.path, "query": event.query,
            "type": event.headers.get("content-TYPE"), "none": event.headers.get("X-None", "nothing"),
            "hostname": context.hostname}}
"""
LENGTH = """
    def handle(event, context):
        return str(len(event.body))
"""


@pytest.mark.parametrize("threads", ["0", "2"])
def test_the_handler_gets_the_official_event(serve: Serve, threads: str) -> None:
    server = serve(ECHO, handler_threads=threads)
    answer = server.call("PUT", "/a/b%20c?x=1&y=&x=2", b"hello", {"Content-Type": "text/x"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    seen = json.loads(answer.body)
    assert seen.pop("hostname")
    assert seen == {
        "body": "hello",
        "method": "PUT",
        "path": "/a/b c",
        "query": {"x": "1", "y": ""},
        "type": "text/x",
        "none": "nothing",
    }


@pytest.mark.parametrize(
    ("returned", "status", "kind", "body"),
    [
        ('{"statusCode": 201, "body": {"a": 1}}', 201, "application/json", b'{"a": 1}'),
        ('{"body": [1]}', 200, "application/json", b"[1]"),
        ('{"a": 1}', 200, "application/json", b'{"a": 1}'),
        ('"text"', 200, "text/plain; charset=utf-8", b"text"),
        ('b"\\x00\\xff"', 200, "application/octet-stream", b"\x00\xff"),
        ("None", 200, None, b""),
        ('{"statusCode": 204}', 204, None, b""),
        ('{"body": b"{}", "headers": {"Content-Type": "application/json"}}', 200, "application/json", b"{}"),
        ('{"body": "x", "headers": [("content-type", "text/css")]}', 200, "text/css", b"x"),
    ],
)
def test_what_a_handler_may_return(
    serve: Serve, returned: str, status: int, kind: str | None, body: bytes
) -> None:
    server = serve(f"def handle(event, context):\n    return {returned}", handler_threads="0")
    answer = server.call("GET", "/")
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (status, kind, body)


@pytest.mark.parametrize(
    "returned",
    [
        "object()",
        '{"statusCode": 99}',
        '{"statusCode": "200"}',
        '{"headers": {"A": "b\\r\\nC: d"}}',
        '{"body": {1, 2}}',
    ],
)
def test_what_no_handler_may_return(serve: Serve, returned: str) -> None:
    server = serve(f"def handle(event, context):\n    return {returned}")
    answer = server.call("GET", "/")
    assert answer.status == 500
    assert json.loads(answer.body)["id"] in server.output()


def test_headers_are_a_mapping(serve: Serve) -> None:
    server = serve("""
        def handle(event, context):
            headers = event.headers
            assert "x-a" in headers and "X-B" not in headers and headers["X-A"] == "1"
            assert len(headers) == len(dict(headers))
            return dict(headers)
    """)
    assert json.loads(server.call("GET", "/", headers={"x-a": "1"}).body)["X-A"] == "1"


def test_it_is_alive_before_it_is_ready(serve: Serve, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    server = serve(
        f"""
        import pathlib, time
        warmed = []
        def warm():
            while not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
            warmed.append(True)
        def handle(event, context):
            return str(warmed)
        """,
        wait="/_/health",
    )
    assert server.call("GET", "/_/ready").status == 503
    assert server.call("POST", "/").status == 503
    gate.touch()
    server.wait_for("/_/ready")
    assert server.call("POST", "/").body == b"[True]"


def test_chunked_requests(serve: Serve) -> None:
    server = serve(LENGTH)
    assert server.call("POST", "/", iter([b"x" * 100_000] * 20)).body == b"2000000"
    assert server.call("POST", "/", iter([b"x"])).body == b"1"
    assert server.call("POST", "/", iter([])).body == b"0"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_not_held(serve: Serve, chunked: bool) -> None:
    server = serve(LENGTH)
    before = server.memory_mb()
    size = 100_000_000
    body = iter([b"x" * 1_000_000] * 100) if chunked else b"x" * size
    connection = server.connection()
    answer = exchange(connection, "POST", "/", body)
    assert answer.status == 413
    assert "max_body_bytes" in json.loads(answer.body)["error"]
    assert server.memory_mb() < before + 30
    assert exchange(connection, "POST", "/", b"x" * 5_000_000).body == b"5000000"


@pytest.mark.parametrize("threads", ["0", "4"])
def test_a_failing_handler_is_500_with_an_id_and_a_logged_trace(serve: Serve, threads: str) -> None:
    server = serve("def handle(event, context):\n    return 1 / 0", handler_threads=threads)
    answer = server.call("POST", "/")
    assert answer.status == 500
    assert b"division" not in answer.body
    line = json.loads(server.output().splitlines()[-1])
    assert line["id"] == json.loads(answer.body)["id"]
    assert line["error"] == "ZeroDivisionError: division by zero"
    assert "handler.py" in line["trace"]
    assert server.call("POST", "/", headers={"X-Call-Id": "call-7"}).status == 500
    assert json.loads(server.output().splitlines()[-1])["id"] == "call-7"


def test_an_exception_with_a_status_is_meant_for_the_caller(serve: Serve) -> None:
    server = serve("""
        class Refused(Exception):
            status = 422
        def handle(event, context):
            raise Refused("rotation is missing; send it.")
    """)
    answer = server.call("POST", "/")
    assert (answer.status, json.loads(answer.body)) == (422, {"error": "rotation is missing; send it."})
    assert server.output() == ""


@pytest.mark.parametrize("threads", ["0", "1"])
def test_a_handler_that_exits_does_not_end_the_server(serve: Serve, threads: str) -> None:
    server = serve("import sys\ndef handle(event, context):\n    sys.exit(3)", handler_threads=threads)
    assert server.call("POST", "/").status == 500
    assert server.call("POST", "/").status == 500


def test_connections_are_kept(serve: Serve) -> None:
    server = serve(LENGTH)
    connection = server.connection()
    exchange(connection, "POST", "/", b"1")
    first = connection.sock
    for _ in range(3):
        assert exchange(connection, "POST", "/", b"12").body == b"2"
    assert connection.sock is first


def test_metrics_with_the_handlers_own(serve: Serve) -> None:
    server = serve("""
        from prometheus_client import Counter
        seen = Counter("readings", "Readings.")
        def handle(event, context):
            seen.inc(5)
    """)
    server.call("POST", "/")
    server.call("GET", "/")
    page = server.call("GET", "/metrics").body.decode()
    assert 'http_requests_total{code="200",method="post"} 1.0' in page
    assert "http_request_duration_seconds_count 2.0" in page
    assert 'http_request_duration_seconds_bucket{le="+Inf"} 2.0' in page
    assert "readings_total 10.0" in page


def test_unknown_endpoints_of_the_servers_own_are_404(serve: Serve) -> None:
    assert serve(LENGTH).call("GET", "/_/nothing").status == 404


def test_the_sample_handler_is_served(serve: Serve) -> None:
    sample = Path(__file__).parents[2] / "template" / "python3-fan" / "function" / "handler.py"
    assert serve(sample.read_text(encoding="utf-8")).call("POST", "/", b"hello").body == b"hello"


def test_where_it_is_told_to_answers_name_the_replica(serve: Serve) -> None:
    first, second = (serve(ECHO, tell_address="1") for _ in range(2))
    told = [server.call("POST", "/").headers["x-replica"] for server in (first, first, second)]
    assert told[0] == told[1]
    address, _, instance = told[0].partition(" ")
    assert address == f"127.0.0.1:{first.address}"
    assert instance not in told[2], "no two processes have the same name"
    assert "x-replica" not in serve(ECHO).call("POST", "/").headers
