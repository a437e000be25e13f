"""Runs the tests that read a clock as if it were another time: `make test-hours`. Prints when which of them failed.

Python, Mosquitto and what else is a C program see the moved clock by Debian's libfaketime, InfluxDB and Telegraf by the
way in which they are built for this (tests/support/moved_go.py). Files are stamped with the true time: tests that look
at such stamps are left out (marker `own_clock`).
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from fanwatch.settings import LocalSettings
from local import tools
from tests.support import moved_go
from tests.support.packages import find_faketime

ROOT: Final = Path(__file__).resolve().parents[2]
_LOGS: Final = ROOT / ".fanwatch" / "hours"
_FEW: Final = (5, 11, 16, 21)
_QUICK: Final = [
    f"tests/{name}" for name in ("cli", "credentials", "fanwatch", "forecast_service", "functions")
]
"""What CI runs as of a few hours: what starts no browser, no Grafana and no whole pipeline."""
_PATCH: Final = Path(__file__).with_name("sleeping.py")
_CLOCK: Final = "fanwatch-clock.json"
_START: Final = (
    f"import os; p = os.path.join(os.environ.get('PATH', '').split(os.pathsep)[0], {_CLOCK!r}); "
    f"('FAKETIME' in os.environ or os.path.isfile(p)) and exec(open({str(_PATCH)!r}).read(), {{'CLOCK': p}})\n"
)
_LONGEST_S: Final = 1800


class Moment(NamedTuple):
    """A time as which the tests run."""

    name: str
    at: datetime
    zone: str = "UTC"


def moments(now: datetime, *, few: bool) -> Iterator[Moment]:
    """Each hour of the day that follows, then the dates that are not like others; or a few hours, for CI."""
    for hours in _FEW if few else range(24):
        at = now + timedelta(hours=hours)
        yield Moment(f"{at:%H:%M} UTC", at)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    yield Moment("8 minutes to midnight", midnight - timedelta(minutes=8))
    if few:
        return
    year = now.year + 1
    leap = next(each for each in range(year, year + 9) if each % 4 == 0 and (each % 100 or each % 400 == 0))
    yield Moment("New Year", datetime(year, 1, 1, tzinfo=UTC) - timedelta(seconds=30))
    yield Moment("month's end", datetime(year, 4, 30, 23, 50, tzinfo=UTC))
    yield Moment("leap day", datetime(leap, 2, 29, 23, 50, tzinfo=UTC))
    yield Moment("Europe's summer begins", _sunday(year, 3, 31, 0, 58), "Europe/Berlin")
    yield Moment("Europe's summer ends", _sunday(year, 10, 31, 0, 58), "Europe/Berlin")
    yield Moment("America's summer begins", _sunday(year, 3, 14, 6, 58), "America/New_York")
    yield Moment("America's summer ends", _sunday(year, 11, 7, 5, 58), "America/New_York")


def _sunday(year: int, month: int, latest: int, hour: int, minute: int) -> datetime:
    """The last Sunday up to that day of the month."""
    last = datetime(year, month, latest, hour, minute, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def moved_tools() -> Path:
    """The cache of the InfluxDB and Telegraf that see the moved clock; they are built first where it is empty."""
    cache = tools.cache_directory(LocalSettings()) / "moved"
    moved_go.built(cache)
    return cache


def run(moment: Moment, library: str, tests: list[str], processes: str, cache: Path) -> list[str]:
    """What failed then; empty where all passed. `cache` as `moved_tools` gives it."""
    seconds = round((moment.at - datetime.now(UTC)).total_seconds())
    moved = {
        "LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": moment.zone, "PYTHONDONTWRITEBYTECODE": "1", "FANWATCH_CACHE": str(cache),
    }  # fmt: skip
    # Functions get of the environment only what an image would set: their Python finds the clock by the PATH.
    place = _LOGS / "clock"
    place.mkdir(parents=True, exist_ok=True)
    (place / _CLOCK).write_text(json.dumps(moved), encoding="ascii")
    moved["PATH"] = os.pathsep.join((str(place), os.environ["PATH"]))
    log = _LOGS / f"{re.sub(r'[^0-9A-Za-z]+', '-', moment.name)}.log"
    marks = "clock and not own_clock and not faults and not images and not openfaas and not page"
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-q",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-m",
        marks,
        *tests,
    ]
    argv += ["-n", processes, "--dist", "loadfile"] if processes != "0" else []
    process = None
    with log.open("wb") as output, contextlib.suppress(subprocess.TimeoutExpired):
        process = subprocess.run(
            argv,
            env=os.environ | moved,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            timeout=_LONGEST_S,
            check=False,
        )
    ended = (
        f"ended with {process.returncode}" if process else f"had not ended after {_LONGEST_S // 60} minutes"
    )
    said = log.read_text(encoding="utf-8", errors="replace")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    last = said.strip().splitlines()[-1:] or ["nothing was said"]
    print(f"{moment.name:24} {moment.at:%Y-%m-%d %H:%M}  {last[0].strip('= ')}", flush=True)
    return failed or ([] if process and not process.returncode else [f"pytest {ended}: {log}"])


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Has each Python of this environment see the moved clock, and sleep as libfaketime allows."""
    file = Path(sysconfig.get_path("purelib")) / "fanwatch-hours.pth"
    file.write_text(_START, encoding="ascii")
    try:
        yield
    finally:
        if "FAKETIME" not in os.environ:
            # Else it is this very run's that tests are part of.
            file.unlink(missing_ok=True)


def main() -> int:
    """Exit status 1 where something failed at some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--few", action="store_true", help="four other hours and shortly before midnight, as CI does"
    )
    parser.add_argument("-n", default="3", metavar="N", help="processes beside each other (default: 3)")
    parser.add_argument("tests", nargs="*", help="only these files or folders")
    wanted = parser.parse_args()
    library = find_faketime()
    if library is None:
        print(
            "libfaketime is missing. Get it with: python -m tests.support.packages libfaketime",
            file=sys.stderr,
        )
        return 1
    tests = wanted.tests or (_QUICK if wanted.few else [])
    _LOGS.mkdir(parents=True, exist_ok=True)
    failed: dict[str, list[str]] = {}
    cache = moved_tools()
    with patched():
        for moment in moments(datetime.now(UTC).replace(microsecond=0), few=wanted.few):
            for test in run(moment, library, tests, wanted.n, cache):
                failed.setdefault(test, []).append(moment.name)
    for test, when in failed.items():
        print(f"FAILED {test}: {', '.join(when)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
