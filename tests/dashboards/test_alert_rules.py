"""Each rule on a real store: it fires on its trouble, within its time, and nothing else does."""

import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.alert_fleet import Fleet
from tests.support.alert_store import at_ms as at_ms
from tests.support.alert_store import influx as influx
from tests.support.alert_store import store_url as store_url
from tests.support.alerting import Watch, evaluate, rules
from tests.support.influx import Influx

RULES = rules()
Told = dict[str, tuple[float, list[str]]]


@pytest.fixture
def fleet(store_url: str, at_ms: int) -> Fleet:
    """Six fans that have been well for a while, and their pipeline."""
    made = Fleet(store_url, at_ms)
    made.run(42)
    return made


def told(fleet: Fleet, url: str, minutes: float) -> Told:
    """Lets time pass and looks every 30 s: rule, minutes until it was told of for the first time, its labels then."""
    watches = {name: Watch(url, rule) for name, rule in RULES.items()}
    found: Told = {}
    began_ms = fleet.at_ms
    while fleet.at_ms - began_ms < minutes * 60_000:
        fleet.run(0.5)
        for name, watch in watches.items():
            labels = watch.look(fleet.at_ms)
            if labels and name not in found:
                values = [" ".join(each.values()) for each in labels]
                found[name] = ((fleet.at_ms - began_ms) / 60_000, sorted(values))
    return found


def silent(fleet: Fleet) -> None:
    fleet.silent = {"fan-01"}


def half_silent(fleet: Fleet) -> None:
    fleet.silent = {"fan-01", "fan-02", "fan-03"}


def refused(fleet: Fleet) -> None:
    fleet.refused = {"fan-01"}


def all_refused(fleet: Fleet) -> None:
    fleet.refused = set(fleet.fans)


def most_refused(fleet: Fleet) -> None:
    fleet.refused = set(fleet.fans[:4])


def behind(fleet: Fleet) -> None:
    fleet.behind = {"fan-01": 7 * 3_600_000, "fan-02": 120_000}


def most_silent(fleet: Fleet) -> None:
    fleet.silent = set(fleet.fans[:4])


def all_silent(fleet: Fleet) -> None:
    fleet.silent = set(fleet.fans)


def faulty(fleet: Fleet) -> None:
    fleet.faulty = {"fan-02"}


def several_faulty(fleet: Fleet) -> None:
    fleet.faulty = set(fleet.fans[:4])


def without(*parts: str) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.down.update(parts)


def gauge(name: str, value: int, **others: float) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.gauges.update({name: value, **others})


def counted(name: str) -> Callable[[Fleet], None]:
    return lambda fleet: fleet.counters.update({name: 3})


def dead_letter(fleet: Fleet) -> None:
    fleet.write([f'dead_letter id="a1",reason="unscorable" {fleet.at_ms - 60_000}'])


def id_taken(fleet: Fleet) -> None:
    """An id that goes from one Telegraf to another; the connector's once, whose old connection was still there."""
    taken = [("fanwatch-telegraf-anomaly", second) for second in range(0, 50, 10)] + [
        ("fanwatch-connector-0", 5)
    ]
    fleet.write(
        [
            f'takeover,client={client} value=1i,id="{client}" {fleet.at_ms - 1000 * second}'
            for client, second in taken
        ]
    )


def unreadable(fleet: Fleet) -> None:
    fleet.unreadable = 2


def certificate(fleet: Fleet) -> None:
    fleet.write(
        [
            f"x509_cert,source={source},common_name=mosquitto expiry={days * 86_400}i {fleet.at_ms}"
            for source, days in (("tcp://mosquitto:8883", 13), ("tcp://influxdb:8086", 15))
        ]
    )


