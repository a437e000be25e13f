"""infer-fan behind the official template's calling convention, with either engine, and as a process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flask.testing
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.errors import BundleError, SettingsError
from fanwatch.messages.result import decode_decisions
from tests.support.flask_template import ROOT, app, import_handler
from tests.support.ports import free_port
from tests.support.servers import Server

HEALTHY, HOT = [600.0, 40.0, 150.0, 48.0], [600, 53, 150, 48]


@pytest.fixture(scope="module", params=["litert", "tensorflow"])
def client(request: pytest.FixtureRequest) -> flask.testing.FlaskClient:
    """The handler behind Flask, with every engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FANWATCH_ENGINE", request.param)
        patch.setenv("FANWATCH_BUNDLE_SHA256", bundles.load(verified.locate(None)).digest)
        return app(import_handler("infer_fan").handle).test_client()


def ask(client: flask.testing.FlaskClient, body: bytes | dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = client.post("/", data=data)
    assert answer.content_type == "application/json"
    return answer.status_code, msgspec.json.decode(answer.data)


def test_one_row_gets_one_decision_in_the_documented_shape(client: flask.testing.FlaskClient) -> None:
    status, healthy = ask(client, {"params": HEALTHY})
    assert status == 200
    assert healthy.keys() == {"fault", "probability", "threshold", "cause", "quality", "model"}
    assert (healthy["fault"], healthy["cause"], healthy["quality"]) == (0, None, "ok")
    assert ask(client, {"params": [HEALTHY]}) == (200, [healthy])


def test_rows_get_decisions_in_their_order(client: flask.testing.FlaskClient) -> None:
    status, decisions = ask(
        client, b' { "more": 1, "params" : [ [600,53,150,48], [600,40,150,48], [0,40,150,48] ] } '
    )
    assert status == 200
    assert [decision["fault"] for decision in decisions] == [1, 0, None]
    assert decisions[0]["cause"] == "temperature"
    assert (decisions[2]["quality"], decisions[2]["fields"]) == ("implausible", ["rotation"])
    assert len(decode_decisions(msgspec.json.encode(decisions))) == 3


def test_the_same_rows_give_the_same_bytes(client: flask.testing.FlaskClient) -> None:
    body = msgspec.json.encode({"params": [HEALTHY, HOT]})
    assert client.post("/", data=body).data == client.post("/", data=body).data


BAD: list[tuple[bytes, str | None, object]] = [
    (b"", None, None),
    (b"rotation", None, None),
    (b"\xff\xfe", None, None),
    (b'{"params": [600, 40, NaN, 48]}', None, None),
    (b'{"params": [600, 40, Infinity, 48]}', None, None),
    (b'{"params": ' + b"[" * 100_000, None, None),
    (b"[600, 40, 150, 48]", "params", None),
    (b"{}", "params", None),
    (b'{"params": null}', "params", None),
    (b'{"params": []}', "params", None),
    (b'{"params": {"rotation": 600}}', "params", None),
    (b'{"params": [600, 40, 150]}', "params", 3),
    (b'{"params": [600, 40, 150, 48, 0]}', "params", 5),
    (b'{"params": [[600, 40, 150, 48], [600]]}', "params[1]", 1),
    (b'{"params": [[600, 40, 150, 48], 5]}', "params[1]", None),
    (b'{"params": [[600, 40, 150, 48], []]}', "params[1]", 0),
    (b'{"params": [600, 40, "150", 48]}', "vibration", "150"),
    (b'{"params": [600, true, 150, 48]}', "temperature", True),
    (b'{"params": [600, 40, 150, null]}', "sound", None),
    (b'{"params": [1e999, 40, 150, 48]}', "rotation", "inf"),
    (b'{"params": [[600, 40, 150, 48], [600, 40, 150, -1e999]]}', "sound", "-inf"),
    (b'{"params": [' + b"9" * 5000 + b", 40, 150, 48]}", "rotation", "inf"),
    (b'{"params": [' + b",".join([b"[600,40,150,48]"] * 4097) + b"]}", "params", 4097),
]


@pytest.mark.parametrize(("body", "field", "value"), BAD, ids=[repr(body[:40]) for body, *_ in BAD])
def test_bad_input_is_400_with_field_and_value(
    client: flask.testing.FlaskClient, body: bytes, field: str | None, value: object
) -> None:
    status, problem = ask(client, body)
    assert status == 400
    assert problem.keys() == {"error", "field", "value"}
    assert problem["error"]
    assert (problem["field"], problem["value"]) == (field, value)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(lambda tail: b'{"params": [' + tail)))
def test_no_bytes_make_it_fail(client: flask.testing.FlaskClient, body: bytes) -> None:
    assert ask(client, body)[0] in (200, 400)


def test_the_model_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANWATCH_ENGINE", "litert")
    loads: list[object] = []

    really = bundles.load

    def load(*given: Any) -> bundles.Bundle:
        loads.append(given)
        return really(*given)

    monkeypatch.setattr(bundles, "load", load)
    client = app(import_handler("infer_fan").handle).test_client()
    for _ in range(3):
        assert ask(client, {"params": HEALTHY})[0] == 200
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("FANWATCH_BUNDLE", "/nowhere", BundleError),
        ("FANWATCH_BUNDLE_SHA256", "0" * 64, BundleError),
        ("FANWATCH_ENGINE", "torch", SettingsError),
    ],
)
def test_a_bad_setting_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, error: type[Exception]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(error, match=value):
        import_handler("infer_fan")


def test_litert_starts_without_tensorflow() -> None:
    script = (
        "import sys; sys.path.insert(0, 'functions/infer_fan'); import handler;"
        "assert not {'tensorflow', 'sklearn', 'flask'} & set(sys.modules), sorted(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FANWATCH_ENGINE": "litert"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=60)


def test_as_a_process_of_the_template_it_answers_and_stays_small(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "HANDLER_DIR": str(ROOT / "functions" / "infer_fan"), "LISTEN_PORT": str(port),
        "FANWATCH_ENGINE": "litert", "handler_threads": "0",
    }  # fmt: skip
    server = Server("function_server", port, tmp_path / "log", environment, ROOT)
    try:
        server.wait_for("/_/ready")
        answer = server.call("POST", "/", msgspec.json.encode({"params": [HEALTHY, HOT] * 128}))
        assert answer.status == 200
        assert len(decode_decisions(answer.body)) == 256
        assert server.memory_mb() < 80
    finally:
        server.kill()
