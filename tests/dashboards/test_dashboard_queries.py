"""Every query of every dashboard on a real InfluxDB: what it says of a small fleet, and nothing on an empty store."""

import math
from itertools import pairwise
from typing import Any

import pytest

from dashboards.outcome import REASONS
from dashboards.page import FAN, FLEET, MODEL, PIPELINE
from tests.dashboards.fill import (
    BROKEN,
    EVERY_MS,
    FAILED_FOR_MS,
    FAILING,
    FANS,
    HOUR_MS,
    MINUTE_MS,
    OUT,
    QUIET,
    QUIET_FOR_MS,
    RAW_FOR_MS,
    THRESHOLD,
    WELL,
    WINDOW_MS,
    Fleet,
)
from tests.dashboards.fill import (
    MODEL as MODEL_NAME,
)
from tests.support import grafana
from tests.support.grafana import Rows
from tests.support.grafana_frames import series, table
from tests.support.influx import Influx

VARIABLES = {"deviceID": [WELL, FAILING, BROKEN], "attention": list(FANS), "model": [MODEL_NAME]}
DAY_MS = 24 * HOUR_MS


class Shown:
    """The panels of one dashboard on the filled store."""

    def __init__(self, fleet: Fleet, uid: str) -> None:
        self._fleet = fleet
        self.dashboard = grafana.dashboard(uid)

    def rows(self, title: str, range_ms: int = 3 * HOUR_MS, **variables: list[str]) -> dict[str, Rows]:
        return grafana.run(
            self._fleet.store,
            grafana.panel(self.dashboard, title),
            range_ms=range_ms,
            variables=VARIABLES | variables,
            now_ms=self._fleet.now_ms,
        )

    def value(self, title: str) -> Any:
        """The one value of a figure; None where it has none."""
        (rows,) = self.rows(title).values()
        assert len(rows) <= 1
        return next((value for key, value in rows[0].items() if key != "time"), None) if rows else None

    def series(self, title: str, range_ms: int = 3 * HOUR_MS, **variables: list[str]) -> dict[str, list[Any]]:
        """Values by the name of their series."""
        panel, rows = grafana.panel(self.dashboard, title), self.rows(title, range_ms, **variables)
        return {
            each.name: each.values
            for target in panel["targets"]
            for each in series(target, rows[target["refId"]])
        }

    def table(self, title: str) -> Rows:
        return table(grafana.panel(self.dashboard, title), self.rows(title))[1]


@pytest.fixture
def shown(fleet: Fleet, request: pytest.FixtureRequest) -> Shown:
    """The dashboard that the test's parameter names."""
    return Shown(fleet, request.param)


on = lambda uid: pytest.mark.parametrize("shown", [uid], indirect=True)  # noqa: E731


@on(FLEET)
@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Fans reporting", 4),
        ("Well", 2),
        ("Not judged", None),
        ("Silent", 1),
        ("Faulty", 1),
        ("In alarm", 1),
        ("Broken sensors", 1),
    ],
)
def test_the_fleet_is_counted(shown: Shown, title: str, expected: int | None) -> None:
    assert shown.value(title) == expected


@on(FLEET)
def test_readings_are_counted_by_the_second(shown: Shown) -> None:
    assert shown.value("Readings stored") == pytest.approx(4 * 1000 / EVERY_MS, rel=0.1)


