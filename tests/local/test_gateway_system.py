"""The gateway's REST API, its start and stop, and how it follows stack.yml and the replicas."""

import base64
import calendar
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.local.gateways import ADMIN, NAME, World, available
from tests.support.servers import Answer
from tests.support.wait import patience, until


def test_functions_as_openfaas_lists_them(world: World) -> None:
    labels = {"com.openfaas.scale.min": "2"}
    world.declare(
        "one",
        labels=labels,
        annotations={"topic": "fan/messages"},
        environment={"exec_timeout": "5s"},
        limits={"memory": "128Mi"},
    )
    world.declare("two")
    world.declare("elsewhere", annotations={"fanwatch.local": "false"})
    world.replica("one", NAME.format(said="1"))
    gateway = world.gateway()
    available(gateway, "one", 1)
    for _ in range(3):
        gateway.call("POST", "/function/one", b"x")
    listed = gateway.call("GET", "/system/functions", headers=ADMIN)
    assert (listed.status, listed.headers["Content-Type"]) == (200, "application/json")
    functions: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in json.loads(listed.body)}
    assert set(functions) == {"one", "two"}
    created = functions["one"].pop("createdAt")
    assert abs(calendar.timegm(time.strptime(created, "%Y-%m-%dT%H:%M:%SZ")) - time.time()) < 60
    assert functions["one"] == {
        "name": "one",
        "image": "fanwatch/one:1",
        "namespace": "openfaas-fn",
        "envVars": {"exec_timeout": "5s"},
        "labels": labels,
        "annotations": {"topic": "fan/messages"},
        "limits": {"memory": "128Mi"},
        "invocationCount": 3,
        "replicas": 2,
        "availableReplicas": 1,
    }
    assert functions["two"].keys() == {
        "name", "image", "namespace", "labels", "annotations", "replicas", "availableReplicas", "createdAt",
    }  # fmt: skip
    one = gateway.call("GET", "/system/function/one.openfaas-fn", headers=ADMIN)
    assert json.loads(one.body) == functions["one"] | {"createdAt": created}


def test_the_rest_of_the_api(world: World) -> None:
    world.declare("one")
    gateway = world.gateway()
    unknown = gateway.call("GET", "/system/function/nope", headers=ADMIN)
    assert (unknown.status, unknown.body) == (404, b"")
    info = json.loads(gateway.call("GET", "/system/info", headers=ADMIN).body)
    assert info["provider"]["orchestration"]
    assert info["version"]["release"]
    assert json.loads(gateway.call("GET", "/system/namespaces", headers=ADMIN).body) == ["openfaas-fn"]
    for method, path in (("POST", "/system/functions"), ("POST", "/system/scale-function/one")):
        answer = gateway.call(method, path, b"{}", ADMIN)
        assert answer.status == 405
        assert b"stack.yml" in answer.body
    assert gateway.call("GET", "/system/else", headers=ADMIN).status == 404
    assert gateway.call("GET", "/healthz").body == b"OK"


def basic(credentials: bytes) -> dict[str, str]:
    """The header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(credentials).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(b"admin:wrong"),
        basic(b"admin"),
        basic(b""),
        basic(b"admin:secret\n"),
        {"Authorization": "Basic ???"},
        {"Authorization": "Bearer secret"},
    ],
)
def test_system_needs_the_password(world: World, headers: dict[str, str]) -> None:
    world.declare("one")
    gateway = world.gateway()
    for path in ("/system/functions", "/system/function/one", "/system/info", "/system/nothing"):
        answer = gateway.call("GET", path, headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Restricted"'


def test_metrics_under_the_real_gateways_names(world: World) -> None:
    world.declare("one")
    world.replica("one", NAME.format(said="1"))
    gateway = world.gateway()
    available(gateway, "one", 1)
    gateway.call("POST", "/function/one", b"x")
    page = gateway.call("GET", "/metrics").body.decode()
    assert 'gateway_function_invocation_total{code="200",function_name="one.openfaas-fn"} 1.0' in page
    assert 'gateway_functions_seconds_count{function_name="one.openfaas-fn"} 1.0' in page
    assert 'gateway_service_count{function_name="one.openfaas-fn"} 1.0' in page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_idle(world: World, number: signal.Signals) -> None:
    world.declare("one")
    gateway = world.gateway()
    held = gateway.connection()
    held.connect()
    code, seconds = gateway.stop(number)
    assert (code, gateway.output()) == (0, "")
    assert seconds < 1.5 * patience()


def test_it_finishes_what_is_in_flight(world: World, tmp_path: Path) -> None:
    entered, gate = tmp_path / "entered", tmp_path / "gate"
    world.declare("one")
    world.replica(
        "one",
        f"""
        import pathlib, time
        def handle(event, context):
            pathlib.Path({str(entered)!r}).touch()
            while not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return "done"
        """,
    )
    gateway = world.gateway()
    available(gateway, "one", 1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(gateway.call("POST", "/function/one", b"x")))
    thread.start()
    until(entered.exists, 10, "the handler at work")
    gateway.process.send_signal(signal.SIGTERM)
    until(lambda: not _listens(gateway.address), 5, "no new connections")
    gate.touch()
    thread.join()
    assert answers[0].body == b"done"
    assert gateway.process.wait(5) == 0


def _listens(port: int | Path) -> bool:
    line = f"0100007F:{int(str(port)):04X} 00000000:0000 0A"
    return line in Path("/proc/net/tcp").read_text(encoding="utf-8")


def test_it_listens_on_loopback_only(world: World) -> None:
    world.declare("one")
    gateway = world.gateway()
    assert _listens(gateway.address)


def test_a_start_that_cannot_be_is_one_clear_line(world: World) -> None:
    world.declare("one")
    taken = str(world.gateway().address)
    cases = {
        "FANWATCH_GATEWAY_PORT": (taken, f"Port {taken} cannot be used"),
        "FANWATCH_STACK": ("/nowhere/stack.yml", "/nowhere/stack.yml cannot be read"),
        "FANWATCH_GATEWAY_PASSWORD_FILE": ("/nowhere/password", "/nowhere/password"),
        "FANWATCH_GATEWAY_USER_FILE": ("", "FANWATCH_GATEWAY_USER_FILE"),
    }
    for name, (value, said) in cases.items():
        gateway = world.gateway(wait=False, **{name: value})
        assert gateway.process.wait(10) == 2
        lines = gateway.output().splitlines()
        assert len(lines) == 1
        assert said in lines[0]


def test_it_costs_next_to_nothing_when_idle(world: World) -> None:
    world.declare("one")
    for number in range(3):
        world.replica("one", NAME.format(said="1"), number=number)
    gateway = world.gateway()
    available(gateway, "one", 3)

    def seconds() -> float:
        fields = (
            Path(f"/proc/{gateway.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before, begun = seconds(), time.monotonic()
    time.sleep(2)  # the span that is measured
    assert (seconds() - before) / (time.monotonic() - begun) < 0.1
