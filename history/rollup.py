"""One run of the rollup: ten-minute means of what came, early or late.

Recent windows, two hours of them, are looked at in each run, and all since the last finished run where that was longer
ago. A reading that is older than 90 minutes when Telegraf stores it leaves a marker (`late`), which brings its fan's
day up again, whenever that was. A window is written whole or not at all, only where raw points are, and only where raw
points are still kept for all of it: what has begun to expire keeps the means it has.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from fanwatch.settings import HistorySettings, ReadingSettings, StoreSettings, duration_ms
from fanwatch.store import admin, late, means
from fanwatch.store.influx import MEANS, RAW, Refused, Store, point
from fanwatch.store.lease import Lease
from fanwatch.store.means import ANOMALY, DAY_NS, SCORES, TELEMETRY, WINDOW_NS, Print
from history import windows
from history.setup import hours

if TYPE_CHECKING:
    from influxdb_client.client.write.point import Point

_RECENT_NS = 2 * 3600 * 10**9
_AHEAD_NS = 300 * 10**9
"""Readings may be this much ahead of the clock."""
_HOUR_NS = 3600 * 10**9
_SINGLED_OUT = 200
"""Late fans of one day that are computed by themselves; with more of them the whole fleet is."""
_NAMED = 100
"""Fans named in one query."""
_RUNS = "rollup"
_LATE_DONE = "late_done"

_MAKERS: dict[str, Callable[[Store, str], "list[Point]"]] = {
    TELEMETRY: means.telemetry,
    ANOMALY: means.anomalies,
    SCORES: means.scores,
}
_MADE_OF = {TELEMETRY: (TELEMETRY,), ANOMALY: (ANOMALY, SCORES)}


class Summary(msgspec.Struct):
    """What one run did."""

    windows: int = 0
    """Windows of telemetry that were computed, for all fans or for some."""
    points: int = 0
    """Means that were written."""
    late_days: int = 0
    late_fans: int = 0
    """Fans of those days, a fan of two days twice."""
    seconds: float = 0.0


def store_of(settings: StoreSettings, history: HistorySettings) -> Store:
    """The store, with the rollup's patience."""
    return Store(msgspec.structs.replace(settings, influx_timeout=history.rollup_timeout))


class Rollup:
    """Runs on one store. Raises Unavailable where it does not answer; what was done until then is done."""

    def __init__(self, store: Store, history: HistorySettings, reading: ReadingSettings) -> None:
        self._store = store
        self._accepted_ns = duration_ms(reading.raw_retention) * 1_000_000
        self._lease_s = 3 * history.rollup_timeout
        self._lease = Lease(store, self._lease_s, _RUNS)
        self._summary = Summary()

    def run(self, since: int | None = None, *, patience_s: float | None = None) -> Summary:
        """Computes what is due; with `since`, in ns, all windows from then on, whatever was computed before.

        `patience_s` is how long to wait for another rollup, by default as long as one that was killed is in the way;
        LeaseHeld where one still works then.
        """
        began = time.monotonic()
        self._summary = Summary()
        self._lease = Lease(self._store, self._lease_s, _RUNS)
        with self._lease.acquire(self._lease_s + 5 if patience_s is None else patience_s):
            now = time.time_ns()
            self._work(now, since)
            self._summary.seconds = round(time.monotonic() - began, 3)
            self._progress(now, now, msgspec.structs.asdict(self._summary))
        return self._summary

    def _work(self, now: int, since: int | None) -> None:
        oldest = self._oldest()
        # Read before anything is computed, so that what is marked from now on is left for the next run.
        marked = late.pending(self._store, oldest, _LATE_DONE)
        start = max(windows.floor(self._start(now) if since is None else since), oldest)
        for first in range(windows.floor(start, DAY_NS), _end(), DAY_NS):
            last = min(first + DAY_NS, _end())
            self._fleet(max(first, start, self._oldest()), last, force=since is not None)
            if last < now:
                # So that a first run over a month which is interrupted goes on where it was.
                self._progress(now, last, {})
        for day, fans in marked.items():
            self._late(day, fans, covered=start <= day)

    def _start(self, now: int) -> int:
        until = means.worked_until(self._store, _RUNS, now)
        # What came after that run without a marker is at most 90 minutes older than it.
        return self._earliest(now) if until is None else min(now, until) - _RECENT_NS

    def _earliest(self, now: int) -> int:
        """The first point of all, so that a first run need not look at each day of a month that has none."""
        return min([now, *means.first_points(self._store)])

    def _oldest(self) -> int:
        """The first window of which all raw points are still kept; the policy may be altered at any time."""
        kept_ns = self._accepted_ns
        # 2.x may not say how long its buckets keep points.
        with contextlib.suppress(Refused):
            for row in admin.policies(self._store, self._store.database):
                if row["name"] == RAW and hours(row["duration"]):
                    kept_ns = hours(row["duration"]) * _HOUR_NS
        return windows.ceiling(time.time_ns() - kept_ns)

    def _fleet(
        self, start: int, end: int, *, force: bool = False, of: Iterable[str] = tuple(_MAKERS)
    ) -> None:
        """Computes the windows of the period whose points are others than when they were computed last."""
        for source, kinds in _MADE_OF.items():
            wanted = [kind for kind in kinds if kind in of]
            found: dict[int, Print] = {}
            for piece in windows.pieces(start, end) if wanted else ():
                self._lease.keep()
                found |= means.prints(self._store, source, means.period(*piece))
            for kind in wanted:
                for run in windows.portions(found if force else windows.changed(self._store, kind, found)):
                    self._compute(kind, run)
                    windows.remember(self._store, kind, run)

    def _late(self, day: int, fans: late.Marked, *, covered: bool) -> None:
        oldest = self._oldest()
        start, end = max(day, oldest), min(day + DAY_NS, _end())
        if len(fans) > _SINGLED_OUT and not covered:
            self._fleet(start, end)
        elif not covered:
            names = sorted(fans)
            for first in range(0, len(names), _NAMED):
                self._named(start, end, names[first : first + _NAMED])
            self._fleet(start, end, of=(SCORES,))
        if day >= oldest:
            # InfluxDB takes no point of a day that it has begun to drop.
            self._lease.require()
            late.settle(self._store, day, fans, _LATE_DONE)
        self._summary.late_days += 1
        self._summary.late_fans += len(fans)

    def _named(self, start: int, end: int, fans: list[str]) -> None:
        """Computes all windows of these fans; what the fleet's look like says little of a single fan's."""
        for kind in _MADE_OF:
            self._lease.keep()
            found = means.prints(self._store, kind, means.period(start, end, fans))
            for run in windows.portions(found):
                self._compute(kind, run, fans)

    def _compute(self, kind: str, run: windows.Run, fans: Iterable[str] = ()) -> None:
        self._lease.keep()
        points = _MAKERS[kind](self._store, means.period(run[0][0], run[-1][0] + WINDOW_NS, fans))
        # Whoever was held up between reading and writing has read what another one may have gone beyond.
        self._lease.require()
        self._store.write(points, MEANS)
        self._summary.points += len(points)
        self._summary.windows += len(run) if kind == TELEMETRY else 0

    def _progress(self, at: int, until: int, fields: dict[str, object]) -> None:
        """Remembers that all that was there at `until` is worked up."""
        self._store.write([point(_RUNS, {}, {"until": until, **fields}, at)])


def _end() -> int:
    return windows.floor(time.time_ns() + _AHEAD_NS) + WINDOW_NS
