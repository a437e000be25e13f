"""Schedules as cron-connector reads them; expected times by hand, for robfig/cron is not here to be asked."""

from datetime import UTC, datetime

import pytest

from local.cron import parse


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        ("*/10 * * * *", "2026-11-25 12:03:20", "2026-11-25 12:10:00"),
        ("*/10 * * * *", "2026-11-25 12:10:00", "2026-11-25 12:20:00"),
        ("1-59/10 * * * *", "2026-11-25 12:51:00.5", "2026-11-25 13:01:00"),
        ("5/20 * * * *", "2026-11-25 12:26:00", "2026-11-25 12:45:00"),
        ("0 6,18 * * MON-FRI", "2026-11-27 18:00:00", "2026-11-30 06:00:00"),
        ("30 4 1 jan ?", "2026-11-25 12:00:00", "2027-01-01 04:30:00"),
        ("0 0 29 2 *", "2026-11-25 12:00:00", "2028-02-29 00:00:00"),
        # Chosen days and chosen weekdays: either will do, and a step has chosen.
        ("0 0 13 * 5", "2026-11-25 12:00:00", "2026-11-27 00:00:00"),
        ("0 0 */20 * 5", "2026-11-28 12:00:00", "2026-12-01 00:00:00"),
        ("0 0 * * */3", "2026-11-25 12:00:00", "2026-11-28 00:00:00"),
        ("@hourly", "2026-11-25 12:03:20", "2026-11-25 13:00:00"),
        ("@weekly", "2026-11-25 12:03:20", "2026-11-29 00:00:00"),
        ("@every 90s", "2026-11-25 12:00:00.7", "2026-11-25 12:01:30"),
        ("@every 1h30m", "2026-11-25 12:00:00", "2026-11-25 13:30:00"),
        ("@every 10ms", "2026-11-25 12:00:00", "2026-11-25 12:00:01"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "2026-11-25 07:59:59", "2026-11-25 08:00:00"),
    ],
)
def test_when_it_is_due(schedule: str, now: str, due: str) -> None:
    assert parse(schedule)(at(now)) == at(due)


@pytest.mark.parametrize(
    "schedule",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * * 7", "0 0 L * *", "0 0 * * 5L",
        "0 0 * * 1#2", "0 0 15W * *", "*/0 * * * *", "5-1 * * * *", "a * * * *", "@often", "@every soon", "@every",
        "TZ=Mars/Olympus * * * * *", "0 0 31 2 *", "* * * * * # each minute",
    ],
)  # fmt: skip
def test_what_cron_connector_would_ignore_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(schedule)
