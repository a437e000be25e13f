"""Which windows have to be computed, and in what portions.

Measurement `rollup_window` (policy raw) remembers for each window what its raw points were like, by number and sum,
just before its means were computed; it is written after the means. So whatever came since shows as a difference, a run
that was killed in the middle has remembered nothing, and a window without a difference need not be computed again.
"""

from collections.abc import Iterator

from fanwatch.store import means
from fanwatch.store.influx import Store, point
from fanwatch.store.means import WINDOW_NS, Print

Run = list[tuple[int, Print]]
"""Windows that follow one another, and what their points are like."""

_MEASUREMENT = "rollup_window"
_PLAN_NS = 12 * WINDOW_NS
"""What is looked at in one query: two hours, for a day of a large fleet takes too long."""
_POINTS = 500_000
_WINDOWS = 24
"""What one query makes means of at most: 2 s of InfluxDB's time; for 1,000 fans that seldom report, 40 MB of ours."""


def floor(time_ns: int, unit_ns: int = WINDOW_NS) -> int:
    """The beginning of the window that has this time; of another unit, such as a UTC day."""
    return time_ns // unit_ns * unit_ns


def ceiling(time_ns: int) -> int:
    """The first window that begins at this time or later."""
    return -(-time_ns // WINDOW_NS) * WINDOW_NS


def pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The period in parts of at most two hours."""
    for first in range(start, end, _PLAN_NS):
        yield first, min(first + _PLAN_NS, end)


def remember(store: Store, kind: str, done: Run) -> None:
    """After their means were written: what they were computed from."""
    store.write(point(_MEASUREMENT, {}, {kind: found.text}, window) for window, found in done)


def changed(store: Store, kind: str, found: dict[int, Print]) -> dict[int, Print]:
    """Those of the windows found whose points are others than when `kind` was made of them last."""
    if not found:
        return {}
    known = means.remembered(store, _MEASUREMENT, kind, min(found), max(found))
    return {window: seen for window, seen in found.items() if known.get(window) != seen.text}


def portions(found: dict[int, Print]) -> Iterator[Run]:
    """The windows in order, as runs of neighbours: at most four hours and 500,000 points together, or one."""
    run: Run = []
    points = 0
    for window, seen in sorted(found.items()):
        full = len(run) == _WINDOWS or points + seen.points > _POINTS
        if run and (full or window != run[-1][0] + WINDOW_NS):
            yield run
            run, points = [], 0
        run.append((window, seen))
        points += seen.points
    if run:
        yield run
