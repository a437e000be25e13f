"""Reads the bins of one group of fans, which have their checkpoint in common.

A run begins two hours back: readings that come a little late are then simply there. What the bins since the checkpoint
were like is kept beside the state, with the number of their points, so that InfluxDB need only count those, and
aggregates again what has changed.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS
from fanwatch.forecast_service.unusable_fans import Hearing
from fanwatch.messages.reasons import Reasons
from fanwatch.store import fan_bins
from fanwatch.store.checkpoints import Row
from fanwatch.store.fan_bins import Span
from fanwatch.store.influx import Store

_BINS = 144
"""What one query aggregates at most, of a fleet that seldom reports: a day."""
_FAN_BINS = 2_000_000
"""Fans times bins that are worked up of one group in one go: about 4 s of processor time."""
_BINS_AT_LEAST = 18
"""Three hours; that many must be, for a run begins two hours back."""


class Goal(NamedTuple):
    """Up to where, and by what."""

    head_ms: int
    """The end of the newest bin that is complete."""
    scored: dict[str, int]
    """By fan, up to when its readings were scored, in ms."""
    blind: Reasons | None
    """Why nothing newer is known of any fan, where that is so."""
    now_ms: int
    """By the clock here."""
    hearing: Hearing
    """What comes of fans that cannot be used."""


def gathered(store: Store, group: Sequence[Row], goal: Goal, more: Callable[[], bool]) -> Span:
    """The group's bins from its checkpoint to the head, or as far as there was time: `more` says whether there is.

    It is asked before all queries of bins but the first, so that something is done in any case.
    """
    fans = [row.fan for row in group]
    until = np.array([goal.scored.get(fan, 0) for fan in fans], np.int64)
    start_ms, through_ms = group[0].checkpoint_ms, group[0].through_ms
    bins = max(_BINS_AT_LEAST, _FAN_BINS // len(group))
    head_ms = max(min(goal.head_ms, start_ms + bins * BIN_MS), through_ms)
    sizes = fan_bins.sizes(store, start_ms, head_ms, fans) if head_ms > start_ms else {}
    span = _kept(store, group, sizes, until)
    for place, (first, last) in enumerate(_portions(sizes, through_ms, head_ms)):
        if place and not more():
            break
        points = sum(sizes.get(at_ms, 0) for at_ms in range(first, last, BIN_MS))
        part = fan_bins.read(store, first, last, fans, -(-points // fan_bins.POINTS))
        fan_bins.leave_out(part, until)
        span = fan_bins.joined(span, part)
    return span


def _kept(store: Store, group: Sequence[Row], sizes: dict[int, int], until: NDArray[np.int64]) -> Span:
    """The bins that are known since the checkpoint, with what has come for them meanwhile."""
    start_ms, through_ms = group[0].checkpoint_ms, group[0].through_ms
    if through_ms == start_ms:
        return fan_bins.empty(start_ms, start_ms, len(group))
    span = fan_bins.unpacked(start_ms, [row.kept for row in group])
    fans = [row.fan for row in group]
    totals = span.points.sum(axis=1)
    for place in range(len(totals)):
        at_ms = start_ms + place * BIN_MS
        if sizes.get(at_ms, 0) != totals[place]:
            _reread(store, span, place, fans, until)
    return span


def _reread(store: Store, span: Span, place: int, fans: list[str], until: NDArray[np.int64]) -> None:
    """Aggregates one bin again, of the fans that have other points there than before."""
    at_ms = span.start_ms + place * BIN_MS
    there = fan_bins.points(store, at_ms, at_ms + BIN_MS, fans)[0]
    there[at_ms > until] = 0
    changed = np.flatnonzero(there != span.points[place])
    if len(changed):
        part = fan_bins.read(store, at_ms, at_ms + BIN_MS, [fans[number] for number in changed])
        fan_bins.leave_out(part, until[changed])
        span.points[place, changed] = part.points[0]
        span.values[place, changed] = part.values[0]


def _portions(sizes: dict[int, int], start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """The bins that one query after the other aggregates."""
    found: list[tuple[int, int]] = []
    first, points = start_ms, 0
    for at_ms in range(start_ms, end_ms, BIN_MS):
        here = sizes.get(at_ms, 0)
        if at_ms > first and (points + here > fan_bins.POINTS or at_ms - first >= _BINS * BIN_MS):
            found.append((first, at_ms))
            first, points = at_ms, 0
        points += here
    return [*found, (first, end_ms)] if end_ms > first else found
