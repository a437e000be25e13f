"""The gateway's REST API, its start and stop, and how it follows stack.yml and the replicas."""

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.gateways import ADMIN, World, available
from tests.support.servers import Answer
from tests.support.wait import until

NAME = """
    def handle(event, context):
        return "{said}"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty one."""
    made = World(tmp_path)
    yield made
    made.close()


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
    assert abs(time.mktime(time.strptime(created, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - time.time()) < 60
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


def test_changes_of_stack_yml_are_followed(world: World) -> None:
    world.declare("one")
    gateway = world.gateway()
    world.replica("two", NAME.format(said="2"))
    assert gateway.call("POST", "/function/two", b"x").status == 404
    world.declare("two")
    until(lambda: gateway.call("POST", "/function/two", b"x").body == b"2", 5, "the new function")
    (world.directory / "stack.yml").write_text("functions: [", encoding="utf-8")
    until(lambda: "stack.yml" in gateway.output(), 5, "the broken stack.yml told")
    assert gateway.call("POST", "/function/two", b"x").body == b"2"
    del world.stack["functions"]["two"]
    world.write()
    until(lambda: gateway.call("POST", "/function/two", b"x").status == 404, 5, "the function gone")


def test_a_new_generation_takes_over_once_it_is_ready_and_not_before(world: World, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow = f"""
        import pathlib, time
        def warm():
            while not pathlib.Path({str(gate)!r}).exists():
                time.sleep(0.01)
        def handle(event, context):
            return "new"
    """
    world.declare("one")
    world.replica("one", NAME.format(said="old"), generation="f" * 8)
    gateway = world.gateway()
    available(gateway, "one", 1)
    statuses: set[int] = set()
    stop = threading.Event()

    def keep_calling() -> None:
        while not stop.is_set():
            statuses.add(gateway.call("POST", "/function/one", b"x").status)

    caller = threading.Thread(target=keep_calling)
    caller.start()
    starter = threading.Thread(target=world.replica, args=("one", slow), kwargs={"generation": "0" * 8})
    starter.start()
    until(lambda: len(list(world.sockets.iterdir())) == 2, 10, "the new process listening")
    seen = {gateway.call("POST", "/function/one", b"x").body for _ in range(20)}
    assert seen == {b"old"}
    gate.touch()
    starter.join()
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"new", 5, "the new generation")
    old = world.servers[0]
    assert old.stop()[0] == 0
    assert {gateway.call("POST", "/function/one", b"x").body for _ in range(20)} == {b"new"}
    stop.set()
    caller.join()
    assert statuses == {200}


def test_the_old_generation_serves_again_when_the_new_one_dies(world: World) -> None:
    world.declare("one")
    world.replica("one", NAME.format(said="old"), generation="a" * 8)
    gateway = world.gateway()
    available(gateway, "one", 1)
    new = world.replica("one", NAME.format(said="new"), generation="b" * 8)
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"new", 5, "the new generation")
    new.kill()
    until(lambda: gateway.call("POST", "/function/one", b"x").body == b"old", 5, "the old generation")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_idle(world: World, number: signal.Signals) -> None:
    world.declare("one")
    gateway = world.gateway()
    held = gateway.connection()
    held.connect()
    code, seconds = gateway.stop(number)
    assert (code, gateway.output()) == (0, "")
    assert seconds < 1.5


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
