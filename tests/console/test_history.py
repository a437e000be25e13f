"""What is drawn of one fan, from a real store."""

from typing import Any

import pytest

from console import history
from fanwatch.reading import FEATURES
from fanwatch.store import MEANS, point
from tests.support.console import now_ms
from tests.support.influx import Influx

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def signals(value: float, suffix: str = "") -> dict[str, object]:
    return {f"{name}{suffix}": value for name in FEATURES}


def rows(influx: Influx, queries: list[history.Query], chosen: history.Range) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for query in queries:
        wanted = history.tail(query, found, chosen)
        found += influx.store.query(wanted.text, wanted.policy)
    return found


def test_a_day_is_drawn_from_raw_points_and_ends_its_lines_at_gaps(influx: Influx) -> None:
    end = now_ms() // (2 * MINUTE_MS) * 2 * MINUTE_MS
    times = [end - 50 * MINUTE_MS, end - 48 * MINUTE_MS, end - 20 * MINUTE_MS]
    influx.store.write(
        [
            point("telemetry", {"deviceID": "gap"}, signals(float(at)), ms * 1_000_000)
            for at, ms in enumerate(times)
        ]
    )
    influx.store.write([point("anomaly", {"deviceID": "gap"}, {"probability": 0.5}, times[0] * 1_000_000)])
    chosen = history.RANGES["day"]
    drawn = history.series(
        chosen,
        end,
        rows(influx, history.signal_queries("gap", chosen, end), chosen),
        rows(influx, history.score_queries("gap", chosen, end), chosen),
        [],
    )
    assert drawn.values[2] == [0.0, 1.0, None, 2.0]
    assert drawn.times[0] == times[0]
    assert drawn.score == [0.5, None, None, None]


@pytest.mark.parametrize("name", ["week", "month"])
def test_a_month_is_drawn_from_means_and_from_raw_points_where_they_end(influx: Influx, name: str) -> None:
    device, end = f"long-{name}", now_ms() // HOUR_MS * HOUR_MS
    old, new = end - 100 * HOUR_MS, end - 1 * HOUR_MS
    influx.store.write(
        [point("telemetry", {"deviceID": device}, signals(5.0, "_mean"), old * 1_000_000)], MEANS
    )
    influx.store.write(
        [
            point("telemetry", {"deviceID": device}, signals(9.0), ms * 1_000_000)
            for ms in (old + 1000, new + 1000)
        ]
    )
    chosen = history.RANGES[name]
    drawn = history.series(
        chosen, end, rows(influx, history.signal_queries(device, chosen, end), chosen), [], []
    )
    # The raw point that a mean stands for already is not drawn beside it.
    assert [value for value in drawn.values[0] if value is not None] == [5.0, 9.0]


def test_episodes_carry_what_was_found(influx: Influx) -> None:
    since = now_ms() - 30 * HOUR_MS
    told = {"state": "alarm", "cause": "sound", "why": "sound has risen", "updated_ms": since + HOUR_MS}
    found = {"found": "fault", "mode": "bearing", "note": "dry", "by": "kim"}
    for measurement, fields in (("episode", told), ("label", found)):
        influx.store.write([point(measurement, {"deviceID": "ep"}, fields, since * 1_000_000)])
    episodes, labels = (influx.store.query(each.text, each.policy) for each in history.episode_queries("ep"))
    assert history.episodes(episodes, labels) == [
        history.Episode(
            since_ms=since, updated_ms=since + HOUR_MS, state="alarm", cause="sound", sensor=None,
            why="sound has risen", acknowledged_by=None, found="fault, bearing", note="dry", closed_by="kim",
        )
    ]  # fmt: skip