TROUBLES: list[tuple[Callable[[Fleet], None], float, dict[str, list[str]], float]] = [
    (silent, 4, {"fan-silent": ["fan-01"]}, 2.5),
    (half_silent, 4, {"fan-silent": ["fan-01", "fan-02", "fan-03"]}, 2.5),
    (refused, 4, {"readings-not-usable": ["fan-01"], "dead-letters": [""]}, 2.5),
    (
        most_refused,
        5,
        {"readings-not-usable": ["fan-00", "fan-01", "fan-02", "fan-03"], "dead-letters": [""]},
        2.5,
    ),
    (behind, 4, {"readings-not-usable": ["fan-01", "fan-02"]}, 3.5),
    (most_silent, 5, {"many-fans-silent": [""]}, 3.5),
    (all_silent, 4, {"ingest-stopped": [""]}, 3),
    (faulty, 4, {"fan-needs-you": ["fan-02"]}, 2),
    (several_faulty, 4, {"fan-needs-you": ["fan-00", "fan-01", "fan-02", "fan-03"]}, 2),
    (without("telegraf"), 4, {"storing-stopped": [""]}, 3.5),
    (without("scoring"), 4, {"scoring-away": [""]}, 2.5),
    (without("connector"), 4, {"part-down": ["connector"]}, 2.5),
    (without("gateway"), 4, {"part-down": ["gateway"], "scoring-away": [""]}, 2.5),
    (without("forecast"), 36, {"forecasts-stopped": [""]}, 33),
    (unreadable, 24, {"fans-not-forecast": [""]}, 22.5),
    (without("rollup"), 58, {"means-behind": [""]}, 58),
    (id_taken, 1, {"client-id-used-twice": ["fanwatch-telegraf-anomaly"]}, 0.5),
    (dead_letter, 1, {"dead-letters": [""]}, 0.5),
    (counted("telegraf dropped value"), 1, {"messages-dropped": ["telemetry value"]}, 0.5),
    (counted("telegraf rejected"), 1, {"points-refused": [""]}, 0.5),
    (counted("broker dropped"), 1, {"broker-drops": [""]}, 0.5),
    (gauge("stored_bytes", 420_000_000), 1, {"backlog-near-its-limit": [""]}, 0.5),
    (
        gauge("stored_bytes", 52_000_000, queue_limit_bytes=64 << 20),
        1,
        {"backlog-near-its-limit": [""]},
        0.5,
    ),
    (
        gauge("disk_free_bytes", 4_000_000_000, disk_used_percent=92.0),
        11,
        {"disk-nearly-full": [""]},
        6,
    ),
    (gauge("store_bytes", 44_000_000_000), 11, {"store-volume-nearly-full": [""]}, 6),
    (certificate, 1, {"certificate-near-its-end": ["mosquitto tcp://mosquitto:8883"]}, 0.5),
]


@pytest.mark.parametrize(("trouble", "minutes", "rule", "within"), TROUBLES)
def test_each_trouble_fires_its_rule_in_time_and_no_other(
    fleet: Fleet,
    store_url: str,
    trouble: Callable[[Fleet], None],
    minutes: float,
    rule: dict[str, list[str]],
    within: float,
) -> None:
    trouble(fleet)
    found = told(fleet, store_url, minutes)
    assert {name: labels for name, (_, labels) in found.items()} == rule
    assert max(after for after, _ in found.values()) <= within


def test_a_forecast_that_fails_once_is_nobodys_business_and_one_that_goes_on_is_quiet(
    fleet: Fleet, store_url: str
) -> None:
    names = ("forecasts-stopped", "fans-not-forecast")
    watches = {name: Watch(store_url, RULES[name]) for name in names}

    def looks(minutes: int) -> set[str]:
        found = set()
        for _ in range(minutes):
            fleet.run(1)
            found |= {name for name, watch in watches.items() if watch.look(fleet.at_ms)}
        return found

    unreadable(fleet)
    assert looks(10) == set()
    fleet.unreadable = 0
    assert looks(20) == set()
    fleet.down = {"forecast"}
    assert looks(45) == {"forecasts-stopped"}
    # Nothing is scored, so that another alert speaks; then it goes on.
    fleet.down = {"forecast", "scoring"}
    fleet.run(12)
    assert watches["forecasts-stopped"].look(fleet.at_ms) == []
    fleet.down = {"forecast"}
    assert looks(20) == {"forecasts-stopped"}
    fleet.down = set()
    fleet.run(11)
    assert looks(5) == set()
    # A month after it was taken away it is missed no longer.
    day_ms = 86_400_000
    assert evaluate(store_url, RULES["forecasts-stopped"], fleet.at_ms + 32 * day_ms).state == "NoData"


def test_results_that_are_scored_and_not_stored(store_url: str, at_ms: int) -> None:
    fleet = Fleet(store_url, at_ms, fans=20)
    fleet.run(42)
    fleet.down = {"anomaly input"}
    assert told(fleet, store_url, 8) == {"stored-behind-scored": (pytest.approx(5, abs=2), [""])}


def test_a_backlog_that_grows(fleet: Fleet, store_url: str) -> None:
    """Not when much comes at once, and not while it stands or shrinks."""
    watch = Watch(store_url, RULES["backlog-growing"])
    seen = []
    for change in [9000] + [0] * 29 + [150] * 60 + [0] * 30 + [-150] * 60:
        fleet.extra_messages += change
        fleet.run(0.5)
        seen.append(bool(watch.look(fleet.at_ms)))
    assert not any(seen[:30])
    assert seen[70:90] == [True] * 20
    assert not any(seen[112:])


