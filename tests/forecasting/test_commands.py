"""What people say of an episode: followed once, kept, and refused where it makes no sense."""

import time

import numpy as np
import pytest

from fanwatch.forecasting import episodes
from fanwatch.store import MEANS
from fanwatch.timestamps import format_ms, parse_ms, zone
from tests.forecasting.conftest import Watch
from tests.support.wait import until
from tests.support.watched import Alarms, Watched, failing


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
        status, answer = failed.order(episode=episode, action="snooze", by="x", until=until_text)
        assert (status, "is over" in answer["error"]) == (409, True)
        # What was found is said when the fan has been looked at, which is later.
        status, answer = failed.order(episode=episode, action="close", by="x", found="fault", mode="motor")
        assert (status, answer["state"]) == (200, "ok")
        [label] = episodes.labels(failed.store)
        assert (label.found, label.mode, label.by) == ("fault", "motor", "x")
        assert label.stopped_ms is not None
        assert failed.at(35) < (label.ended_ms or 0) < failed.at(40)


def test_closed_episodes_stay_closed_and_leave_a_label(failed: Watched) -> None:
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
        failed.write("bad", 30, 40, failing(8, 28, 200))
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


def test_forged_and_unknown_ones_are_refused(failed: Watched) -> None:
    fan = failed.fan("bad")
    good = {"action": "acknowledge", "by": "me"}
    for content, status in (
        ({"episode": f"{fan}/2026-01-01T00:00:00.000Z"}, 404),
        ({"episode": "nobody/2026-01-01T00:00:00.000Z"}, 404),
        ({"episode": f"{fan}' OR 1=1 --/2026-01-01T00:00:00.000Z"}, 400),
        ({"episode": fan}, 400),
        ({"episode": f"{fan}/2026-01-01T00:00:00.000Z", "state": "ok"}, 400),
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
