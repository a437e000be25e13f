"""`fanwatch dead-letters`, on a real broker, collector and store."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fanwatch.broker.tools import end_loop
from fanwatch.messages.timestamps import format_ns
from tests.support.influx import Influx
from tests.support.listener import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.telegraf import collecting
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
SPOILED = b'{"deviceID": "fan-01\xff'


class Rig:
    """Broker, collector and store, with three dead letters: one seen twice, one that was cut."""

    def __init__(self, broker: Mosquitto, influx: Influx) -> None:
        self.broker = broker
        self.influx = influx
        self.spoiled = self.letter(SPOILED, "fan/messages", "json")
        self.letter(SPOILED, "fan/messages", "json")
        self.cut = self.letter(b"x" * 32_768, "fan/fan-02/messages", "oversized", length=5_000_000)
        until(lambda: influx.store.count("dead_letter", "id") == 3, 15, "three dead letters")

    def letter(self, payload: bytes, topic: str, reason: str, length: int | None = None) -> str:
        """Publishes one as the connector does; its id."""
        identity = hashlib.sha256(topic.encode() + b"\0" + payload).hexdigest()
        seen = time.time_ns()
        self.broker.publish(
            f"dead-letter/{topic}",
            {
                "id": identity,
                "payload": base64.b64encode(payload).decode(),
                "length": length or len(payload),
                "sha256": hashlib.sha256(payload).hexdigest(),
                "topic": topic,
                "reason": reason,
                "error": "why",
                "attempts": 1,
                "firstSeen": format_ns(seen),
                "firstSeenNs": str(seen),
                "connector": "fanwatch-connector-0",
            },
        )
        return identity

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`fanwatch dead-letters ...`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", "dead-letters", *arguments],
            env=kept
            | {
                "PYTHONPATH": str(ROOT),
                "FANWATCH_BROKER_PORT": str(self.broker.port),
                "FANWATCH_INFLUX_URL": f"http://127.0.0.1:{self.influx.port}",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all tests here."""
    directory = tmp_path_factory.mktemp("rig")
    influx = Influx(directory / "influxdb")
    broker = Mosquitto(directory / "mosquitto")
    telegraf = collecting(directory, broker, influx)
    try:
        yield Rig(broker, influx)
    finally:
        for process in (telegraf, broker, influx):
            process.kill()


def test_list_shows_each_message_once(rig: Rig) -> None:
    found = {each["id"]: each for each in json.loads(rig.command("list", "--json").stdout)}
    assert found.keys() >= {rig.spoiled, rig.cut}
    assert found[rig.spoiled]["count"] == 2
    assert found[rig.spoiled]["reason"] == "json"
    assert found[rig.spoiled]["topic"] == "fan/messages"
    assert found[rig.spoiled]["resendable"]
    assert not found[rig.cut]["resendable"]
    header, *lines = rig.command("list").stdout.splitlines()
    assert len(lines) == len(found)
    for name, content in (("REASON", "json"), ("TIMES", "x2"), ("TOPIC", "fan/messages")):
        assert lines[0][header.index(name) :].startswith(content)
    assert rig.spoiled[:12] in lines[0]
    assert "x2" in lines[0]


def test_show_takes_the_first_characters(rig: Rig) -> None:
    shown = json.loads(rig.command("show", rig.spoiled[:8].upper()).stdout)
    assert shown["id"] == rig.spoiled
    assert shown["payload"] == '{"deviceID": "fan-01\\xff'
    assert shown["sha256"] == hashlib.sha256(SPOILED).hexdigest()
    assert shown["error"] == "why"
    missing = rig.command("show", "zz")
    assert missing.returncode == 1
    assert "No dead letter's id begins with 'zz'" in missing.stderr
    assert rig.command("show", "").returncode == 1


