"""What is no trouble fires nothing: a new machine, a night switched off, restarts, backlogs, history played in."""

import pytest

from tests.support.alert_fleet import Fleet, Reading
from tests.support.alert_store import at_ms as at_ms
from tests.support.alert_store import influx as influx
from tests.support.alert_store import store_url as store_url
from tests.support.alerting import Watch, evaluate, rules

RULES = rules()


def names_told(fleet: Fleet, url: str, minutes: float) -> set[str]:
    """Rules that are told of while time passes; looks every 30 s, after ten minutes every minute."""
    watches = {name: Watch(url, rule) for name, rule in RULES.items()}
    found: set[str] = set()
    end_ms = fleet.at_ms + minutes * 60_000
    while fleet.at_ms < end_ms:
        fleet.run(0.5 if end_ms - fleet.at_ms > (minutes - 10) * 60_000 else 1)
        found |= {name for name, watch in watches.items() if watch.look(fleet.at_ms)}
    return found


@pytest.fixture
def fleet(store_url: str, at_ms: int) -> Fleet:
    """Six fans that have been well for a while, and their pipeline."""
    made = Fleet(store_url, at_ms)
    made.run(42)
    return made


def test_an_empty_store(store_url: str) -> None:
    found = {name: evaluate(store_url, rule) for name, rule in RULES.items()}
    assert {name for name, seen in found.items() if seen.state != "NoData" or seen.firing} == set()


def test_a_new_machine_from_its_first_point_on(store_url: str, at_ms: int) -> None:
    assert names_told(Fleet(store_url, at_ms), store_url, 45) == set()


def test_a_pipeline_without_a_fan(store_url: str, at_ms: int) -> None:
    assert names_told(Fleet(store_url, at_ms, fans=0), store_url, 45) == set()


@pytest.mark.parametrize("hours", [0.2, 12])
def test_a_machine_that_was_switched_off(store_url: str, at_ms: int, hours: float) -> None:
    """Its counters begin anew, Telegraf is there last, and the fans find back one after the other."""
    fleet = Fleet(store_url, at_ms - int(hours * 3_600_000))
    fleet.run(42)
    fleet.down = {"machine"}
    fleet.run(60 * hours)
    for part in ("connector", "telegraf", "broker"):
        fleet.restart(part)
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    told = set()
    for minutes, down, silent in (
        (0.5, {"telegraf"}, fleet.fans),
        (1, {"scoring", "connector"}, fleet.fans),
        (1, set(), fleet.fans[3:]),
        (7, set(), []),
        (50, set(), []),
    ):
        fleet.down, fleet.silent = set(down), set(silent)
        for _ in range(int(minutes * 2) if minutes < 10 else int(minutes)):
            fleet.run(0.5 if minutes < 10 else 1)
            told |= {name for name, watch in watches.items() if watch.look(fleet.at_ms)}
    assert told == set()


def test_a_fan_that_is_gone_after_a_night(store_url: str, at_ms: int) -> None:
    """What is no trouble at first is one in the end."""
    fleet = Fleet(store_url, at_ms - 12 * 3_600_000)
    fleet.run(42)
    fleet.down = {"machine"}
    fleet.run(12 * 60)
    fleet.down = set()
    fleet.silent = {"fan-03"}
    assert names_told(fleet, store_url, 5) == {"fan-silent"}


@pytest.mark.parametrize("part", ["connector", "telegraf", "broker"])
def test_a_part_that_starts_again(fleet: Fleet, store_url: str, part: str) -> None:
    fleet.counters.update({"broker dropped": 100, "telegraf dropped value": 50})
    fleet.run(20)
    fleet.down = {part}
    fleet.run(1 / 3)
    fleet.down = set()
    fleet.restart(part)
    assert names_told(fleet, store_url, 15) == set()


def test_telegraf_that_was_away_for_minutes(store_url: str, at_ms: int) -> None:
    """What it gets in its first seconds is in none of its counters; what was scored meanwhile is in the connector's."""
    fleet = Fleet(store_url, at_ms, fans=20)
    fleet.run(42)
    fleet.down = {"telegraf"}
    fleet.run(5)
    fleet.down = set()
    fleet.restart("telegraf")
    fleet.each_step = 5000
    assert names_told(fleet, store_url, 15) == set()


def test_single_false_positives(fleet: Fleet, store_url: str) -> None:
    """Two in a row of one fan, each five minutes: a hundred times what the net gets wrong."""
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    for _ in range(4):
        fleet.faulty = set(fleet.fans)
        fleet.run(1 / 3)
        fleet.faulty = set()
        for _ in range(10):
            fleet.run(0.5)
            assert not [name for name, watch in watches.items() if watch.look(fleet.at_ms)]


