"""`fanwatch alarms`, `fans` and `labels`, against the function's own code behind a gateway's address."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.fleet.faulty import VERDICT_S
from fanwatch.messages.command import FAULT_MODES, INSTRUMENT_MODES
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.store import latest
from fanwatch.store.influx import point
from tests.support.http_stub import HttpStub, Reply, Request
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.watched import Watched, failing
from training.forecast.history import History, read

ROOT = Path(__file__).resolve().parents[2]


class Rig:
    """A fleet with one fan in alarm, and the command line."""

    def __init__(self, watched: Watched, gateway: HttpStub) -> None:
        self.watched = watched
        self.gateway = gateway
        gateway.answer = self._answer
        watched.write("bad", 0, 30, failing(8, 28, 200))
        watched.write("good", 0, 30)
        watched.tick(30)
        watched.run()

    def _answer(self, request: Request) -> Reply:
        assert request.path == "/function/forecast-fan"
        return Reply(*self.watched.service.answer(request.body))

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=kept
            | self.watched.environment
            | {"PYTHONPATH": str(ROOT), "FANWATCH_GATEWAY_URL": self.gateway.url, "LOGNAME": "mechanic"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def said(self, *arguments: str) -> str:
        """What a command prints that succeeds."""
        done = self.command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open(self) -> dict[str, dict[str, str]]:
        """Open episodes by fan."""
        return {each["deviceID"]: each for each in json.loads(self.said("alarms", "list", "--json"))["open"]}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    influx = Influx(tmp_path_factory.mktemp("influx"))
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    gateway = HttpStub()
    with pytest.MonkeyPatch.context() as patch:
        watched = Watched(influx, broker, patch)
        yield Rig(watched, gateway)
        watched.close()
    gateway.close()
    broker.kill()
    influx.kill()


def trained_on(fan: str, directory: Path) -> History:
    """A history with the events in `directory`, as training reads it."""
    (directory / "readings.csv").write_text(
        f"DeviceID,Time,Rotation,Temperature,Vibration,Sound\n{fan},2026-11-20 12:00:00,598,40,150,48.5\n",
        encoding="utf-8",
    )
    return read(directory)


def test_from_an_alarm_to_a_label(rig: Rig, tmp_path: Path) -> None:
    fan = rig.watched.fan("bad")
    assert fan in rig.open()
    assert f"{fan}/" in rig.said("alarms", "list")
    assert "Acknowledged by mechanic." in rig.said("alarms", "acknowledge", fan)
    rig.said("alarms", "snooze", fan, "--until", "8h", "--by", "Control room")
    assert rig.open()[fan]["snoozedUntil"] > rig.open()[fan]["since"]
    fans = {each["deviceID"]: each for each in json.loads(rig.said("fans", "list", "--json"))}
    assert fans[fan]["state"] == rig.open()[fan]["state"]
    assert fans[rig.watched.fan("good")]["state"] == "ok"
    assert "is no command" in rig.command("alarms", "close", fan, "--found", "nothing").stderr
    assert "give one of" in rig.command(
        "alarms", "close", fan, "--found", "fault", "--failed", "seen", "--prevented", "now"
    ).stderr.replace("\n", " ")
    assert "mode of fault" in rig.command("alarms", "close", fan, "--found", "fault", "--mode", "x").stderr
    episode = rig.open()[fan]["episode"]
    closed = json.loads(rig.said("alarms", "close", fan, "--found", "fault", "--mode", "bearing", "--json"))
    # It stands still.
    assert (closed["state"], closed["since"]) == ("out-of-service", format_ms(rig.watched.at(28)))
    fans = {each["deviceID"]: each for each in json.loads(rig.said("fans", "list", "--json"))}
    assert fans[fan]["state"] == "out-of-service"
    assert "out of service" in rig.said("fans", "list")
    assert fan not in rig.open()
    # As Telegraf has stored it; the store of this test has none.
    since = episode.partition("/")[2]
    stored = {"episode": episode, "state": "alarm", "why": "it wears"}
    began_ns = rig.watched.store.query('SELECT "since_ms" FROM "label"')[0]["since_ms"] * 1_000_000
    rig.watched.store.write([point("episode", {"deviceID": fan}, stored, began_ns)])
    assert f"{episode}  over, was alarm: it wears" in rig.said("alarms", "list", "--all")
    assert "has no open episode" in rig.command("alarms", "acknowledge", fan).stderr
    done = rig.command("labels", "export")
    [header, event] = done.stdout.splitlines()
    assert header == "DeviceID,Start,Failure,Repaired,Kind,Mode"
    assert event.split(",")[:2] == [fan, since]
    assert event.split(",")[4:] == ["fault", "bearing"]
    # Seen to stop after 28 hours, and closed after 30.
    start, failure, repaired = (parse_ms(cell, zone("UTC")) for cell in event.split(",")[1:4])
    assert (failure, start < failure < repaired) == (rig.watched.at(28), True)
    assert done.stderr == "1 events; left out: nothing.\n"
    # It stood because it was stopped to be repaired; training reads that as a fault that never came to a failure.
    rig.said("alarms", "close", episode, "--found", "fault", "--mode", "bearing", "--prevented", "now")
    rig.said("labels", "export", "--out", str(tmp_path / "events.csv"))
    [fault] = trained_on(fan, tmp_path).faults
    assert (fault.start_ms, fault.failure_ms, fault.over_ms, fault.mode) == (start, None, repaired, "bearing")
    said = ("alarms", "close", episode, "--found", "instrument")
    refused = rig.command(*said, "--by", "Control room")
    assert "has closed it on" in refused.stderr
    rig.said(*said, "--by", "Control room", "--correct")
    rig.said(*said, "--correct")
    done = rig.command("labels", "export")
    assert done.stderr == "0 events; left out: 1 sensor faults of which nobody said which.\n"
    # Whatever people say, training can read what comes of it.
    for found, modes in (("fault", ("", *FAULT_MODES)), ("instrument", INSTRUMENT_MODES)):
        for mode in modes:
            said = ("--found", found, *(("--mode", mode) if mode else ()))
            rig.said("alarms", "close", episode, *said)
            rig.said("labels", "export", "--out", str(tmp_path / "events.csv"))
            learned = trained_on(fan, tmp_path)
            assert (len(learned.faults), len(learned.broken)) == ((1, 0) if found == "fault" else (0, 1)), (
                said
            )


def test_a_list_counts_who_is_not_judged_and_calls_nobody_well_once_the_forecast_has_stopped(
    rig: Rig,
) -> None:
    good, store = rig.watched.fan("good"), rig.watched.store
    head = rig.said("fans", "list").splitlines()
    states = [line[21:35].strip() for line in head[1:-1]]
    others = [(state, states.count(state)) for state in ("out of service", "not judged")]
    told_others = "".join(
        f", {count} {'is' if count == 1 else 'are'} {state}" for state, count in others if count
    )
    assert head[-1] == f"{states.count('ok')} of {len(states)} fans are well{told_others}."
    line = next(line for line in head if line.startswith(good))
    assert "All sensors are as usual" in line
    last_ms = latest.last_run_ms(store)
    store.query('DROP SERIES FROM "forecast"')
    old_ms = last_ms - VERDICT_S * 1000 - 60_000
    store.write([point("forecast", {}, {"clock_ms": old_ms}, old_ms * 1_000_000)])
    stopped = f"forecast-fan has not judged any fan since {format_ms(old_ms)[:16].replace('T', ' ')} UTC."
    lines = rig.said("fans", "list").splitlines()
    line = next(line for line in lines if line.startswith(good))
    assert ("not judged" in line, "as usual" in line, stopped in line) == (True, False, True)
    assert lines[-1].endswith(f"not judged. {stopped}")
    told = {each["deviceID"]: each for each in json.loads(rig.said("fans", "list", "--json"))}
    assert (told[good]["state"], told[good]["risk"], told[good]["why"]) == ("unknown", None, stopped)
    rig.watched.run()
    assert "All sensors are as usual" in rig.said("fans", "list")


def test_a_fan_is_retired(rig: Rig) -> None:
    fan = rig.watched.fan("good")
    assert rig.said("fans", "retire", fan) == f"{fan} is retired.\n"
    assert fan not in rig.said("fans", "list")
    assert rig.command("fans", "retire", "nobody").returncode == 1


def test_what_is_away_is_said(rig: Rig) -> None:
    fan = rig.watched.fan("bad")
    rig.gateway.answer = lambda _request: Reply(503, b"No process of forecast-fan is ready.")
    done = rig.command("fans", "retire", fan)
    assert (done.returncode, "No process of forecast-fan is ready" in done.stderr) == (1, True)
    assert done.stderr.count("\n") == 1
