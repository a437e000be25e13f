"""How long the dashboards' queries take on a store of 1,000 fans: `python -m benchmarks.month`.

A real InfluxDB is filled with a day of a reading in ten seconds of each fan, and with 28 days before it of a reading
in ten minutes, which makes the same means; then `python -m benchmarks.dashboards` asks it. Filling takes a quarter of
an hour: `--state DIR` keeps the store, and asks one that is there already.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.history import Feed, rollup
from benchmarks.pipeline import plain_environment
from fanwatch.errors import FanwatchError
from fanwatch.scorers import open_judge
from fanwatch.settings import InferSettings, StoreSettings
from fanwatch.store.influx import Store
from history.setup import setup
from local.influx import alone
from local.layout import CHECKOUT

_DAY_S = 86_400
_DAYS = 28
_FILLED = "filled.json"
_DATABASE = "month"
_SPANS = ("24h", "30d")
_TIMING_S = 600.0


def fill(store: Store, environment: Mapping[str, str], fans: int) -> int:
    """Readings, results and means up to now; returns when that was, in s since the epoch."""
    setup(environment)
    judge = open_judge(InferSettings(engine="litert"))
    now = int(time.time()) // 600 * 600
    for rate, start, end in ((1 / 600, now - (_DAYS + 1) * _DAY_S, now - _DAY_S), (0.1, now - _DAY_S, now)):
        feed = Feed(judge, fans, rate, start)
        for day in range(start + _DAY_S // 4, end + 1, _DAY_S // 4):
            feed.write(store, day, ("telemetry", "anomaly"))
            print(f"filled up to {time.strftime('%d %b %H:%M', time.gmtime(day))}", flush=True)
    done = rollup(store).run()
    print(f"{done.points:,} means in {done.seconds:.0f} s", flush=True)
    return now


def ask(url: str, now_s: int) -> None:
    """Print what each query of the fleet's dashboard takes."""
    for span in _SPANS:
        argv = [
            sys.executable,
            "-m",
            "benchmarks.dashboards",
            "--url",
            url,
            "--database",
            _DATABASE,
            "--now",
            str(now_s * 1000),
            "--span",
            span,
        ]
        subprocess.run(argv, cwd=CHECKOUT, check=True, timeout=_TIMING_S)


def main() -> int:
    """0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month", description=__doc__)
    parser.add_argument("--fans", type=int, default=1000)
    parser.add_argument("--state", type=Path, help="a directory that keeps the store")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        state = chosen.state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="month-")))
        environment = plain_environment() | {
            "FANWATCH_STATE_DIR": str(state),
            "FANWATCH_INFLUX_DATABASE": _DATABASE,
        }
        try:
            reached = stack.enter_context(alone(environment))
            url = reached.store.url
            store = Store(StoreSettings(influx_url=url, influx_database=_DATABASE, influx_timeout=120.0))
            filled = state / _FILLED
            if not filled.exists():
                now = fill(store, environment | {"FANWATCH_INFLUX_URL": url}, chosen.fans)
                filled.write_bytes(msgspec.json.encode(now))
            ask(url, msgspec.json.decode(filled.read_bytes(), type=int))
        except (FanwatchError, subprocess.SubprocessError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
