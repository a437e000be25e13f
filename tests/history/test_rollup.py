"""Means, on a real InfluxDB: they are numpy's, whenever and in whatever order the points came."""

import time
from typing import Any

import pytest

from fanwatch.store import late
from fanwatch.store.influx import MEANS
from history.rollup import Summary
from tests.support.history import DAY_MS, WINDOW_MS, Raw, Record
from tests.support.influx import Influx

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def now_ms() -> int:
    return time.time_ns() // 10**6


def test_means_are_those_of_the_points(record: Record) -> None:
    now = now_ms()
    for fan in ("fan-01", "fan-02", "an odd, fan=3"):
        record.add(fan, range(now - 3 * HOUR_MS, now, 7_001))
    other = set(range(now - HOUR_MS, now, 5_003)) - set(range(now - 3 * HOUR_MS, now, 7_001))
    record.add("fan-02", sorted(other), model="fan-anomaly@2")
    # A window in which a sensor gave nothing plausible has no probability.
    alone = (now - 5 * HOUR_MS) // WINDOW_MS * WINDOW_MS
    record.write({("fan-04", alone): Raw((0.0, 21.0, 3.0, 40.0), None, "implausible", "fan-anomaly@1")})
    # Both ends of the histogram.
    ends = {
        ("fan-05", alone + n): Raw((1.0, 2.0, 3.0, 4.0), p, "ok", "fan-anomaly@1")
        for n, p in enumerate((0.0, 0.3, 1.0))
    }
    record.write(ends)
    record.rollup.run()
    record.check()
    assert record.expected()["scores", "fan-anomaly@1", alone // WINDOW_MS * WINDOW_MS]["p9"] == 1


def test_a_window_is_written_again_as_points_come(record: Record) -> None:
    now = now_ms()
    first, rest = (
        range(now - HOUR_MS, now - 30 * MINUTE_MS, 10_000),
        range(now - HOUR_MS + 5_000, now + MINUTE_MS, 10_000),
    )
    record.add("fan-01", first)
    record.rollup.run()
    record.check()
    record.add("fan-01", rest)
    record.add("fan-02", rest)
    record.rollup.run()
    record.check()


def test_a_point_that_is_written_again_with_other_values_counts(record: Record) -> None:
    now = now_ms()
    record.add("fan-01", range(now - HOUR_MS, now, 10_000))
    record.rollup.run()
    key = next(iter(record.points))
    changed = record.points[key]
    record.write(
        {
            key: changed._replace(
                sensors=(*changed.sensors[:3], 999.25), probability=0.9999, quality="extrapolated"
            )
        }
    )
    record.rollup.run()
    record.check()


def test_what_has_not_changed_is_not_computed_again(record: Record) -> None:
    now = now_ms()
    record.add("fan-01", range(now - 3 * HOUR_MS, now - HOUR_MS, 10_000))
    assert record.rollup.run().windows >= 12
    done = record.rollup.run()
    assert (done.windows, done.points) == (0, 0)
    # By another process too: it is remembered in the store.
    again = Record(record.store).rollup.run()
    assert (again.windows, again.points) == (0, 0)
    assert record.rollup.run(since=0).windows >= 12


def test_a_played_in_week_is_computed_by_the_first_run(record: Record) -> None:
    now = now_ms()
    for fan in ("fan-01", "fan-02"):
        record.add(fan, range(now - 7 * DAY_MS, now, 97_000))
    record.rollup.run()
    record.check()


def test_it_goes_on_where_the_last_finished_run_began(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away for three days, in which readings came as they do: no marker says so."""
    now = now_ms()
    three_days_ago = (now - 3 * DAY_MS) * 10**6
    record.add("fan-01", range(now - 4 * DAY_MS, now - 3 * DAY_MS, 60_000))
    real = time.time_ns
    monkeypatch.setattr("history.rollup.time.time_ns", lambda: three_days_ago)
    record.rollup.run()
    monkeypatch.setattr("history.rollup.time.time_ns", real)
    record.check()
    record.add("fan-01", range(now - 3 * DAY_MS - HOUR_MS + 1, now, 60_000))
    record.rollup.run()
    record.check()


def test_late_points_change_their_windows_and_no_others(record: Record) -> None:
    now = now_ms()
    for fan in ("fan-01", "fan-02", "fan-03"):
        record.add(fan, range(now - 6 * DAY_MS, now, 120_000))
    record.rollup.run()
    record.check()
    midnight = (now - 4 * DAY_MS) // DAY_MS * DAY_MS
    late = [midnight - HOUR_MS, midnight + HOUR_MS]
    record.add("fan-02", late)
    # An empty window, of a fan that was never seen before.
    empty = [midnight + 2 * HOUR_MS]
    record.add("fan-09", empty)
    before = record.stored()
    unmarked = record.rollup.run()
    assert (unmarked.late_days, unmarked.points) == (0, 0)
    assert record.stored() == before
    record.mark("fan-02", late, seen=now * 10**6)
    record.mark("fan-09", empty, seen=now * 10**6 + 1)
    done = record.rollup.run()
    # Of the first day fan-02 alone, of the second both.
    assert (done.late_days, done.late_fans) == (2, 3)
    record.check()
    assert record.rollup.run().late_fans == 0
    # The same day again: its marker has changed.
    again = [midnight - HOUR_MS + 3]
    record.add("fan-02", again)
    record.mark("fan-02", again, seen=now * 10**6 + 2)
    assert record.rollup.run().late_fans == 1
    record.check()


def test_markers_may_arrive_in_any_order(record: Record) -> None:
    """After an outage of the store a marker comes whose time and `seen` are before those worked up already."""
    now = now_ms()
    record.add("fan-01", range(now - 4 * DAY_MS, now, 120_000))
    record.rollup.run()
    for fan, days, seen in (
        ("fan-01", 2, 2_000),
        ("fan-02", 3, 1_000),
        ("fan-02", 2, 500),
        # Telegraf's clock was set back.
        ("fan-01", 2, 1_500),
    ):
        record.add(fan, [now - days * DAY_MS + seen])
        record.mark(fan, [now - days * DAY_MS + seen], seen)
        assert record.rollup.run().late_fans == 1
        record.check()


def test_a_marker_that_changes_meanwhile_is_worked_up_again(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_ms()
    day = [now - 3 * DAY_MS]
    record.add("fan-01", range(now - 4 * DAY_MS, now, 120_000))
    record.rollup.run()
    record.add("fan-01", day)
    record.mark("fan-01", day, seen=1)
    settle = late.settle
    came: list[int] = []

    def settled(*arguments: Any) -> None:
        """Between what was computed and what says so, one more reading comes."""
        if not came:
            came.append(day[0] + 1)
            record.add("fan-01", came)
            record.mark("fan-01", came, seen=2)
        settle(*arguments)

    monkeypatch.setattr(late, "settle", settled)
    record.rollup.run()
    with pytest.raises(AssertionError):
        record.check()
    record.rollup.run()
    record.check()
    assert record.rollup.run().late_fans == 0


def test_many_late_fans_of_one_day_are_computed_together(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_ms()
    record.rollup.run()
    fans = [f"fan-{number:03}" for number in range(250)]
    day = (now - 3 * DAY_MS) // DAY_MS * DAY_MS
    for number, fan in enumerate(fans):
        times = [day + number, day + DAY_MS - 1]
        record.add(fan, times)
        record.mark(fan, times, seen=now + number)
    monkeypatch.setattr(record.rollup, "_named", None)
    assert record.rollup.run().late_fans == 250
    record.check()
    # Between one fan and so many: named in portions.
    monkeypatch.undo()
    for fan in fans[:150]:
        record.add(fan, [day + HOUR_MS])
        record.mark(fan, [day + HOUR_MS], seen=now + 1000)
    assert record.rollup.run().late_fans == 150
    record.check()


def test_windows_without_points_keep_their_means(record: Record) -> None:
    """As when raw points were deleted, or have expired."""
    now = now_ms() // HOUR_MS * HOUR_MS + 1
    record.add("fan-01", range(now - 3 * DAY_MS, now, 60_000))
    record.rollup.run()
    before = record.expected()
    hour = (now - DAY_MS) // HOUR_MS * HOUR_MS
    # DELETE takes from all policies, but the mean's time is that of its window's beginning.
    for window in range(hour, hour + HOUR_MS, WINDOW_MS):
        record.store.query(
            f'DELETE FROM "telemetry" WHERE time > {window}000000 AND time < {window + WINDOW_MS}000000'
        )
    record.rollup.run(since=0)
    record.check(before)


def test_a_day_that_has_partly_expired_keeps_its_means(influx: Influx, record: Record) -> None:
    """Raw points are dropped a shard at a time, and are read until then: a window is not computed from some of them."""
    now = now_ms()
    times = range(now - 4 * DAY_MS, now, 60_000)
    record.add("fan-01", times)
    record.rollup.run()
    before = record.expected()
    # 1 d and the margin of 2 d: the fourth day back is beyond what is kept, though its points are still there.
    influx.set_up(FANWATCH_RAW_RETENTION="1d")
    window = (now - 3 * DAY_MS) // WINDOW_MS * WINDOW_MS - 3 * WINDOW_MS
    within = f"time > {window}000000 AND time < {window + WINDOW_MS}000000"
    record.store.query(f'DELETE FROM "telemetry" WHERE {within} AND time < {window + 150_000}000000')
    assert record.store.query(f'SELECT * FROM "telemetry" WHERE {within}')
    record.mark("fan-01", [now - DAY_MS], seen=1)
    record.rollup.run(since=0)
    record.check(before)


def test_a_run_says_what_it_did(record: Record) -> None:
    now = now_ms()
    record.add("fan-01", [now - HOUR_MS])
    assert isinstance(record.rollup.run(), Summary)
    row = record.store.query('SELECT * FROM "rollup"')[-1]
    assert row["windows"] == 1
    assert row["points"] == 3
    assert now * 10**6 <= row["until"] <= time.time_ns()
    assert record.store.query('SELECT * FROM "rollup"', MEANS) == []
