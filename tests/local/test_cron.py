"""The local runtime's cron process: a real gateway, a real function, and what stack.yml says of its schedule."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.mqtt.annotations import Directory
from fanwatch.gateway.client import Gateway
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.settings import ConnectorSettings, GatewaySettings
from local import sessions
from local.cron import Cron
from tests.local.gateways import World, available
from tests.support.process import Process
from tests.support.servers import ROOT, Server
from tests.support.wait import until

CALLS = """
    import json, pathlib
    def handle(event, context):
        with open({file!r}, "a") as calls:
            calls.write(json.dumps([event.method, len(event.body), event.path]) + "\\n")
        return {{"statusCode": {status}, "body": "said"}}
"""


class Rig:
    """A gateway over a function `timed`, and the cron process."""

    def __init__(self, directory: Path) -> None:
        self.world = World(directory)
        self.file = directory / "calls"
        self.file.touch()
        self.gateway: Server | None = None
        self.cron: Process | None = None

    def start(self, status: int = 200, **given: str) -> None:
        """With these annotations, and settings of the cron process."""
        settings = {name: value for name, value in given.items() if name.startswith("FANWATCH_")}
        self.declare(**{name: value for name, value in given.items() if name not in settings})
        self.world.replica("timed", CALLS.format(file=str(self.file), status=status))
        self.gateway = self.world.gateway()
        available(self.gateway, "timed", 1)
        argv = [sys.executable, "-m", "local.cron"]
        self.cron = Process(argv, self.world.directory / "cron.log", {**self.settings(), **settings}, ROOT)

    def settings(self) -> dict[str, str]:
        assert self.gateway is not None
        url = f"http://127.0.0.1:{self.gateway.address}"
        return {**self.world.settings, "FANWATCH_GATEWAY_URL": url, "PYTHONPATH": str(ROOT)}

    def declare(self, **annotations: str) -> None:
        self.world.declare("timed", annotations=annotations)

    def calls(self) -> list[object]:
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]

    def events(self) -> list[dict[str, object]]:
        assert self.cron is not None
        return [json.loads(line) for line in self.cron.output().splitlines()]

    def said(self, event: str) -> bool:
        return any(str(line["event"]).startswith(event) for line in self.events())


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    if made.cron is not None:
        made.cron.kill()
    made.world.close()


def test_a_function_is_called_by_its_schedule_as_long_as_it_has_one(rig: Rig) -> None:
    rig.start(topic="cron-function", schedule="@every 1s")
    until(lambda: len(rig.calls()) >= 2, 20, "two calls")
    assert rig.calls()[0] == ["POST", 0, "/"]
    rig.declare(topic="cron-function", schedule="0 0 29 2 *")
    until(lambda: sum(line["event"] == "function has a schedule" for line in rig.events()) == 2, 20, "it")
    rig.declare(topic="fan/messages", schedule="@every 1s")
    until(lambda: rig.said("function has no schedule any more"), 20, "the schedule gone")
    assert all(line["status"] == 200 for line in rig.events() if line["event"] == "called")


def test_what_cannot_be_read_or_fails_is_told_and_the_rest_goes_on(rig: Rig) -> None:
    rig.world.declare("odd", annotations={"topic": "cron-function", "schedule": "* * * * * *"})
    rig.world.declare("none", annotations={"topic": "cron-function"})
    rig.start(status=503, topic="cron-function", schedule="@every 1s")
    until(lambda: rig.said("call failed"), 20, "the failure told")
    [failed, *_] = [line for line in rig.events() if line["event"] == "call failed"]
    assert (failed["function"], failed["status"], failed["answer"]) == ("timed", 503, "said")
    refused = {line["function"] for line in rig.events() if str(line["event"]).startswith("annotation")}
    assert refused == {"odd", "none"}


def test_a_gateway_that_was_away_is_found_again(rig: Rig) -> None:
    rig.start(topic="cron-function", schedule="@every 1s")
    assert rig.gateway is not None
    port = rig.gateway.address
    until(rig.calls, 20, "a call")
    rig.gateway.kill()
    until(lambda: rig.said("the gateway is away"), 20, "the gateway missed")
    before = len(rig.calls())
    rig.world.gateway(FANWATCH_GATEWAY_PORT=str(port), wait=False)
    until(lambda: len(rig.calls()) > before, 20, "a call after it")


def test_refused_credentials_are_no_end_of_it_and_taken_from_their_file_again(rig: Rig) -> None:
    password = rig.world.directory / "own-password"
    password.write_text("another", encoding="utf-8")
    rig.start(topic="cron-function", schedule="@every 1s", FANWATCH_GATEWAY_PASSWORD_FILE=str(password))
    until(lambda: rig.said("functions cannot be listed"), 20, "the refusal told")
    password.write_text("secret", encoding="utf-8")
    until(rig.calls, 20, "a call")
    assert sum(line["event"] == "functions cannot be listed" for line in rig.events()) == 1


def test_a_clock_that_is_put_back_does_not_put_off_what_is_due(rig: Rig) -> None:
    rig.start(topic="cron-function", schedule="1-59/10 * * * *")
    # By the real clock a call of its own may be due just now.
    assert rig.cron is not None
    rig.cron.kill()
    settings = {name.removeprefix("FANWATCH_").lower(): text for name, text in rig.settings().items()}
    access = {
        name: text for name, text in settings.items() if name.startswith("gateway") and "port" not in name
    }
    cron = Cron(Gateway(GatewaySettings(**access), 5.0), Log("test"))
    day_s, ahead_s = 86_400.0, 20_000 * 86_400.0
    cron.step(ahead_s)
    assert cron.entries["timed"].due == ahead_s + 60
    cron.step(ahead_s - 3 * day_s)
    assert cron.entries["timed"].due == ahead_s - 3 * day_s + 60
    assert rig.calls() == []
    cron.step(ahead_s - 3 * day_s + 61)
    until(rig.calls, 20, "the call")


def test_it_is_no_topic_of_the_broker(rig: Rig) -> None:
    rig.start(topic="cron-function", schedule="@hourly")
    settings = rig.settings()
    access = {
        name.removeprefix("FANWATCH_").lower(): settings[name] for name in settings if "GATEWAY" in name
    }
    access.pop("gateway_port", None)
    directory = Directory(
        Gateway(GatewaySettings(**access), 5.0), ConnectorSettings(), lambda *_: None, Log("test")
    )
    directory.refresh()
    assert directory.topics == frozenset()
    wanted = sessions.connector(ConnectorSettings(), topics.annotated({"topic": "cron-function"}))
    assert wanted.topics == ()
