"""Queries as Grafana would send them."""

import pytest

from benchmarks.grafana import expand, interval_ms

END_MS = 1_700_003_600_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("range_ms", "points", "least", "expected_ms"),
    [
        (HOUR_MS, 1000, "10s", 10_000),
        (HOUR_MS, 1000, "", 5_000),
        (6 * HOUR_MS, 1000, "10s", 20_000),
        (24 * HOUR_MS, 1000, "10s", 60_000),
        (24 * HOUR_MS, 288, "1m", 300_000),
        (30 * 24 * HOUR_MS, 1000, "10s", 1_800_000),
    ],
)
def test_the_interval_is_rounded_as_grafana_does(
    range_ms: int, points: int, least: str, expected_ms: int
) -> None:
    assert interval_ms(range_ms, points, least) == expected_ms


def test_macros_become_times_and_widths() -> None:
    query = "SELECT 1 WHERE $timeFilter AND x < $__interval_ms AND y > ${__from}ms GROUP BY time($__interval)"
    assert expand(query, start_ms=END_MS - HOUR_MS, end_ms=END_MS) == (
        "SELECT 1 WHERE time >= 1700000000000ms and time <= 1700003600000ms AND x < 10000 AND y > 1700000000000ms "
        "GROUP BY time(10s)"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("fan-01", "/^fan-01$/"),
        ("a.b", r"/^a\.b$/"),
        (["fan-01"], "/^(fan-01)$/"),
        (["fan-01", "fan_2", "x/y"], r"/^(fan-01|fan_2|x\/y)$/"),
    ],
)
def test_chosen_values_become_a_pattern(value: str | list[str], expected: str) -> None:
    query = '"deviceID" =~ /^$deviceID$/'
    expanded = expand(query, start_ms=0, end_ms=END_MS, variables={"deviceID": value})
    assert expanded == f'"deviceID" =~ {expected}'


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(KeyError, match=r"\$model"):
        expand("SELECT 1 WHERE m = '$model'", start_ms=0, end_ms=END_MS)


def test_now_can_be_another_time() -> None:
    expanded = expand("time > now() - 1m", start_ms=0, end_ms=END_MS, now_ms=END_MS)
    assert expanded == "time > 1700003600000ms - 1m"
