"""Where a demonstration keeps its files, and what a person sees of alarms."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from fanwatch.errors import SettingsError
from local.config import ours
from local.feed import Feed
from local.layout import layout
from local.lock import acquire, prepare, running
from local.view import Picture, alarm_line, table
from tests.support.mosquitto import Mosquitto
from tests.support.readings import reading
from tests.support.wait import until


def environment(state: Path, **changes: str) -> dict[str, str]:
    return {"FANWATCH_STATE_DIR": str(state), **changes}


def test_a_demonstration_has_a_state_directory_of_its_own_that_is_empty_and_the_usual_one_stays(
    tmp_path: Path,
) -> None:
    for kept in (tmp_path / "influxdb", tmp_path / "demo/influxdb"):
        kept.mkdir(parents=True)
    assert prepare(environment(tmp_path)) == environment(tmp_path)
    assert (tmp_path / "demo/influxdb").exists()
    prepared = prepare(environment(tmp_path, DEMO="fan-03:bearing"))
    assert prepared["FANWATCH_STATE_DIR"] == str(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
    assert (tmp_path / "influxdb").exists()
    # What it starts in the background is given the directory already.
    assert prepare(prepared) == prepared


def test_one_that_runs_is_found_below_the_usual_directory_and_not_emptied(tmp_path: Path) -> None:
    usual, below = layout(str(tmp_path)), layout(str(tmp_path / "demo"))
    assert running(usual) == usual
    below.create()
    with acquire(below):
        assert running(usual).state == below.state
        prepare(environment(tmp_path, DEMO="fan-03:bearing"))
        assert below.lock.exists()
    assert running(usual) == usual


@pytest.mark.parametrize("without", ["FANWATCH_NO_STORE", "FANWATCH_NO_FLEET"])
def test_without_fans_or_store_there_is_nothing_to_show(tmp_path: Path, without: str) -> None:
    with pytest.raises(SettingsError, match="DEMO needs"):
        prepare(environment(tmp_path, DEMO="fan-03:bearing", **{without: "1"}))


def test_the_fleet_plays_its_past_where_there_is_a_store(tmp_path: Path) -> None:
    place = layout(str(tmp_path))
    played = ours("simulator", place, environment(tmp_path)).argv
    assert played[played.index("--history") + 1] == "7"
    assert {"--when-stored", str(tmp_path / "fleet.json")} <= set(played)
    for off in ({"FANWATCH_HISTORY_DAYS": "0"}, {"FANWATCH_NO_STORE": "1"}):
        assert "--history" not in ours("simulator", place, environment(tmp_path, **off)).argv


def test_alarms_are_told_when_they_change_and_their_fans_come_first(broker: Mosquitto) -> None:
    alarm = {
        "state": "warning",
        "since": "2026-11-23T14:00:00.000Z",
        "risk": 0.61,
        "why": "vibration has risen",
    }
    feed = Feed(broker.settings)
    broker.publish("fan/fan-02/alarm", {**alarm, "state": "ok"})
    feed.start()
    news: list[str] = []

    def hear(count: int) -> bool:
        news.extend(alarm_line(each) for each in feed.news())
        return len(news) >= count

    try:
        until(
            lambda: bool(broker.publish("fan/fan-01/messages", reading("fan-01", -7200)) or feed.fans()),
            10,
            "fans",
        )
        broker.publish("fan/fan-02/messages", reading("fan-02", -7200))
        for state in ("ok", "warning", "warning", "alarm"):
            broker.publish("fan/fan-02/alarm", {**alarm, "state": state})
        until(lambda: hear(2), 10, "both changes")
        assert news == [
            "fan-02: ok → warning (since 2026-11-23 14:00, risk 0.61): vibration has risen",
            "fan-02: warning → alarm (since 2026-11-23 14:00, risk 0.61): vibration has risen",
        ]
        until(lambda: len(feed.fans()) == 2, 10, "both fans")
        behind = feed.behind_s()
        assert behind is not None
        assert behind > 3600
        console = Console(file=io.StringIO(), width=80)
        with console.capture() as drawn:
            console.print(table(feed, Picture(), 30))
        first, *_ = [line for line in drawn.get().splitlines() if line.startswith("fan-")]
        assert first.startswith("fan-02 ")
        broker.publish("fan/fan-02/alarm", b"")
        until(lambda: not feed.alarms(), 10, "the retired fan forgotten")
    finally:
        feed.stop()
