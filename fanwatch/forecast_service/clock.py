"""The forecast's clock is the newest time that was scored; here, whether it stands still.

It may be far behind the clock of this machine, as while history is played in or a backlog is worked off. So it stands
only where nothing has arrived for a while, whatever its time is.
"""

from fanwatch.fleet.faulty import RAN
from fanwatch.store import forecast_runs
from fanwatch.store.influx import Store, point

_MS = 1_000_000
_DAY_MS = 86_400_000


class Clock:
    """The clock as one run found it; times in ms since the epoch."""

    def __init__(self, store: Store, clock_ms: int, now_ms: int) -> None:
        self._store, self._clock_ms, self._now_ms = store, clock_ms, now_ms
        # Not what a clock has written that was ahead of this one.
        before = forecast_runs.last(store, now_ms)
        self.moved_ms = 0
        """When a run first saw the clock at this time; 0 where this is the first run of all."""
        if before is not None:
            moved = int(before["clock_ms"]) != clock_ms
            self.moved_ms = now_ms if moved else int(before["moved_ms"])

    def stands(self, longest_ms: int) -> bool:
        """Whether nothing has arrived for so long."""
        if self._now_ms - max(self._clock_ms, self.moved_ms) <= longest_ms:
            return False
        # Telegraf notes when the last reading arrived that was late.
        start_ms = self._clock_ms // _DAY_MS * _DAY_MS
        return self._now_ms - forecast_runs.late_arrival(self._store, start_ms) > longest_ms

    def record(self, store: Store, summary: dict[str, object]) -> None:
        """Writes down what the run did."""
        wanted = ("fans", "episodes", "published", "rebuilt", "behind", "failed", "seconds")
        fields = {name: summary[name] for name in wanted} | {
            "clock_ms": self._clock_ms,
            "moved_ms": self.moved_ms,
        }
        at_ns = self._now_ms * _MS
        # For dashboards, that ask who is judged among the results.
        store.write([point(forecast_runs.RUNS, {}, fields, at_ns), point("anomaly", {}, {RAN: 1}, at_ns)])