def test_most_of_a_large_fleet_that_is_faulty_is_one_alert(store_url: str, at_ms: int) -> None:
    fleet = Fleet(store_url, at_ms, fans=18)
    fleet.run(42)
    fleet.faulty = set(fleet.fans[:9])
    assert {name: len(labels) for name, (_, labels) in told(fleet, store_url, 4).items()} == {
        "fan-needs-you": 9
    }
    fleet.faulty = set(fleet.fans[:12])
    fleet.run(3)
    found = {
        name: evaluate(store_url, RULES[name], fleet.at_ms) for name in ("fan-needs-you", "many-fans-faulty")
    }
    assert found["fan-needs-you"].state == "Normal"
    assert found["many-fans-faulty"].firing == [{}]


@pytest.mark.parametrize(
    ("severity", "rule"),
    [
        (0, None), (1, None), (2, "instrument-alarm"), (3, "fan-needs-you"), (4, "fan-needs-you"),
        (5, "fan-needs-you"),
    ],
)  # fmt: skip
def test_what_forecast_fan_says(fleet: Fleet, store_url: str, severity: int, rule: str | None) -> None:
    """The last word of each fan counts, however old it is, until another one comes."""
    day_ms = 86_400_000
    fleet.say("fan-01", severity, ago_ms=5 * day_ms)
    fleet.say("fan-02", 4, ago_ms=6 * day_ms)
    fleet.say("fan-02", 0, ago_ms=day_ms)
    fleet.say("fan-03", severity, in_hand=True, ago_ms=day_ms)
    found = told(fleet, store_url, 13)
    assert {name: labels for name, (_, labels) in found.items()} == ({rule: ["fan-01"]} if rule else {})
    fleet.say("fan-01", 0)
    assert told(fleet, store_url, 1) == {}


def test_a_fan_out_of_service_is_nobodys_business(fleet: Fleet, store_url: str) -> None:
    """Whatever its readings are scored as, and where none come; once it turns it is as any other."""
    fleet.say("fan-01", 5, ago_ms=3_600_000)
    fleet.say("fan-01", -1)
    fleet.faulty = {"fan-01"}
    assert told(fleet, store_url, 6) == {}
    fleet.silent = {"fan-01"}
    assert told(fleet, store_url, 6) == {}
    fleet.say("fan-01", 0)
    assert set(told(fleet, store_url, 3)) == {"fan-silent"}


@pytest.mark.parametrize(("severity", "urgent"), [(3, False), (4, True), (5, True)])
def test_what_can_wait_is_told_once_it_was_said_again(
    fleet: Fleet, store_url: str, severity: int, urgent: bool
) -> None:
    """A run that falls into the playing of days may warn, and the next one, ten minutes later, take it back."""
    fleet.say("fan-01", severity)
    found = told(fleet, store_url, 14)
    assert {name: labels for name, (_, labels) in found.items()} == {"fan-needs-you": ["fan-01"]}
    assert (found["fan-needs-you"][0] <= 1.5) == urgent
    assert found["fan-needs-you"][0] <= 13.5


def test_a_fan_without_readings_keeps_its_alert(fleet: Fleet, store_url: str) -> None:
    """Nothing arrives any more, of any fan: what was said of one still holds."""
    fleet.say("fan-01", 5)
    watch = Watch(store_url, RULES["fan-needs-you"])
    watch.look(fleet.at_ms + 1000)
    assert watch.look(fleet.at_ms + 86_400_000) == [{"deviceID": "fan-01"}]


def test_a_store_that_is_away_is_one_alert_and_the_others_stay_as_they_were(
    tmp_path: pytest.TempPathFactory, store_url: str, influx: Influx, at_ms: int
) -> None:
    fleet = Fleet(store_url, at_ms)
    fleet.run(42)
    silent(fleet)
    fleet.run(2)
    watches = {name: Watch(store_url, rule) for name, rule in RULES.items()}
    for _ in range(4):
        fleet.run(0.5)
        for watch in watches.values():
            watch.look(fleet.at_ms)
    before = {name for name, watch in watches.items() if watch.alerting}
    assert before == {"fan-silent"}
    influx.stop()
    try:
        seen = [
            {name for name, watch in watches.items() if watch.look(fleet.at_ms + seconds * 1000)}
            for seconds in (10, 40)
        ]
        assert evaluate(store_url, RULES["store-away"]).state == "Error"
    finally:
        influx.start()
        influx.wait()
    assert seen == [{"fan-silent"}, {"fan-silent", "store-away"}]
    assert watches["store-away"].look(fleet.at_ms + 70_000) == []


def test_a_store_without_its_database_is_a_store_that_is_away(store_url: str, influx: Influx) -> None:
    form = b"q=DROP DATABASE fanwatch"
    with urllib.request.urlopen(f"{store_url}/query", data=form, timeout=20):
        pass
    firing = {name for name, rule in RULES.items() if evaluate(store_url, rule).firing}
    assert firing == {"store-away"}
