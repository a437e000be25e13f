"""What a run of forecast-fan takes: `python -m benchmarks.forecast --fans 1000 --rate 0.1`.

A real InfluxDB is filled with two hours and a half of readings and results; the run is the function's own code, which
publishes to a real Mosquitto. The simulated fleet is well, so few alarms are published after the first run.
"""

import argparse
import os
import sys
import tempfile
import time

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.history import Feed
from benchmarks.pipeline import free_port, plain_environment
from benchmarks.processes import Child, cpu_s
from fanwatch.errors import FanwatchError
from fanwatch.forecast import open_model
from fanwatch.forecast_service.service import Service
from fanwatch.scorers import open_judge
from fanwatch.settings import InferSettings, StoreSettings
from fanwatch.store import checkpoints
from fanwatch.store.influx import Store
from history.setup import setup
from local import tools
from local.influx import Reached, alone
from local.ports import LOOPBACK

_WINDOW_S = 600
_GRACE_S = 45
_FILLED_S = 9_000
_REGULAR = 3


class Measured(msgspec.Struct):
    """One run."""

    what: str
    seconds: float
    own_s: float
    """CPU time of the function."""
    influxd_s: float
    published: int


def measure(
    reached: Reached, environment: dict[str, str], fans: int, rate: float
) -> tuple[list[Measured], float]:
    """A first run, a regular one each ten minutes later, one without news; and the bytes that each writes of a fan."""
    setup(environment)
    store = Store(
        StoreSettings(
            influx_url=reached.store.url,
            influx_database=environment["FANWATCH_INFLUX_DATABASE"],
            influx_timeout=60.0,
        )
    )
    full = int(time.time() - _GRACE_S) // _WINDOW_S * _WINDOW_S
    feed = Feed(open_judge(InferSettings(engine="litert")), fans, rate, full - _FILLED_S)
    os.environ.update(environment)
    service = Service(open_model(None))
    service.warm()
    assert reached.pid is not None
    found = []
    for number in range(_REGULAR, -1, -1):
        feed.write(store, full + _GRACE_S - number * _WINDOW_S, ("telemetry", "anomaly"))
        found.append(_run(service, "first run" if number == _REGULAR else "ten minutes later", reached.pid))
    found.append(_run(service, "without news", reached.pid))
    service.close()
    return found, _row_bytes(store)


def _run(service: Service, what: str, influxd: int) -> Measured:
    own, other, began = time.process_time(), cpu_s(influxd), time.monotonic()
    status, body = service.answer(b"")
    seconds = time.monotonic() - began
    if status != 200:
        raise FanwatchError(f"The run failed: {body.decode()}")
    answer = msgspec.json.decode(body)
    if answer["behind"] or answer["failed"] or answer["skipped"]:
        what += f" ({answer['behind']} behind, {len(answer['failed'])} failed)"
    return Measured(what, seconds, time.process_time() - own, cpu_s(influxd) - other, answer["published"])


def _row_bytes(store: Store) -> float:
    """What one run writes of a fan."""
    found = checkpoints.latest(store, 0)
    written = [str(checkpoints.to_point(row, row.told_ms)) for row in found.values()]
    return sum(len(text) for text in written) / max(1, len(found))


def main() -> int:
    """0, or 1 where it could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forecast", description="Measure a run of forecast-fan."
    )
    parser.add_argument("--fans", default="1000", help="how many; several, separated by commas")
    parser.add_argument("--rate", type=float, default=0.1, help="readings a second of each fan")
    given = parser.parse_args()
    console = Console(width=120)
    try:
        for fans in map(int, given.fans.split(",")):
            console.print(_table(fans, given.rate))
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    console.print(f"On {machine.describe().cores} cores, load average {os.getloadavg()[0]:.1f}.")
    return 0


def _table(fans: int, rate: float) -> Table:
    with tempfile.TemporaryDirectory(prefix="forecast-") as state:
        environment = plain_environment() | {"FANWATCH_STATE_DIR": state}
        with alone(environment) as reached:
            port = free_port()
            broker = Child([tools.mosquitto(), "-p", str(port)])
            try:
                ours = {
                    "FANWATCH_INFLUX_URL": reached.store.url,
                    "FANWATCH_INFLUX_DATABASE": f"forecast{fans}",
                    # As long as it takes: what is measured is how long that is.
                    "FANWATCH_INFLUX_TIMEOUT": "60",
                    "FANWATCH_FORECAST_BUDGET": "300",
                    "FANWATCH_BROKER_HOST": LOOPBACK,
                    "FANWATCH_BROKER_PORT": str(port),
                }
                measured, written = measure(reached, environment | ours, fans, rate)
            finally:
                broker.end()
    table = Table("", "seconds", "CPU s, forecast-fan", "CPU s, influxd", "alarms published")
    table.title = f"A run: {fans:,} fans, {rate:g} readings a second each, {written:,.0f} bytes of state"
    for run in measured:
        table.add_row(
            run.what, f"{run.seconds:.2f}", f"{run.own_s:.2f}", f"{run.influxd_s:.2f}", f"{run.published:,}"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
