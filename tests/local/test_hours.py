"""`make test-hours`: the moments that it takes, the tests that it chooses, and that it finds a test that fails then."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support import hours, sleeping
from tests.support.clocks import ROOT, reads_clock
from tests.support.packages import find_faketime

NOW = datetime(2027, 11, 7, 13, 20, 5, tzinfo=UTC)
DEPENDS = """
import time
from datetime import UTC, datetime
import pytest
pytestmark = pytest.mark.clock

def test_it_is_not_leap_day() -> None:
    time.sleep(0.01)
    assert (datetime.now(UTC).month, datetime.now(UTC).day) != (2, 29)

def test_always() -> None:
    assert time.time() > 0
"""


CHANGES = """
import os, threading, time
end = time.monotonic() + 2
def read():
    while time.monotonic() < end:
        time.time()
threads = [threading.Thread(target=read) for _ in range(3)]
for each in threads:
    each.start()
for number in range(100_000):
    if time.monotonic() > end:
        break
    os.environ[f"NUMBER_{number}"] = str(number)
"""
"""What ends a process within a fifth of a second where the environment's list is freed under a reader."""


def test_every_hour_and_every_odd_date_is_a_moment() -> None:
    found = {moment.name: moment for moment in hours.moments(NOW, few=False)}
    day = [moment.at for name, moment in found.items() if name.endswith("UTC")]
    assert {at.hour for at in day} == set(range(24))
    assert max(day) - min(day) < timedelta(days=1)
    assert (found["leap day"].at.month, found["leap day"].at.day) == (2, 29)
    assert (found["New Year"].at + timedelta(minutes=1)).year == NOW.year + 1
    assert (found["month's end"].at + timedelta(minutes=15)).day == 1
    assert found["8 minutes to midnight"].at.strftime("%H:%M") == "23:52"
    for name, moment in found.items():
        assert moment.at > NOW - timedelta(minutes=1), name
        if "summer" in name:
            local = [
                each.astimezone(ZoneInfo(moment.zone)).utcoffset()
                for each in (moment.at, moment.at + timedelta(minutes=5))
            ]
            assert (local[0] < local[1]) == ("begins" in name), name  # type: ignore[operator]


def test_a_few_are_at_least_four_hours_that_differ_from_now() -> None:
    few = [moment.at for moment in hours.moments(NOW, few=True)]
    assert len({at.hour for at in few} - {NOW.hour}) >= 4


@pytest.mark.parametrize(
    ("file", "reads"),
    [
        ("functions/test_forecast_fan.py", True),  # by a helper
        ("forecast_service/test_notify_webhook.py", True),
        ("fanwatch/test_topics.py", False),
    ],
)
def test_tests_that_read_a_clock_are_found(file: str, reads: bool) -> None:
    assert reads_clock(ROOT / "tests" / file) == reads


@pytest.mark.own_clock
def test_a_test_that_fails_at_a_date_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = find_faketime()
    if library is None:
        pytest.skip("libfaketime is missing; get it with: python -m tests.support.packages libfaketime")
    (tmp_path / "test_dates.py").write_text(DEPENDS, encoding="utf-8")
    monkeypatch.setattr(hours, "_LOGS", tmp_path)
    leap = next(moment for moment in hours.moments(datetime.now(UTC), few=False) if moment.name == "leap day")
    with hours.patched():
        for moment, failed in (
            (leap._replace(at=leap.at - timedelta(hours=24)), []),
            (leap, ["test_it_is_not_leap_day"]),
        ):
            found = hours.run(moment, library, [str(tmp_path / "test_dates.py")], "0", tmp_path)
            assert [name.rpartition("::")[2] for name in found] == failed


def test_sleeping_goes_on_under_libfaketime() -> None:
    code = f"exec(open({sleeping.__file__!r}).read(), {{}}); import time; time.sleep(0.01); print(time.sleep.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "_sleep\n"


def test_a_changed_environment_ends_no_process_under_libfaketime() -> None:
    library = find_faketime()
    if library is None:
        pytest.skip("libfaketime is missing; get it with: python -m tests.support.packages libfaketime")
    moved = {"LD_PRELOAD": library, "FAKETIME": "+3600s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    code = f"exec(open({sleeping.__file__!r}).read(), {{}})\n{CHANGES}"
    subprocess.run([sys.executable, "-c", code], env=os.environ | moved, timeout=60, check=True)
