"""Fans that go, and fans for which there is no room: what the page holds, and what it says of the others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from console.live.fleet import Fleet
from console.live.ranking import Ranker
from console.live.states import STATES, now, states
from console.live.view import FleetView
from fanwatch.messages.alarm import encode_alarm
from tests.support.console import alarm
from tests.support.live import NOW, VALUES, fleet_of, intake_of, judging

DAY = 86_400_000


def shown(fleet: Fleet, at_ms: int) -> dict[str, str]:
    """Each fan's state."""
    return dict(zip(fleet.names, (STATES[code] for code in states(fleet, at_ms)), strict=True))


def test_a_fan_is_forgotten_after_a_day_of_silence_and_one_with_an_open_episode_is_not() -> None:
    fleet = fleet_of("mine", "told", "ill", "fan-1")
    young = alarm("told", "unknown", "too little history", risk=None)
    fleet.alarm(young)
    fleet.alarm(alarm("ill", "instrument", "nothing has come from it", cause="silent"))
    fleet.reading("fan-1", NOW + DAY, (599.0, 41.2, 160.4, 47.9))
    fleet.tidy(NOW + DAY - 1000)
    assert shown(fleet, NOW + DAY)["mine"] == "silent"
    ranker = Ranker(fleet)
    assert len(ranker.rank(NOW + DAY).order) == 4
    fleet.tidy(NOW + DAY)
    # Whoever moved into a freed place has kept what is its own; a ranking of before is of no use.
    assert shown(fleet, NOW + DAY) == {"fan-1": "unknown", "ill": "instrument"}
    assert [fleet.names[place] for place in ranker.rank(NOW + DAY).order] == ["ill", "fan-1"]
    one = now(fleet, "fan-1", NOW + DAY)
    assert one is not None
    assert (one.values[0], one.read_ms, one.probability) == (599.0, NOW + DAY, 0.02)
    place = fleet.find("fan-1")
    assert place is not None
    assert fleet.trends.lines(place, (NOW + DAY) // 60_000)[0, -1] == 599.0
    # Its alarm is said once and retained: a fan that speaks again has it still, and nothing else of before.
    fleet.alarm(young)
    assert fleet.find("told") is None
    fleet.reading("told", NOW + DAY, VALUES)
    back = now(fleet, "told", NOW + DAY)
    assert back is not None
    assert (back.alarm, back.state, back.scored_ms) == (young, "unknown", 0)
    # Once somebody has said what it was, nothing holds the one that is gone.
    fleet.alarm(alarm("ill", "ok", "closed", risk=None))
    fleet.tidy(NOW + DAY)
    assert fleet.find("ill") is None


def test_a_fan_that_was_retired_is_gone_at_once_and_back_with_its_next_reading() -> None:
    fleet = fleet_of("fan-1", "fan-2")
    intake = intake_of(fleet)
    intake.take("fan/fan-1/alarm", encode_alarm(alarm("fan-1", "stopped", "it stands", cause="sound")))
    assert shown(fleet, NOW + 61_000) == {"fan-1": "stopped", "fan-2": "silent"}
    intake.take("fan/fan-1/alarm", b"")
    assert shown(fleet, NOW + 61_000) == {"fan-2": "silent"}
    assert not fleet.all_alarms()
    fleet.reading("fan-1", NOW, VALUES)
    found = now(fleet, "fan-1", NOW)
    assert found is not None
    assert (found.alarm, found.scored_ms) == (None, 0)


def test_a_start_shows_no_fan_of_which_only_an_old_alarm_is_retained() -> None:
    fleet = judging(Fleet(10, silent_s=60))
    fleet.alarm(alarm("old", "unknown", "too little history", risk=None))
    fleet.alarm(alarm("ill", "stopped", "it stands", cause="sound"))
    fleet.tidy(NOW)
    assert set(fleet.names) == {"old", "ill"}  # InfluxDB may know more of it
    fleet.remembers = True
    fleet.tidy(NOW)
    fleet.alarm(alarm("late", "ok", "as usual"))
    assert fleet.names == ["ill"]
    fleet.reading("late", NOW, VALUES)
    assert shown(fleet, NOW)["late"] == "ok"


def test_fans_without_room_are_counted_and_an_open_episode_takes_the_place_of_a_healthy_fan() -> None:
    fleet = fleet_of("a", "b", "c", most=3)
    fleet.alarm(alarm("a", "ok", "as usual", risk=0.3))
    fleet.alarm(alarm("b", "ok", "as usual", risk=0.1))
    fleet.heard_ms[fleet.place("c")] = NOW - 61_000  # silent: that must not be lost
    for _ in range(5):
        fleet.reading("d", NOW, VALUES)
        fleet.score("d", NOW, 0, 0.1, None)
        fleet.reading("e", NOW, VALUES)
    view = FleetView(fleet, Ranker(fleet), ())
    assert (fleet.hidden, view.message(NOW)["hidden"]) == (2, 2)
    ill = alarm("d", "alarm", "soon", cause="sound", hours=(1, 2))
    fleet.alarm(ill, NOW)
    assert shown(fleet, NOW) == {"a": "ok", "c": "silent", "d": "alarm"}
    assert (fleet.hidden, set(fleet.overflow.heard_ms)) == (2, {"b", "e"})
    for name in ("e", "f", "b"):
        fleet.alarm(alarm(name, "warning", "it changes", cause="sound"), NOW)
    # There is no room for one more episode, and it is listed nevertheless.
    assert (set(fleet.names), set(fleet.all_alarms())) == ({"d", "e", "f"}, {"b", "d", "e", "f"})
    assert set(fleet.overflow.heard_ms) == {"a", "b", "c"}
    fleet.tidy(NOW + DAY)
    assert set(fleet.overflow.heard_ms) == {"b"}  # who is gone is missed by nobody
    fleet.forget("d")
    fleet.tidy(NOW + DAY)
    assert (set(fleet.names), fleet.hidden) == ({"b", "e", "f"}, 0)


@given(st.lists(st.tuples(st.sampled_from("rtsxf"), st.integers(0, 9), st.integers(0, 3)), max_size=80))
@settings(max_examples=80, deadline=None)
def test_whatever_comes_each_fan_has_one_place_of_its_own(came: list[tuple[str, int, int]]) -> None:
    fleet = Fleet(4, silent_s=60)
    at_ms, read = NOW, dict[str, int]()
    for what, number, level in came:
        device = f"fan-{number}"
        at_ms += level * DAY // 6
        if what == "r":
            fleet.reading(device, at_ms, (float(number),) * 4)
            read[device] = at_ms
        elif what == "f":
            fleet.forget(device)
        elif what == "t":
            fleet.tidy(at_ms)
        else:
            fleet.alarm(alarm(device, "alarm" if what == "x" else "ok", "so", hours=(1, 2)), at_ms)
        assert len(set(fleet.names)) == len(fleet.names) <= 4
        assert not set(fleet.names) & (fleet.overflow.heard_ms.keys() | fleet.overflow.alarms.keys())
        for place, name in enumerate(fleet.names):
            told = fleet.said[place]
            assert fleet.find(name) == place
            assert told is None or told.deviceID == name
            assert bool(fleet.episode[place]) == (told is not None and told.state == "alarm")
            if fleet.read_ms[place]:
                assert fleet.values[place, 0] == int(name[4:])
                assert fleet.read_ms[place] == read[name]
    fleet.tidy(at_ms)
    assert not fleet.overflow.episodes() or (fleet.table.full and fleet.episode[:4].all())
