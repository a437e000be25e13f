"""The whole runtime behind a proxy that swallows everything, and behind one that is not there."""

import contextlib
import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store
from local import tools
from local.config import local_environment
from local.deploy import Deployer, program_name, read_stack
from local.layout import Layout
from local.supervisor import Supervisor
from tests.support import proxy
from tests.support.influx import tool
from tests.support.ports import free_port, listens
from tests.support.up import Machine
from tests.support.wait import until

_HEALTHY = '{"deviceID":"mine","rotation":592,"temperature":41.2,"vibration":160.4,"sound":47.9}'


@pytest.mark.parametrize("kind", ["one that listens", "one that is not there"])
def test_nothing_of_ours_asks_a_proxy(tmp_path: Path, kind: str) -> None:
    tool(tools.INFLUXD), tool(tools.TELEGRAF)
    recorder = proxy.Recorder() if kind == "one that listens" else None
    port = recorder.port if recorder else free_port()
    machine = Machine(tmp_path / "state", FANWATCH_NO_CONSOLE="", **proxy.environment(port))
    up = machine.up()
    try:
        up.until_said("First result")
        up.until_said("store: storing")
        up.until_said(r"Score a reading: +curl --noproxy localhost -s localhost:")
        store = Store(StoreSettings(influx_url=f"http://127.0.0.1:{machine.influx}"))
        until(lambda: store.count("anomaly", "quality") > 10, 30, "stored results")
        until(lambda: listens(machine.console), 60, "the page")
        found = until(lambda: (now := machine.status())["healthy"] and now, 30, "every part answers")
        states = {part["name"]: part["state"] for part in found["parts"]}
        assert states["telegraf"] == states["influxd"] == states["console"] == "ok", found
        assert found["ledger"]["stored"]["anomaly"] > 10
        for arguments in (
            ("score", _HEALTHY),
            ("alarms", "list"),
            ("fans", "list"),
            ("dead-letters", "list"),
            ("connector", "prune"),
            ("history", "rollup"),
        ):
            done = machine.elsewhere(*arguments)
            assert done.returncode == 0, (arguments, done.stderr)
        assert not forecast(machine)["failed"]
        assert recorder is None or recorder.heard == []
    finally:
        up.end()
        if recorder:
            recorder.close()


def test_a_function_may_leave_the_site_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As forecast-fan does, to tell its webhook: it gets what its user has named, and this machine is excepted."""
    for name in proxy.environment(1):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", ".plant.example")
    place = Layout(state=tmp_path)
    stack = read_stack(place, {})
    deployer = Deployer(place, Supervisor(place))
    given = deployer.program(stack, "forecast-fan", program_name(stack, "forecast-fan")).env
    assert given["https_proxy"] == "http://proxy:3128"
    assert given["NO_PROXY"] == given["no_proxy"] == ".plant.example,localhost,127.0.0.1,::1"


def test_the_other_parts_know_of_none(tmp_path: Path) -> None:
    place = Layout(state=tmp_path)
    given = local_environment(proxy.environment(1) | {"PATH": "/bin"}, place)
    assert [name for name in given if name.lower().endswith("_proxy")] == []
    assert given["PATH"] == "/bin"


def forecast(machine: Machine) -> dict[str, Any]:
    """What forecast-fan, which reads the store, says of a run."""
    connection = http.client.HTTPConnection("127.0.0.1", machine.gateway, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/function/forecast-fan", b"")
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found
