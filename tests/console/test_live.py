"""The live fleet: what stands after messages in any order, and that it never takes more room than it was made for."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.live.fleet import Fleet
from console.live.ranking import Ranker, Wish
from console.live.standstill import SURE_MS
from console.live.states import STATES, now, states
from console.live.trends import MINUTES
from console.live.view import FleetView, text
from console.pages.fan import described
from console.ranges import Ranges
from fanwatch.bundles.anomaly import load
from fanwatch.bundles.verified import locate
from fanwatch.errors import InvalidReading
from fanwatch.logs import Log
from fanwatch.messages import topics
from fanwatch.messages.alarm import InvalidAlarm, encode_alarm
from fanwatch.messages.result import InvalidResult
from tests.support.console import alarm, now_ms, reading, result
from tests.support.live import NOW, VALUES, fleet_of, intake_of

OK = STATES.index("ok")


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(-90 * 60, 60), st.floats(0, 1000, width=32)), max_size=60
    )
)
@example([(number, 0, float(number)) for number in range(41)])
@settings(max_examples=60, deadline=None)
def test_the_newest_reading_stands_and_no_more_fans_than_it_was_made_for(
    came: list[tuple[int, int, float]],
) -> None:
    fleet = Fleet(16, silent_s=60)
    room = fleet.table.nbytes
    newest: dict[str, tuple[int, float]] = {}
    for number, second, value in came:
        device, ms = f"fan-{number}", NOW + second * 1000
        fleet.reading(device, ms, (value, value, value, value))
        if fleet.find(device) is not None and ms >= newest.get(device, (0, 0.0))[0]:
            newest[device] = ms, value
    assert len(fleet) == len(newest) <= 16
    assert fleet.table.nbytes == room
    for device, (ms, value) in newest.items():
        found = now(fleet, device, NOW)
        assert found is not None
        assert (found.read_ms, found.values[0]) == (ms, value)
    if len({number for number, _, _ in came}) > 16:
        assert fleet.hidden > 0


@given(st.lists(st.tuples(st.integers(0, 150), st.floats(0, 100, width=32)), min_size=1, max_size=80))
@example([(60, 1.0), (0, 5.0)])
@example([(0, 5.0), (60, 1.0), (1, 2.0)])
@settings(max_examples=60, deadline=None)
def test_a_trend_is_the_mean_of_each_minute_of_the_last_hour(came: list[tuple[int, float]]) -> None:
    fleet = Fleet(4, silent_s=60)
    first = NOW // 60_000
    wanted: dict[int, list[float]] = {}
    newest = 0
    for minute, value in came:
        fleet.reading("fan-1", (first + minute) * 60_000 + 500, (value,) * 4)
        if minute > newest - MINUTES:  # later ones are no part of the hour before the newest
            wanted.setdefault(minute, []).append(value)
        newest = max(newest, minute)
    line = fleet.trends.lines(0, first + newest)[2]
    for back in range(MINUTES):
        values = wanted.get(newest - back)
        at = float(line[MINUTES - 1 - back])
        assert at == pytest.approx(np.mean(values), rel=1e-4, abs=1e-3) if values else math.isnan(at)


def test_faulty_readings_are_seen_by_the_rule_of_grafana_and_a_repeated_result_counts_once() -> None:
    fleet = fleet_of("new", "well", "half", "repeated")
    fleet.alarm(alarm("well", "ok", "as usual", risk=0.01))

    def suspects_after(seconds: int) -> set[str]:
        for step in range(len(told), seconds):
            told.append(step)
            at_ms = NOW + step * 1000
            fleet.score("new", at_ms, 1, 0.9, "sound")
            # This one was scored for long before.
            fleet.score("well", at_ms, int(step >= 300), 0.9, "sound")
            fleet.score("half", at_ms, step % 2, 0.9, "sound")
            fleet.score("repeated", NOW, 1, 0.9, "sound")  # one result that comes again and again
        return {name for name, is_one in zip(fleet.names, fleet.faulty(), strict=True) if is_one}

    told: list[int] = []
    assert suspects_after(2) == set()
    assert suspects_after(3) == {"new"}
    # Of two minutes that were well, more than half have to be faulty; what the forecast says is no matter.
    assert suspects_after(350) == {"new"}
    assert suspects_after(362) == {"new", "well"}
    found = now(fleet, "well", NOW + 362_000)
    assert found is not None
    assert (found.state, found.cause) == ("suspect", "sound")


@given(st.lists(st.tuples(st.integers(1, 90), st.booleans()), max_size=60))
@example([(50, True)] * 7)
def test_faults_are_counted_of_the_last_two_minutes_or_of_the_last_results(
    came: list[tuple[int, bool]],
) -> None:
    fleet = fleet_of("fan-1")
    at_ms, results = NOW, [(NOW - 1000, False)]
    for seconds, fault in came:
        at_ms += seconds * 1000
        fleet.score("fan-1", at_ms, int(fault), 0.5, "sound")
        results.append((at_ms, fault))
    # By steps of ten seconds, of which the newest one is under way.
    newest = results[-1][0] // 10_000
    lately = [fault for ms, fault in results if newest - ms // 10_000 < 12]
    last = [fault for _, fault in results[-3:]]
    wanted = sum(lately) >= 3 and 2 * sum(lately) > len(lately)
    assert fleet.faulty()[0] == (wanted or (len(lately) < 3 and len(last) == 3 and all(last)))


def test_states_come_from_alarms_scores_and_silence() -> None:
    fleet = fleet_of("told", "scored", "quiet", "stopped", "new")
    fleet.reading("read", NOW, VALUES)
    fleet.alarm(alarm("told", "warning", "it changes", cause="sound"))
    fleet.alarm(alarm("stopped", "stopped", "it stands", cause="sound"))
    fleet.alarm(alarm("new", "unknown", "too little history", risk=None))
    fleet.heard_ms[fleet.place("quiet")] = NOW - 61_000
    fleet.heard_ms[fleet.place("stopped")] = NOW - 61_000  # that it is silent too is no news
    codes = states(fleet, NOW)
    found = {name: STATES[codes[place]] for place, name in enumerate(fleet.names)}
    assert found == {
        "told": "warning", "quiet": "silent", "stopped": "stopped", "new": "unknown", "read": "unknown",
        "scored": "unknown",  # its readings are called healthy, and nobody has judged it
    }  # fmt: skip
    fleet.listening_ms = NOW - 30_000  # who was not listened to is not called silent
    assert STATES[states(fleet, NOW)[2]] == "unknown"
    fleet.forget_alarm("told")
    assert STATES[states(fleet, NOW)[0]] == "unknown"


def test_a_fan_out_of_service_needs_nobody_whatever_its_readings_are() -> None:
    fleet = fleet_of("faulty", "silent", "still", "well")
    for name in ("faulty", "silent", "still"):
        fleet.alarm(alarm(name, "out-of-service", "Anna closed it.", risk=None))
    fleet.alarm(alarm("well", "ok", "as usual", risk=0.01))
    fleet.recall_results(fleet.place("faulty"), NOW, 50, 50)
    fleet.heard_ms[fleet.place("silent")] = NOW - 3_600_000
    for step in range(3):
        fleet.reading("still", NOW + step * SURE_MS, (0.0, 25.0, 2.0, 38.0))
    ranker = Ranker(fleet)
    ranking = ranker.rank(NOW)
    assert [STATES[code] for code in ranking.codes] == [*["out-of-service"] * 3, "ok"]
    assert not ranking.needs.any()
    assert [fleet.names[place] for place in ranking.order] == ["faulty", "silent", "still", "well"]
    told = described(now(fleet, "still", NOW) or pytest.fail("unknown"))
    assert (told["state"], told["why"], told["looks"]) == ("out-of-service", "Anna closed it.", ())


def test_a_fan_that_does_not_turn_is_not_called_healthy_before_the_forecast_has_spoken() -> None:
    still = (0.0, 25.0, 2.0, 38.0)
    fleet = fleet_of("new", "young", "well", "warned", "gone")
    fleet.alarm(alarm("young", "unknown", "too little history", risk=None))
    fleet.alarm(alarm("well", "ok", "as usual", risk=0.01))
    fleet.alarm(alarm("warned", "warning", "it changes", cause="sound"))
    for name in ("new", "young", "well", "warned", "gone"):
        for ms in (NOW, NOW + SURE_MS):
            fleet.reading(name, ms, still)
    fleet.heard_ms[fleet.place("gone")] = NOW - 61_000
    codes = states(fleet, NOW)
    found = {name: STATES[codes[place]] for place, name in enumerate(fleet.names)}
    assert found == {
        "new": "suspect", "young": "suspect", "well": "unknown", "warned": "stopped", "gone": "silent",
    }  # fmt: skip
    view = FleetView(fleet, Ranker(fleet), ())
    told = view.message(NOW)["words"]
    assert told["new"][1].startswith("It does not turn")
    assert told["well"][1] == "It does not turn just now, and was well while it turned."
    # It turns again, which is told though neither alarm nor state has changed.
    for ms in (NOW + 6000, NOW + 6000 + SURE_MS):
        fleet.reading("well", ms, VALUES)
    assert view.message(NOW + 6000 + SURE_MS)["words"] == {"well": ("", "", "", 0)}


def test_ranges_are_those_of_the_model_whose_results_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = locate(None)
    target = tmp_path / "models" / shipped.parent.name / "7"
    shutil.copytree(shipped, target)
    told = json.loads((target / "model.json").read_bytes())
    told["version"], told["features"][0]["healthy"]["low"] = 7, 444.0
    (target / "model.json").write_text(json.dumps(told), encoding="utf-8")
    fleet = fleet_of("fan-1")
    ranges, fixed = (Ranges(setting, fleet, Log("test")) for setting in (None, str(shipped)))
    monkeypatch.chdir(tmp_path)
    before = ranges.features
    assert before[0].healthy.low != 444.0
    payload = json.dumps(result("fan-1", 0.25) | {"model": "fan-anomaly@7"}).encode()
    intake_of(fleet).take(topics.RESULTS, payload)
    assert ranges.features[0].healthy.low == 444.0
    assert fixed.features == before
    fleet.model = "fan-anomaly@99"
    assert ranges.features == ()  # no other model's ranges in its place
    fleet.model = "../../fan-anomaly@1"
    assert ranges.features[0].healthy.low == 444.0  # no path from the wire: the newest that is here


def test_who_is_silent_or_suspect_is_not_so_since_its_forecast_spoke() -> None:
    fleet = fleet_of("fan-1")
    fleet.alarm(alarm("fan-1", "ok", "as usual", risk=0.01, since_ms=NOW - 3_600_000))
    for at_ms, since_ms in ((NOW, NOW - 3_600_000), (NOW + 61_000, 0)):
        found = now(fleet, "fan-1", at_ms)
        assert found is not None
        assert described(found)["since"] == since_ms


def test_a_healthy_fan_whose_risk_is_raised_says_so() -> None:
    fleet = fleet_of("calm", "raised")
    fleet.alarm(alarm("calm", "ok", "as usual", risk=0.05))
    fleet.alarm(alarm("raised", "ok", "as usual", risk=0.3))
    told = FleetView(fleet, Ranker(fleet), ()).message(NOW)["words"]
    assert (told["calm"][1], "risk is raised" in told["raised"][1]) == ("", True)


def test_a_fan_that_is_called_well_needs_somebody_once_its_readings_are_faulty() -> None:
    fleet = fleet_of("calm", "faulty")
    view = FleetView(fleet, Ranker(fleet), ())
    for name in fleet.names:
        fleet.alarm(alarm(name, "ok", "as usual", risk=0.01))
    told = view.message(NOW)
    assert (told["counts"][OK], told["needs"], told["faulty"]) == (2, 0, 0)
    for second in range(5):
        fleet.score("faulty", NOW + second * 1000, 1, 0.99, "sound")
    told = view.message(NOW + 5000)
    assert (told["counts"][OK], told["needs"], told["faulty"]) == (1, 1, 1)
    assert told["lead"][:3] == [
        "faulty",
        STATES.index("suspect"),
        "gives readings that are scored as faulty (sound)",
    ]
    assert told["words"] == {"faulty": ("Sound", "Most of the last readings were scored as faulty.", "", 0)}


def test_who_needs_a_person_first_comes_first_and_who_is_taken_care_of_after_that() -> None:
    fleet = fleet_of("fan-10", "fan-2", "a", "b", "c", "d", "e")
    fleet.alarm(alarm("a", "alarm", "soon", hours=(20, 40), risk=0.9))
    fleet.alarm(alarm("b", "alarm", "sooner", hours=(2, 4), risk=0.7))
    fleet.alarm(alarm("c", "stopped", "it stands", acknowledgedBy="kim"))
    fleet.alarm(alarm("d", "instrument", "stuck", cause="stuck", sensor="sound"))
    fleet.alarm(alarm("e", "warning", "it changes", cause="rotation"))
    ranker = Ranker(fleet)

    def names(**wish: object) -> list[str]:
        chosen = ranker.chosen(Wish(**wish), NOW)  # type: ignore[arg-type]
        return [fleet.names[place] for place in chosen]

    assert names() == ["b", "a", "e", "d", "c", "fan-2", "fan-10"]
    assert names(only="need") == ["b", "a", "e", "d"]
    assert names(only="hand") == ["c"]
    assert names(only="alarm") == ["b", "a"]
    assert names(search="ROTATION chang") == ["e"]
    assert names(sort="name") == ["a", "b", "c", "d", "e", "fan-2", "fan-10"]
    assert names(sort="risk")[0] == "a"
    assert names(sort="left", descending=True)[:2] == ["a", "b"]


def test_a_viewer_is_told_words_and_trends_only_when_they_change() -> None:
    fleet = fleet_of(*(f"fan-{number}" for number in range(50)))
    view = FleetView(fleet, Ranker(fleet), load(locate(None)).metadata.features)
    view.wish = Wish(first=0, count=10)
    first = view.message(NOW)
    assert (len(first["rows"]), len(first["lines"]), first["n"]) == (10, 10, 50)
    second = view.message(NOW + 1000)
    assert (len(second["rows"]), second["words"], second["lines"]) == (10, {}, {})
    fleet.alarm(alarm("fan-3", "alarm", "sound has risen", cause="sound", hours=(1, 2)))
    third = view.message(NOW + 2000)
    assert third["rows"][0][0] == "fan-3"
    assert third["words"] == {"fan-3": ("Sound", "Sound has risen.", "", 0)}
    assert third["lead"][:3] == ["fan-3", STATES.index("alarm"), "is likely to fail (sound)"]
    view.wish = Wish(first=45, count=400)
    assert len(view.message(NOW + 3000)["rows"]) == 5
    assert len(json.dumps(second)) < 2000


def test_a_trend_as_text_has_the_levels_of_its_scale_and_blanks_for_gaps() -> None:
    line = np.array([np.nan, 0.0, 50.0, 100.0, 400.0, -9.0], np.float32)
    assert text(line, 0.0, 100.0) == " #?[[#"
    assert text(np.full(3, np.nan, np.float32), 0.0, 1.0) == ""


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (topics.READINGS, b"{"),
        (topics.READINGS, json.dumps(reading("not a name!")).encode()),
        (topics.READINGS, json.dumps(reading("fan-1") | {"sound": "loud"}).encode()),
        (topics.READINGS, json.dumps(reading("fan-1")).replace("47.9", "1e999").encode()),
        (topics.READINGS, json.dumps(reading("fan-1")).replace("47.9", "NaN").encode()),
        (topics.READINGS, json.dumps(reading("fan-1") | {"timeStamp": "yesterday"}).encode()),
        (topics.READINGS, json.dumps(reading("fan-1") | {"pad": "x" * 40_000}).encode()),
        ("fan/fan-2/messages", json.dumps(reading("fan-1")).encode()),
        (topics.RESULTS, json.dumps(result("../etc", 0.5)).encode()),
        (topics.RESULTS, b"\xff\xfe"),
        ("fan/fan-2/alarm", encode_alarm(alarm("fan-1", "ok", "fine"))),
    ],
)
def test_what_the_rest_would_refuse_changes_nothing(topic: str, payload: bytes) -> None:
    fleet = Fleet(10, silent_s=60)
    with pytest.raises((InvalidReading, InvalidResult, InvalidAlarm)):
        intake_of(fleet).take(topic, payload)
    assert len(fleet) == 0


def test_a_fan_whose_past_is_played_in_is_not_silent_and_shows_the_hour_that_is_played() -> None:
    fleet = Fleet(4, silent_s=60)
    past, minute = NOW - 86_400_000, NOW // 60_000
    for step in range(3):
        fleet.reading("fan-1", past + step * 60_000, VALUES, NOW)
    fleet.score("fan-1", past, 0, 0.1, None)
    found = now(fleet, "fan-1", NOW)
    assert found is not None
    assert (found.state, found.read_ms) == ("unknown", past + 120_000)
    # What is left of the time is counted from there, and the page says that this is no news.
    assert fleet.clock_of("fan-1", NOW) == past + 120_000
    message = FleetView(fleet, Ranker(fleet), ()).message(NOW)
    assert (message["past"], message["rows"][0][-1]) == (past + 120_000,) * 2
    assert fleet.trend_end(0, minute) == (past + 120_000) // 60_000
    assert np.isfinite(fleet.trends.lines(0, fleet.trend_end(0, minute))[0]).sum() == 3
    late = now(fleet, "fan-1", NOW + 61_000)
    assert late is not None
    assert late.state == "silent"
    fleet.reading("fan-1", NOW, VALUES, NOW)
    assert fleet.trend_end(0, minute) == minute
    assert fleet.clock_of("fan-1", NOW) == 0
    assert FleetView(fleet, Ranker(fleet), ()).message(NOW)["past"] == 0


def test_the_intake_takes_readings_results_and_alarms() -> None:
    fleet = Fleet(10, silent_s=60)
    intake = intake_of(fleet)
    ms = now_ms()
    intake.take("fan/fan-1/messages", json.dumps(reading("fan-1", ms, sound=50.5)).encode())
    intake.take(topics.RESULTS, json.dumps(result("fan-1", 0.25, ms)).encode())
    intake.take("fan/fan-1/alarm", encode_alarm(alarm("fan-1", "warning", "it changes", cause="sound")))
    found = now(fleet, "fan-1", ms)
    assert found is not None
    assert (found.values[3], found.probability, found.state) == (50.5, 0.25, "warning")
    intake.take("fan/fan-1/alarm", b"")
    assert not fleet.all_alarms()
