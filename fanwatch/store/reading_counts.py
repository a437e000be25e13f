"""What InfluxDB has of the fleet's readings: asked over HTTP, in a thread of its own where publishing must go on."""

import threading
from collections.abc import Callable

from fanwatch.errors import FanwatchError
from fanwatch.sensors import COUNTED
from fanwatch.store.influx import Store

_POLL_S = 1.0


def newest_ms(store: Store, from_ms: int, before_ms: int) -> dict[str, int]:
    """The newest stored reading of each device between two times, in ms. FanwatchError where nobody can say."""
    rows = store.query(
        f'SELECT last("{COUNTED}") FROM "telemetry" WHERE time >= {from_ms}ms AND time < {before_ms}ms '
        f'GROUP BY "deviceID"'
    )
    return {str(row["deviceID"]): int(row["time"]) // 1_000_000 for row in rows}


def scored(store: Store, from_ms: int, until_ms: int) -> int:
    """Stored results of readings from `from_ms` up to and with `until_ms`."""
    rows = store.query(
        f'SELECT count("quality") AS n FROM "anomaly" WHERE time >= {from_ms}ms AND time <= {until_ms}ms'
    )
    return int(rows[0]["n"]) if rows else 0


class Asking(threading.Thread):
    """Asks until the store answers; `answer` is None before."""

    def __init__(self, ask: Callable[[], dict[str, int]], stop: threading.Event) -> None:
        super().__init__(name="store", daemon=True)
        self._ask = ask
        self._stopping = stop
        self.answer: dict[str, int] | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.answer = self._ask()
                return
            except FanwatchError:
                # Being built, starting, or not set up yet.
                self._stopping.wait(_POLL_S)
