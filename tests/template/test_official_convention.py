"""One handler, two servers: ours and OpenFaaS's official template's calling convention answer alike."""

import json
from textwrap import dedent
from typing import Any

import pytest

from tests.support.flask_template import app
from tests.template.conftest import Serve

EVENT = """
    def handle(event, context):
        assert isinstance(event.body, bytes)
        return {"statusCode": 202, "headers": {"X-Own": "1"}, "body": {
            "body": event.body.decode(), "method": event.method, "path": event.path, "x": event.query.get("x"),
            "none": event.query.get("none"), "type": event.headers.get("x-kind"),
            "hostname": context.hostname, "sorted": 1}}
"""


def handler_of(source: str) -> Any:
    """The `handle` of a source."""
    names: dict[str, Any] = {}
    exec(dedent(source), names)
    return names["handle"]


@pytest.mark.parametrize("threads", ["0", "2"])
def test_the_same_event(serve: Serve, threads: str) -> None:
    ours = serve(EVENT, handler_threads=threads).call("PUT", "/a/b?x=1&x=2", b"hello", {"X-Kind": "k"})
    theirs = app(handler_of(EVENT)).test_client().put("/a/b?x=1&x=2", data=b"hello", headers={"X-Kind": "k"})
    assert theirs.json == json.loads(ours.body)
    assert (ours.status, theirs.status_code) == (202, 202)
    assert ours.headers["X-Own"] == theirs.headers["X-Own"] == "1"
    assert ours.headers["Content-Type"] == theirs.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "returned",
    [
        '{"statusCode": 400, "body": "no"}',
        '{"statusCode": 201}',
        '{"body": "[1]", "headers": {"Content-Type": "application/json"}}',
        '{"body": b"\\xff\\x00", "headers": {"Content-type": "application/octet-stream"}}',
        '{"body": {"a": [1, None]}, "headers": {"X-A": "1"}}',
    ],
)
def test_the_same_answer(serve: Serve, returned: str) -> None:
    source = f"def handle(event, context):\n    return {returned}"
    ours = serve(source).call("POST", "/", b"x")
    theirs = app(handler_of(source)).test_client().post("/", data=b"x")
    assert ours.status == theirs.status_code
    if theirs.is_json:
        assert json.loads(ours.body) == theirs.json
    else:
        assert ours.body == theirs.data
    if "ontent-" in returned:
        assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]
