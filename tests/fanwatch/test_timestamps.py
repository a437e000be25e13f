"""Times on the wire, both ways."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanwatch.errors import SettingsError
from fanwatch.messages.timestamps import format_ms, format_ns, parse_ms, zone

NOON_MS = 1_795_435_200_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-23T12:00:00Z", 0), ("2026-11-23t12:00:00z", 0), ("2026-11-23T12:00:00.250Z", 250),
        ("2026-11-23T12:00:00.2Z", 200), ("2026-11-23T12:00:00.000999Z", 0), ("2026-11-23T12:00:00.999999999Z", 999),
        ("2026-11-23T13:30:00+01:30", 0), ("2026-11-23T06:15:00.5-05:45", 500), ("2026-11-23T12:00:00-00:00", 0),
        ("2026-11-24T11:59:00+23:59", 0), ("2026-11-23 12:00:00", 0),
        # As pandas, loggers and spreadsheets write them.
        ("2026-11-23T12:00:00", 0), ("2026-11-23 12:00:00Z", 0), ("2026-11-23 12:00:00.5", 500),
        ("2026-11-23 12:00:00,250", 250), ("2026-11-23T12:00Z", 0), ("2026-11-23 12:00", 0),
        ("2026-11-23T13:00:00+0100", 0), ("2026-11-23T13:00:00+01", 0), ("2026-11-23 13:00:00 +0100", 0),
        ("2026-11-23", -43_200_000),
        ("1795435200", 0), ("1795435200.25", 250), ("1795435200250", 250), ("1795435200250000", 250),
        ("1795435200250000000", 250),
        (1795435200, 0), (1795435200.123, 123), (1795435200123, 123), (1795435200123456, 123),
        (1795435200123000000, 123), (1795435200123990000, 123),
    ],
)  # fmt: skip
def test_what_is_read(text: str | float, ms: int) -> None:
    assert parse_ms(text, zone("UTC")) == NOON_MS + ms


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "20261123", "45987.5", "2026-11-23T12", "2026-11-23T12:00.5Z", "1e9", "-1795435200", "2026-11-23T",
        "2026-11-23T12:00:00.Z", "2026-11-23T12:00:00.0123456789Z", "2026-11-23Z", "2026-11-23T12:00:00  Z",
        "2026-11-23T12:00:00+24:00", "2026-11-23T12:00:00+01:60", "2026-11-23T12:00:00+1", "2026-11-23T12:00:00+010",
        45987.5, 99_999_999, -1795435200.0, 1e20, float("inf"), float("nan"),
        "2026-11-23T24:00:00Z", "2026-11-23 24:00:00", "2026-02-29T12:00:00Z", "2026-00-01T12:00:00Z",
        "2026-11-23T12:60:00Z", "2026-11-23T12:00:60Z", "2016-12-31T23:59:60Z", "2016-12-31 23:59:60",
        "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", " 2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z ",
        "2026-11-23T12:00:00Z\n", "2026-11-23 12:00:00\n", "٢٠٢٦-11-23T12:00:00Z", "2026-11-23T12:00:00.٢Z",
        "-026-11-23T12:00:00Z", "2026-W48-1T12:00:00Z", "2026-11-23T12:00:00" + "0" * 10_000 + "Z",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999-00:01",
    ],
)  # fmt: skip
def test_what_is_refused(text: str | float) -> None:
    with pytest.raises(
        ValueError, match=r"more than 40|neither|no time|outside|month|day|hour|minute|second|year"
    ):
        parse_ms(text, zone("UTC"))


def test_the_first_and_the_last_millisecond() -> None:
    for text, ms in (("0001-01-01T00:00:00.000Z", FIRST_MS), ("9999-12-31T23:59:59.999Z", LAST_MS)):
        assert parse_ms(text, zone("UTC")) == ms
        assert format_ms(ms) == text
    assert parse_ms("0001-01-01T01:00:00+01:00", zone("UTC")) == FIRST_MS


def test_the_end_of_the_calendar_in_a_zone() -> None:
    for text, name in (("0001-01-01 00:00:00", "Asia/Tokyo"), ("9999-12-31 23:59:59", "America/New_York")):
        with pytest.raises(ValueError, match="outside"):
            parse_ms(text, zone(name))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-01 12:00:00", "2026-07-01T10:00:00.000Z"), ("2026-12-01 12:00:00", "2026-12-01T11:00:00.000Z"),
        # The hour that comes twice is read as its first; the hour that is missing as if winter time still held.
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00.000Z"), ("2026-03-29 02:30:00", "2026-03-29T01:30:00.000Z"),
    ],
)  # fmt: skip
def test_daylight_saving(text: str, utc: str) -> None:
    assert format_ms(parse_ms(text, zone("Europe/Berlin"))) == utc


def test_an_offset_beats_the_zone() -> None:
    assert parse_ms("2026-11-23T12:00:00Z", zone("Asia/Tokyo")) == NOON_MS
    assert parse_ms("2026-11-23 21:00:00", zone("Asia/Tokyo")) == NOON_MS


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "a\0b", "x" * 300]
)
def test_an_unknown_zone_is_a_setting_that_is_wrong(name: str) -> None:
    with pytest.raises(SettingsError, match=r"FANWATCH_TIMEZONE.*Europe/Berlin"):
        zone(name)


@settings(max_examples=300)
@given(st.integers(FIRST_MS, LAST_MS))
def test_what_is_written_is_read_back(ms: int) -> None:
    text = format_ms(ms)
    assert len(text) == 24
    assert parse_ms(text, zone("UTC")) == ms


@settings(max_examples=300)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-1439, 1439), st.integers(0, 9))
def test_it_agrees_with_the_standard_library(moment: datetime, minutes: int, digits: int) -> None:
    fraction = f".{moment.microsecond * 1000:09d}"[: digits + 1] if digits else ""
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    local = moment.replace(microsecond=int((fraction[1:] + "000000")[:6]))
    passed = local.replace(tzinfo=UTC) - timedelta(minutes=minutes) - datetime(1970, 1, 1, tzinfo=UTC)
    text = f"{moment.replace(microsecond=0).isoformat()}{fraction}{offset}"
    assert parse_ms(text, zone("UTC")) == passed // timedelta(milliseconds=1)


@settings(max_examples=200)
@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
)
def test_a_zone_agrees_with_the_standard_library(moment: datetime, name: str) -> None:
    moment = moment.replace(microsecond=0)
    expected = moment.replace(tzinfo=ZoneInfo(name)).timestamp() * 1000
    assert parse_ms(moment.isoformat(" "), zone(name)) == expected


def test_nanoseconds() -> None:
    assert format_ns(NOON_MS * 1_000_000 + 7) == "2026-11-23T12:00:00.000000007Z"