@on(FLEET)
def test_the_table_puts_what_needs_a_person_first(shown: Shown) -> None:
    rows = shown.table("What needs a person first")
    assert [row["Fan"] for row in rows[:3]] == [FAILING, QUIET, BROKEN]
    assert {row["Fan"] for row in rows} == set(FANS)
    assert [math.floor(row["Needs"]) for row in rows] == [8, 6, 3, 0, -100]
    assert (rows[3]["Fan"], rows[4]["Fan"], rows[4]["Alarm"]) == (WELL, OUT, "out-of-service")
    worst, silent, broken = rows[:3]
    assert (worst["Cause"], worst["Alarm"]) == ("vibration", "alarm")
    assert worst["Why"] == "vibration has risen for ten minutes"
    assert worst["Score"] > 0.9
    assert worst["Vibration"] > 200
    assert broken["Quality"] == "implausible"
    assert broken["Score"] is None
    assert broken["Sound"] == 0
    seen_ms = {row["Fan"]: row["Last seen"] // 1_000_000 for row in rows}
    assert seen_ms[FAILING] - seen_ms[QUIET] == QUIET_FOR_MS
    assert silent["Alarm"] == "ok"


@on(FLEET)
def test_the_timeline_shows_when_it_failed_and_went_silent(shown: Shown) -> None:
    found = shown.series("State over time of the fans that need attention")
    assert set(found) == set(FANS)
    failed_minutes = FAILED_FOR_MS // 60_000
    # The minute that has just begun is empty.
    assert found[FAILING][-failed_minutes - 1 : -1] == [1] * failed_minutes
    assert set(found[FAILING][-failed_minutes - 31 : -failed_minutes - 1]) == {0}
    silent_minutes = QUIET_FOR_MS // 60_000
    assert found[QUIET][-silent_minutes - 1 :] == [None] * (silent_minutes + 1)
    assert found[QUIET][-silent_minutes - 2] == 0
    assert set(found[BROKEN][-30:-1]) == {-1}
    # Before the first reading there is nothing, not silence.
    assert found[WELL][0] is None


@on(FLEET)
def test_the_timeline_of_a_week_comes_from_the_means(shown: Shown) -> None:
    found = shown.series("State over time of the fans that need attention", 7 * DAY_MS)
    kept = [value for value in found[FAILING] if value is not None]
    assert len(kept) > 20
    assert kept[0] == 0
    # One of the three windows in the last half hour was faulty from its beginning.
    assert kept[-1] == pytest.approx(1 / 3)
    assert {value for value in found[BROKEN] if value is not None} == {-1}


@on(FLEET)
@pytest.mark.parametrize("range_ms", [HOUR_MS, 3 * HOUR_MS, DAY_MS, 7 * DAY_MS])
def test_the_signals_of_the_fleet_reach_from_means_to_the_last_reading(shown: Shown, range_ms: int) -> None:
    found = shown.series("Temperature", range_ms)
    assert set(found) == {"mean", "highest", "lowest"}
    assert found["mean"][0] == pytest.approx(40, abs=1)
    assert found["highest"][-1] > 50
    assert 35 < found["lowest"][-1] < 41
    assert all(low <= high for low, high in zip(found["lowest"], found["highest"], strict=True))


@on(FLEET)
@pytest.mark.parametrize("range_ms", [3 * HOUR_MS, DAY_MS])
def test_means_and_raw_points_leave_no_gap_between_them(shown: Shown, fleet: Fleet, range_ms: int) -> None:
    for rows in shown.rows("Sound", range_ms).values():
        times_ms = [row["time"] // 1_000_000 for row in rows]
        edges = [fleet.now_ms - range_ms, *times_ms, fleet.now_ms]
        assert max(after - before for before, after in pairwise(edges)) <= WINDOW_MS
        # By the minute, or by five over a day, where raw points are.
        assert max(after - before for before, after in pairwise(times_ms[-4:])) <= 5 * MINUTE_MS


@on(FLEET)
def test_the_hidden_variable_offers_whoever_needs_attention(shown: Shown, fleet: Fleet) -> None:
    offered = grafana.options(fleet.store, shown.dashboard, "attention", now_ms=fleet.now_ms)
    assert {FAILING, QUIET, BROKEN} <= set(offered)
    assert set(offered) <= set(FANS)


@on(FAN)
def test_the_variable_offers_every_fan(shown: Shown, fleet: Fleet) -> None:
    assert grafana.options(fleet.store, shown.dashboard, "deviceID") == list(FANS)


@on(FAN)
def test_one_fan_and_several_are_asked_for(shown: Shown) -> None:
    assert set(shown.series("Rotation", deviceID=[FAILING])) == {FAILING}
    assert set(shown.series("Rotation")) == {WELL, FAILING, BROKEN}
    assert [row["Fan"] for row in shown.table("Now")] == [FAILING, BROKEN, WELL]


@on(FAN)
@pytest.mark.parametrize(
    ("title", "healthy", "worn"),
    [
        ("Rotation", 600, 440),
        ("Temperature", 40, 52),
        ("Vibration, as in the history file", 150, 235),
        ("Sound", 48.5, 57.5),
    ],
)
def test_the_signals_of_a_fan_show_when_it_failed(
    shown: Shown, title: str, healthy: float, worn: float
) -> None:
    values = [value for value in shown.series(title)[FAILING] if value is not None]
    assert values[0] == pytest.approx(healthy, rel=0.1)
    assert values[-1] == pytest.approx(worn, rel=0.1)
    assert len(values) == RAW_FOR_MS // 10_000
    of_a_week = [value for value in shown.series(title, 7 * DAY_MS)[FAILING] if value is not None]
    assert of_a_week[-1] == pytest.approx(worn, rel=0.1)


@on(FAN)
def test_probability_stands_against_its_threshold(shown: Shown) -> None:
    found = shown.series("Probability of a fault")
    assert set(found) == {WELL, FAILING, BROKEN, "threshold"} or set(found) == {WELL, FAILING, "threshold"}
    assert set(found["threshold"]) == {THRESHOLD}
    assert [value for value in found[FAILING] if value is not None][-1] > THRESHOLD
    assert max(value for value in found[WELL] if value is not None) < THRESHOLD


@on(FAN)
def test_cause_quality_and_state_are_those_of_the_results(shown: Shown) -> None:
    causes = shown.series("Cause of faults")
    assert [value for value in causes[FAILING] if value] == ["vibration"] * (FAILED_FOR_MS // 60_000)
    assert not any(causes.get(WELL, []))
    assert set(shown.series("Results that are not ok")) == {f"implausible {BROKEN}"}
    assert sum(shown.series("Results that are not ok")[f"implausible {BROKEN}"]) == RAW_FOR_MS // EVERY_MS
    assert shown.series("State by score")[FAILING][-2] == 1


@on(FAN)
def test_alarms_are_shown_from_before_the_range_too(shown: Shown) -> None:
    said = shown.series("What forecast-fan said", HOUR_MS)
    assert said[FAILING] == [0, 3, 4]
    assert said[WELL] == [0]
    assert said[BROKEN] == [0, 2]
    rows = {row["Fan"]: row for row in shown.table("Alarm episodes")}
    assert (rows[FAILING]["State"], rows[FAILING]["Risk"]) == ("alarm", 0.9)
    assert (rows[BROKEN]["State"], rows[BROKEN]["Sensor"]) == ("instrument", "sound")


@on(FAN)
def test_annotations_are_one_a_run_of_faults_and_one_an_episode(shown: Shown, fleet: Fleet) -> None:
    found = grafana.events(fleet.store, shown.dashboard, variables=VARIABLES, now_ms=fleet.now_ms)
    began_ns = (fleet.now_ms - FAILED_FOR_MS) * 1_000_000
    assert [(row["time"], row["deviceID"]) for row in found["Faults begin"]] == [(began_ns, FAILING)]
    assert {(row["time"], row["deviceID"], row["state"]) for row in found["Alarm episodes"]} == {
        (began_ns, FAILING, "alarm")
    } | {(began_ns, BROKEN, "instrument")}
    assert all(row["updated_ms"] >= row["time"] // 1_000_000 for row in found["Alarm episodes"])
    for annotation in shown.dashboard["annotations"]["list"]:
        named = annotation["target"]
        columns = {
            named["textColumn"],
            named["timeEndColumn"].split(".")[-1],
            *named["tagsColumn"].split(","),
        }
        for row in found[annotation["name"]]:
            # What Grafana's annotations bear: a value in every column, tags that are text, no column without a use.
            assert None not in row.values()
            assert row.keys() - {"time"} <= columns
            assert all(isinstance(row[tag], str) for tag in named["tagsColumn"].split(",") if tag in row)


@on(PIPELINE)
@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Waiting in the broker", 24),
        ("Scored", 5),
        ("Stored results", 5),
        ("Dead letters", 3),
        ("Dropped by the broker", 7),
        ("Certificate ends in", 40 * 86_400),
        ("Disk used", 47),
        ("Disk free", 6e10),
        ("Series in the store", 64),
        ("Clients of the broker", 9),
    ],
)
def test_the_pipeline_in_figures(shown: Shown, title: str, expected: float) -> None:
    assert shown.value(title) == pytest.approx(expected, rel=0.2)


@on(PIPELINE)
def test_rates_agree_from_hop_to_hop_over_a_restart(shown: Shown) -> None:
    found = shown.series("Rate at each hop", HOUR_MS)
    assert set(found) == {
        "taken by the broker, all topics", "received by the connector", "scored", "readings stored", "results stored"
    }  # fmt: skip
    assert found["taken by the broker, all topics"][-1] == pytest.approx(10)
    for name in ("received by the connector", "scored", "readings stored", "results stored"):
        assert found[name][-1] == pytest.approx(5)
        assert min(found[name]) >= 0


@on(PIPELINE)
def test_latency_is_of_the_histograms(shown: Shown) -> None:
    means = shown.series("Latency", HOUR_MS)
    assert means["acknowledged, score-fan"][-1] == pytest.approx(0.03)
    assert means["call, score-fan"][-1] == pytest.approx(0.012)
    for share in shown.series("Share slower than a second", HOUR_MS).values():
        assert share[-1] == pytest.approx(0.01)


@on(PIPELINE)
def test_what_was_away_is_seen(shown: Shown) -> None:
    parts = shown.series("Parts that answer", HOUR_MS)
    assert set(parts) == {"connector", "gateway", "scoring", "store"}
    assert 0 in parts["scoring"]
    assert 0 not in parts["store"]
    assert {0, 1} <= set(shown.series("Breaker open", HOUR_MS)["score-fan"])


@on(PIPELINE)
def test_each_run_of_the_forecast_is_a_point(shown: Shown) -> None:
    found = shown.series("Runs of the forecast", HOUR_MS)
    assert found == {
        "took": [0.9, 0.9, 0.9, 0.9, 1.9, 0.9],
        "fans behind": [0, 0, 0, 0, 3, 0],
        "fans failed": [0, 0, 0, 0, 1, 0],
    }


@on(PIPELINE)
def test_the_ledger_counts_over_a_restart(shown: Shown) -> None:
    found = {name: values[0] for name, values in shown.series("Ledger of this range", HOUR_MS).items()}
    assert found["scored"] == found["received"] == found["acknowledged"] == pytest.approx(18_000, rel=0.02)
    assert found["readings stored"] == found["results stored"] == pytest.approx(18_000, rel=0.02)
    assert found["dead-lettered"] == 6
    assert found["duplicated"] == 0
    assert found["retried"] == 16


@on(PIPELINE)
def test_dead_letters_and_refused_messages_say_why(shown: Shown) -> None:
    reasons = shown.series("Dead letters by reason", HOUR_MS)
    assert {reason: round(sum(values)) for reason, values in reasons.items()} == {"json": 1, "clock": 2}
    assert [row["Reason"] for row in shown.table("Latest dead letters")] == ["json", "clock", "clock"]
    refused = shown.series("Messages that are no points", HOUR_MS)
    assert refused == {"telemetry: value": [3]}


@on(PIPELINE)
def test_the_parts_take_what_they_take(shown: Shown) -> None:
    cpu = shown.series("CPU of the parts", HOUR_MS)
    # Two replicas of each function.
    assert cpu["score-fan"][-1] == pytest.approx(0.14)
    assert cpu["connector"][-1] == pytest.approx(0.12)
    memory = shown.series("Memory of the parts", HOUR_MS)
    assert memory["infer-fan-lite"][-1] == 140e6
    assert {"connector", "gateway", "score-fan", "InfluxDB", "Telegraf", "Mosquitto"} <= set(memory)


@on(MODEL)
def test_the_model_in_force_and_what_it_says(shown: Shown, fleet: Fleet) -> None:
    assert shown.value("Model in force") == MODEL_NAME
    assert shown.value("Threshold in force") == THRESHOLD
    assert shown.value("Implausible") == pytest.approx(0.2, abs=0.03)
    assert 0.02 < shown.value("Faults") < 0.1
    assert grafana.options(fleet.store, shown.dashboard, "model") == [MODEL_NAME]


@on(MODEL)
def test_the_distribution_of_scores_has_ten_buckets(shown: Shown) -> None:
    found = shown.series("Score distribution", DAY_MS)
    assert list(found) == [f"0.{tenth}" for tenth in range(10)]
    assert found["0.9"][0] == 0
    assert found["0.9"][-1] == 120
    assert found["0.0"][0] == 240
    for title in ("Share of faults", "Mean score", "Results by model"):
        assert set(shown.series(title, DAY_MS)) == {MODEL_NAME}
    assert shown.series("Share of faults", DAY_MS)[MODEL_NAME][-1] == pytest.approx(0.25)


@pytest.mark.parametrize("uid", [FLEET, FAN, PIPELINE, MODEL])
@pytest.mark.parametrize("range_ms", [HOUR_MS, 30 * DAY_MS])
def test_every_query_says_something_of_a_filled_store(fleet: Fleet, uid: str, range_ms: int) -> None:
    silent = []
    for panel, target in grafana.targets(grafana.dashboard(uid)):
        rows = grafana.run(
            fleet.store,
            panel | {"targets": [target]},
            range_ms=range_ms,
            variables=VARIABLES,
            now_ms=fleet.now_ms,
        )
        if not rows[target["refId"]]:
            silent.append((panel["title"], target["refId"]))
    # Nothing in this fleet is extrapolated.
    expected = [("Results that are not ok", "A")] if uid == FAN else []
    # Nor is any of the chosen fans out of service.
    out = [("Now", "Out")] if uid == FAN else []
    if uid == FLEET:
        # Each of these fans is judged.
        expected = [("Not judged", "A")]
    if uid == PIPELINE:
        expected = [
            ("Dead letters by reason", reason) for reason in REASONS if reason not in ("json", "clock")
        ]
    if range_ms > DAY_MS and uid == FAN:
        # Neither is kept in the means.
        expected = [("Probability of a fault", "B"), *expected]
    assert silent == [*out, *expected]


@pytest.mark.parametrize("uid", [FLEET, FAN, PIPELINE, MODEL])
@pytest.mark.parametrize("range_ms", [HOUR_MS, 30 * DAY_MS])
def test_an_empty_store_is_no_error(empty: Influx, uid: str, range_ms: int) -> None:
    dashboard = grafana.dashboard(uid)
    # What Grafana sends where a variable has nothing to offer.
    nothing = {variable["name"]: "" for variable in dashboard["templating"]["list"]}
    for variable in nothing:
        assert grafana.options(empty.store, dashboard, variable) == []
    for panel, _ in grafana.targets(dashboard):
        found = grafana.run(empty.store, panel, range_ms=range_ms, variables=nothing)
        assert not any(found.values()), panel["title"]
    assert not any(grafana.events(empty.store, dashboard, variables=nothing).values())
