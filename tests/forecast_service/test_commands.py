"""What people say of an episode: followed once, kept, and refused where it makes no sense."""

import time

import numpy as np
import pytest

from fanwatch.messages.alarm import EPISODES
from fanwatch.messages.reasons import of_text
from fanwatch.messages.timestamps import format_ms, parse_ms, zone
from fanwatch.store import episodes
from fanwatch.store.influx import MEANS
from tests.forecast_service.conftest import Watch
from tests.support.wait import until
from tests.support.watched import Alarms, Watched, broken, failing


@pytest.fixture
def failed(watch: Watch) -> Watched:
    """One whose fan `bad` has an alarm."""
    watched = watch()
    watched.write("bad", 0, 30, failing(8, 28, 200))
    watched.write("good", 0, 30)
    watched.tick(30)
    watched.run()
    return watched


def last(listener: Alarms, name: str, count: int = 1) -> dict[str, object]:
    until(lambda: len(listener.of(name)) >= count, 10, f"{count} alarms of {name}")
    alarm = listener.of(name)[-1]
    return {name: getattr(alarm, name) for name in alarm.__struct_fields__}


def test_acknowledged_and_snoozed_as_long_as_the_episode_lasts(failed: Watched) -> None:
    until_text = format_ms(time.time_ns() // 1_000_000 + 3_600_000)
    with failed.listener() as listener:
        episode = str(last(listener, "bad")["episode"])
        status, answer = failed.order(episode=episode, action="acknowledge", by="Control room")
        assert (status, answer["acknowledgedBy"]) == (200, "Control room")
        assert failed.order(episode=episode, action="acknowledge", by="Control room") == (status, answer)
        status, answer = failed.order(episode=episode, action="snooze", by="Control room", until=until_text)
        assert (status, answer["snoozedUntil"]) == (200, until_text)
        # Published, and only where something has changed.
        assert last(listener, "bad", 3)["snoozedUntil"] == until_text
        failed.write("bad", 30, 36, failing(8, 28, 200))
        failed.tick(36)
        failed.run()
        known = last(listener, "bad", 3)
        assert (known["episode"], known["acknowledgedBy"]) == (episode, "Control room")
        failed.write("bad", 36, 46)
        failed.tick(46)
        failed.run()
        until(lambda: listener.states("bad")[-1] == "ok", 10, "repaired")
        assert not listener.of("bad")[-1].acknowledged
        # Why it was so is kept in codes, for readers of any language.
        where = f"""WHERE "deviceID" = '{failed.fan("bad")}'"""
        [kept] = failed.store.query(f'SELECT "reasons" FROM "forecast_episode" {where}', MEANS)
        told = [alarm.told for alarm in listener.of("bad") if alarm.state in EPISODES]
        assert of_text(kept["reasons"]) == told[-1]
        status, answer = failed.order(episode=episode, action="snooze", by="x", until=until_text)
        assert (status, "is over" in answer["error"]) == (409, True)
        # What was found is said when the fan has been looked at, which is later.
        status, answer = failed.order(episode=episode, action="close", by="x", found="fault", mode="motor")
        assert (status, answer["state"]) == (200, "ok")
        [label] = episodes.labels(failed.store)
        assert (label.found, label.mode, label.by) == ("fault", "motor", "x")
        assert label.stopped_ms is not None
        assert failed.at(35) < (label.ended_ms or 0) < failed.at(40)


def test_closed_episodes_stay_closed_and_leave_a_label(watch: Watch) -> None:
    def worn(hour: float, well: np.ndarray) -> np.ndarray | None:
        """It wears until hour 27, and runs on like that."""
        return failing(8, 28, 200)(min(hour, 27), well)

    failed = watch()
    failed.write("bad", 0, 30, worn)
    failed.tick(30)
    failed.run()
    with failed.listener() as listener:
        episode = str(last(listener, "bad")["episode"])
        said = {
            "episode": episode,
            "action": "close",
            "by": "Mechanic",
            "found": "false alarm",
            "note": "dust",
        }
        status, answer = failed.order(**said)
        assert (status, answer["state"]) == (200, "ok")
        assert "Mechanic closed the episode" in answer["why"]
        until(lambda: listener.states("bad")[-1] == "ok", 10, "closed")
        assert failed.order(**said)[0] == 200
        failed.write("bad", 30, 40, worn)
        failed.tick(40)
        # Two hours later the checkpoint is behind the close, after ten it is not.
        for _ in range(2):
            failed.run()
        assert failed.order(**said | {"found": "fault", "mode": "bearing"})[0] == 200
    began = parse_ms(episode.partition("/")[2], zone("UTC"))
    for policy in ("raw", MEANS):
        [row] = failed.store.query('SELECT * FROM "label"', policy)
        assert {name: row[name] for name in ("deviceID", "time", "since_ms", "found", "mode", "by")} == {
            "deviceID": failed.fan("bad"), "time": began * 1_000_000, "since_ms": began, "found": "fault",
            "mode": "bearing", "by": "Mechanic",
        }  # fmt: skip


def test_what_people_say_of_a_failure_stands_above_what_was_seen(failed: Watched) -> None:
    failed.write("bad", 30, 36, failing(8, 28, 34))
    failed.tick(36)
    failed.run()
    began = failed.store.query('SELECT "stopped_ms" FROM "forecast_episode"', MEANS)[0]["time"] // 1_000_000
    said = {
        "episode": f"{failed.fan('bad')}/{format_ms(began)}", "action": "close", "by": "x", "found": "fault",
    }  # fmt: skip
    for changes, failure, repaired in (
        # Since when it stood, and when it had run again for a few bins.
        ({}, failed.at(28), failed.at(34)),
        ({"outcome": "failed"}, failed.at(28), failed.at(34)),
        ({"outcome": "failed", "outcomeAt": format_ms(failed.at(27))}, failed.at(27), failed.at(34)),
        # It stood still because somebody had stopped it to repair it.
        ({"outcome": "prevented"}, None, failed.at(34)),
        ({"outcome": "prevented", "outcomeAt": format_ms(failed.at(28))}, None, failed.at(28)),
        # What came after it was well again leaves open when it was well the next time.
        ({"outcome": "failed", "outcomeAt": format_ms(failed.at(50))}, failed.at(50), None),
    ):
        assert failed.order(**said, **changes)[0] == 200, changes
        [label] = episodes.labels(failed.store)
        assert label.failure_ms == failure, changes
        assert (label.repaired_ms is None) == (repaired is None), changes
        assert repaired is None or 0 <= (label.repaired_ms or 0) - repaired <= 3_600_000, changes


def test_a_sensor_fault_of_which_nobody_says_which_is_what_was_seen(watch: Watch) -> None:
    watched = watch()
    watched.write("fan", 0, 40, broken(3, 25, 40, 48.5))
    watched.tick(40)
    watched.run()
    with watched.listener() as listener:
        alarm = last(listener, "fan")
    assert (alarm["state"], alarm["sensor"], alarm["cause"]) == ("instrument", "sound", "stuck")
    said = {"episode": alarm["episode"], "action": "close", "by": "x", "found": "instrument"}
    assert watched.order(**said)[0] == 200
    assert episodes.labels(watched.store)[0].event_mode == "sound:stuck"
    assert watched.order(**said | {"mode": "sound:drift"})[0] == 200
    assert episodes.labels(watched.store)[0].event_mode == "sound:drift"
    assert watched.order(**said | {"found": "fault"})[0] == 200
    assert episodes.labels(watched.store)[0].event_mode is None


def test_a_failure_that_nobody_saw_needs_its_time(watch: Watch) -> None:
    watched = watch()
    watched.write("bad", 0, 26, failing(8, 28, 200))
    watched.tick(26)
    watched.run()
    with watched.listener() as listener:
        episode = str(last(listener, "bad")["episode"])
    said = {"episode": episode, "action": "close", "by": "x", "found": "fault", "outcome": "failed"}
    status, answer = watched.order(**said)
    assert (status, answer["error"][:16]) == (400, "When did it fail")
    assert watched.order(**said, outcomeAt=format_ms(watched.at(25)))[0] == 200
    assert episodes.labels(watched.store)[0].failure_ms == watched.at(25)


def test_forged_and_unknown_ones_are_refused(failed: Watched) -> None:
    fan = failed.fan("bad")
    good = {"action": "acknowledge", "by": "me"}
    early = {"episode": f"{fan}/2026-01-01T00:00:00.000Z"}
    for content, status in (
        (early, 404),
        ({"episode": "nobody/2026-01-01T00:00:00.000Z"}, 404),
        ({"episode": f"{fan}' OR 1=1 --/2026-01-01T00:00:00.000Z"}, 400),
        ({"episode": fan}, 400),
        ({**early, "state": "ok"}, 400),
        ({**early, "action": "close", "found": "false alarm"}, 404),
        ({**early, "action": "close", "found": "false alarm", "stands": True}, 400),
    ):
        found, answer = failed.order(**good | content)
        assert found == status, answer
        assert answer["error"].endswith(".")
    assert failed.service.answer(b"{")[0] == 400
    assert failed.service.answer(b"[]")[0] == 400
    assert failed.order(deviceID="a/b", action="retire", by="me")[0] == 400
    assert failed.order(deviceID="nobody", action="retire", by="me")[0] == 404


def test_a_retired_fan_is_gone_until_it_sends_again(watch: Watch) -> None:
    watched = watch(ago=30)
    watched.write("fan", 0, 20, failing(5, 20, 100))
    watched.write("other", 0, 20)
    watched.tick(20)
    watched.run()
    status, answer = watched.order(deviceID=watched.fan("fan"), action="retire", by="Stores")
    assert (status, answer["state"]) == (200, "ok")
    with watched.listener() as listener:
        until(lambda: watched.fan("other") in listener.fans(), 10, "the others' alarms")
        assert watched.fan("fan") not in listener.fans()
        watched.write("other", 20, 24)
        watched.tick(24)
        assert watched.run()["fans"] == 2
        assert watched.fan("fan") not in listener.fans()
        # It sends, at a time that is later than when it was retired.
        later_ms = time.time_ns() // 1_000_000 + 60_000
        watched.store.write(watched.reading("fan", later_ms, np.array([600.0, 40.0, 150.0, 48.5])))
        assert watched.run()["fans"] == 3
        until(lambda: watched.fan("fan") in listener.fans(), 10, "it is back")