def test_resend_publishes_the_original_bytes(rig: Rig) -> None:
    received: list[tuple[str, bytes, int]] = []
    ready: list[bool] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _d, message: received.append((message.topic, message.payload, message.qos))
    client.on_subscribe = lambda *_: ready.append(True)
    client.connect("127.0.0.1", rig.broker.port)
    client.subscribe("fan/#", qos=1)
    client.loop_start()
    try:
        until(lambda: ready, 5, "subscribed")
        done = rig.command("resend", rig.spoiled[:12])
        assert done.returncode == 0, done.stderr
        until(lambda: received, 5, "the message")
        assert received == [("fan/messages", SPOILED, 1)]
        # One that was cut is refused, and nothing is sent, not even the whole one beside it.
        refused = rig.command("resend", rig.spoiled[:12], rig.cut[:12])
        assert refused.returncode == 1
        assert "had 5,000,000 bytes, of which 32,768 were kept" in refused.stderr
        assert len(received) == 1
    finally:
        client.disconnect()
        end_loop(client)


def test_what_was_sent_again_is_marked_and_not_sent_by_its_reason_once_more(rig: Rig) -> None:
    clock = [rig.letter(b'{"n": %d}' % number, "fan/messages", "clock") for number in range(3)]
    cut = rig.letter(b"y" * 32_768, "fan/messages", "clock", length=40_000)

    def listed() -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in json.loads(rig.command("list", "--json").stdout)}

    until(lambda: {*clock, cut} <= listed().keys(), 15, "four more dead letters")
    assert {listed()[each]["sentAgain"] for each in clock} == {None}
    with Listener(rig.broker.settings, "fan/#") as listener:
        assert rig.command("resend", clock[0][:12]).returncode == 0
        done = rig.command("resend", "--reason", "clock")
        assert done.returncode == 0, done.stderr
        assert "2 with the reason clock sent; 1 cut, so that they cannot be sent again; 1 sent" in done.stdout
        assert listener.payloads(3) == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}']
        found = listed()
        assert all(found[each]["sentAgain"] and not found[each]["refusedAgain"] for each in clock)
        assert found[rig.cut]["sentAgain"] is None
        rig.letter(b'{"n": 1}', "fan/messages", "clock")
        until(lambda: listed()[clock[1]]["refusedAgain"], 15, "that it was refused again")
        assert not listed()[clock[0]]["refusedAgain"]
        lines = {line[:12]: line for line in rig.command("list").stdout.splitlines()}
        assert " refused " in lines[clock[1][:12]]
        assert " refused " not in lines[clock[0][:12]]
        assert found[clock[0]]["sentAgain"][:16].replace("T", " ") in lines[clock[0][:12]]
        assert rig.command("resend", "--reason", "clock").stdout.startswith(
            f"Sent {clock[1][:12]} to fan/messages."
        )
        assert listener.payloads(4)[3] == b'{"n": 1}'
    unknown = rig.command("resend", "--reason", "luck")
    assert unknown.returncode == 1
    assert (
        "There is no dead letter with the reason 'luck'; there are: clock, json, oversized." in unknown.stderr
    )
    for arguments in ([], ["--reason", "clock", clock[0]]):
        assert rig.command("resend", *arguments).returncode == 2


def test_resend_to_nobody_is_an_error(rig: Rig, tmp_path: Path) -> None:
    lonely = Mosquitto(tmp_path / "lonely")
    with_broker, rig.broker = rig.broker, lonely
    try:
        done = rig.command("resend", rig.spoiled[:12])
    finally:
        rig.broker = with_broker
        lonely.kill()
    assert done.returncode == 1
    assert "Nobody listens to fan/messages" in done.stderr


def test_without_a_store_it_says_what_to_look_at(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.influx, "port", 1)
    done = rig.command("list")
    assert done.returncode == 1
    assert done.stderr.startswith("fanwatch: InfluxDB at http://127.0.0.1:1 does not answer")
    assert "fanwatch status" in done.stderr
    assert done.stderr.count("\n") == 1
