"""What is drawn of one fan, from a real store."""

import pytest

from console.queries import fan
from fanwatch.messages.reasons import reason
from fanwatch.sensors import FEATURES
from fanwatch.store.influx import MEANS, point
from tests.support.console import now_ms
from tests.support.influx import Influx

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def signals(value: float, suffix: str = "") -> dict[str, object]:
    return {f"{name}{suffix}": value for name in FEATURES}


def test_a_day_is_drawn_from_raw_points_and_ends_its_lines_at_gaps(influx: Influx) -> None:
    end = now_ms() // (2 * MINUTE_MS) * 2 * MINUTE_MS
    times = [end - minute * MINUTE_MS for minute in (50, 48, 46, 44, 20)]
    influx.store.write(
        [
            point("telemetry", {"deviceID": "gap"}, signals(float(at)), ms * 1_000_000)
            for at, ms in enumerate(times)
        ]
    )
    influx.store.write([point("anomaly", {"deviceID": "gap"}, {"probability": 0.5}, times[0] * 1_000_000)])
    chosen = fan.RANGES["day"]
    drawn, _ = fan.history(influx.store, "gap", chosen, end)
    assert drawn.values[2] == [0.0, 1.0, 2.0, 3.0, None, 4.0]
    assert drawn.times[0] == times[0]
    assert drawn.score == [0.5, *[None] * 5]


def test_a_fan_that_sends_every_ten_minutes_has_a_line(influx: Influx) -> None:
    end = now_ms() // (10 * MINUTE_MS) * 10 * MINUTE_MS
    influx.store.write(
        [
            point("telemetry", {"deviceID": "slow"}, signals(1.0), (end - minute * MINUTE_MS) * 1_000_000)
            for minute in (100, 90, 80, 70, 30, 20)
        ]
    )
    chosen = fan.RANGES["day"]
    assert fan.history(influx.store, "slow", chosen, end)[0].values[0] == [*[1.0] * 4, None, 1.0, 1.0]


def test_what_a_fan_sends_now_does_not_take_the_line_of_a_time_when_it_was_read_seldom() -> None:
    """As in the first hour of `make run`, whose week before has a reading each ten minutes."""
    seldom, often = range(0, 50 * MINUTE_MS, 10 * MINUTE_MS), range(41 * MINUTE_MS, 55 * MINUTE_MS, 10_000)
    came = [ms for ms in (*seldom, *often) if not 45 * MINUTE_MS < ms < 50 * MINUTE_MS]
    known = [{"time": ms * 1_000_000, **signals(1.0)} for ms in came]
    drawn = fan.series(fan.RANGES["hour"], 60 * MINUTE_MS, known, [], [])
    gaps = [at for at, value in zip(drawn.times, drawn.values[0], strict=True) if value is None]
    assert gaps == [45 * MINUTE_MS + 10_000]


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
    chosen = fan.RANGES[name]
    drawn, _ = fan.history(influx.store, device, chosen, end)
    # The raw point that a mean stands for already is not drawn beside it.
    assert [value for value in drawn.values[0] if value is not None] == [5.0, 9.0]


def test_episodes_carry_what_was_found(influx: Influx) -> None:
    since = now_ms() - 30 * HOUR_MS
    told = {"state": "alarm", "cause": "sound", "why": "sound has risen", "updated_ms": since + HOUR_MS}
    found = {"found": "fault", "mode": "bearing", "outcome": "failed", "note": "dry", "by": "kim"}
    for measurement, fields in (("episode", told), ("label", found)):
        influx.store.write([point(measurement, {"deviceID": "ep"}, fields, since * 1_000_000)])
    turn = {"stopped_ms": since + 2000, "ended_ms": since + 3000}
    influx.store.write([point("forecast_episode", {"deviceID": "ep"}, turn, since * 1_000_000)], MEANS)
    assert fan.history(influx.store, "ep", fan.RANGES["day"], now_ms())[1] == [
        fan.Episode(
            since_ms=since, updated_ms=since + HOUR_MS, stopped_ms=since + 2000, ended_ms=since + 3000,
            state="alarm", cause="sound", sensor=None, acknowledged_by=None,
            reasons=(reason("said", text="sound has risen"),), found="A fault of the fan: Bearing, it failed",
            note="dry", closed_by="kim",
        )
    ]  # fmt: skip