def test_a_slow_sensor_whose_first_results_are_false(fleet: Fleet, store_url: str) -> None:
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    for faulty in (True, True, False, False, False, False):
        fleet.publish([("slow", fleet.at_ms + 10_000, faulty)])
        for _ in range(5):
            fleet.run(1 / 6)
            assert not [name for name, watch in watches.items() if watch.look(fleet.at_ms)]


@pytest.mark.parametrize(("part", "each_step"), [("store", 400), ("telegraf", 20), ("scoring", 20)])
def test_a_backlog_that_is_worked_off(fleet: Fleet, store_url: str, part: str, each_step: int) -> None:
    """After 50 minutes; quickly, and so slowly that it takes a quarter of an hour."""
    fleet.down = {part}
    fleet.run(50)
    fleet.down = set()
    fleet.each_step = each_step
    assert names_told(fleet, store_url, 30) == set()


def history(fleet: Fleet, fans: list[str], days: int, every_s: int) -> list[Reading]:
    """Readings of these fans, in the order of their times, ending now."""
    first = fleet.at_ms - days * 86_400_000
    return [(fan, at, False) for at in range(first, fleet.at_ms, every_s * 1000) for fan in fans]


def test_a_week_that_is_played_in_before_what_is_live(fleet: Fleet, store_url: str) -> None:
    """Everything else waits behind it; then its fans go on live."""
    fans = [f"new-{number}" for number in range(3)]
    fleet.publish(history(fleet, fans, 7, 60))
    fleet.fans += fans
    assert names_told(fleet, store_url, 30) == set()


def test_the_forecast_that_waits_for_days_that_are_played_in(fleet: Fleet, store_url: str) -> None:
    """`make run` calls it once they are stored; here that takes longer than it may be away."""
    fleet.down = {"forecast"}
    fleet.each_step = 20
    fleet.publish(history(fleet, ["new-0", "new-1"], 2, 120))
    watch = Watch(store_url, RULES["forecasts-stopped"])
    while fleet.waiting > 100:
        fleet.run(1)
        assert watch.look(fleet.at_ms) == []
    fleet.down = set()
    for _ in range(20):
        fleet.run(1)
        assert watch.look(fleet.at_ms) == []


@pytest.mark.parametrize(("number", "every_s"), [(2, 120), (8, 480)])
def test_days_that_are_played_in_beside_what_is_live(
    fleet: Fleet, store_url: str, number: int, every_s: int
) -> None:
    """Of a few fans, and of most; at a pace at which means are made of their last day meanwhile."""
    fans = [f"new-{index}" for index in range(number)]
    readings = history(fleet, fans, 2, every_s)
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    for start in range(0, len(readings), 60):
        fleet.publish(readings[start : start + 60])
        fleet.run(0.5)
        assert not [name for name, watch in watches.items() if watch.look(fleet.at_ms)]
    fleet.fans += fans
    assert names_told(fleet, store_url, 5) == set()


def test_history_that_comes_faster_than_it_is_worked_off(fleet: Fleet, store_url: str) -> None:
    """For 20 minutes; what is live waits among it. Then it stops, and the backlog goes."""
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    fans, first = [f"new-{index}" for index in range(20)], fleet.at_ms - 7 * 86_400_000
    fleet.each_step = 100
    most, told = 0, set()
    for minute in range(30):
        for step in range(6):
            at = first + (minute * 6 + step) * 40_000
            if minute < 20:
                fleet.publish([(fan, at + part * 5_000, False) for part in range(6) for fan in fans])
            fleet.run(1 / 6)
        most = max(most, fleet.waiting)
        told |= {name for name, watch in watches.items() if watch.look(fleet.at_ms)}
    assert most > 4000
    assert told == set()


def test_a_backlog_of_an_outage_is_not_told_of_beside_it(store_url: str, at_ms: int) -> None:
    fleet = Fleet(store_url, at_ms, fans=60)
    fleet.run(42)
    fleet.down = {"scoring"}
    watches = {name: Watch(store_url, RULES[name]) for name in ("scoring-away", "backlog-growing")}
    told = set()
    for _ in range(25):
        fleet.run(1)
        told |= {name for name, watch in watches.items() if watch.look(fleet.at_ms)}
    assert fleet.waiting > 5000
    assert told == {"scoring-away"}
