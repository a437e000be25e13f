"""From where each fan is to be worked up: its checkpoint, an earlier one where readings came late, or its first bin."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from fanwatch.forecast import BIN_MS, StateError
from fanwatch.forecast.memory import unpack
from fanwatch.store import checkpoints, fan_bins, late
from fanwatch.store.checkpoints import DAY_MS, Row
from fanwatch.store.fan_names import chunks
from fanwatch.store.influx import Store

MS = 1_000_000
LATE_DONE = "forecast_late"
_HOUR_MS = 3_600_000


def void_late(store: Store, known: Mapping[str, Row], since_ms: int) -> list[str]:
    """Takes fans back to where readings, which came too late for their checkpoint, are still to be read.

    Returns these fans. Markers are read first and settled last: what is marked meanwhile is left for the next run.
    """
    found: set[str] = set()
    for day_ns, marked in late.pending(store, since_ms * MS, LATE_DONE).items():
        day_ms = day_ns // MS
        suspects = [known[fan] for fan in marked if fan in known and not known[fan].void]
        inside = [row for row in suspects if row.from_ms < day_ms + DAY_MS and day_ms < row.checkpoint_ms]
        stale = _mismatched(store, inside)
        earlier = [row.fan for row in suspects if day_ms < row.from_ms]
        for chunk in chunks(earlier):
            points = [row for each in checkpoints.days(store, chunk, since_ms).values() for row in each]
            stale += _mismatched(
                store, [row for row in points if row.from_ms < day_ms + DAY_MS and day_ms < row.checkpoint_ms]
            )
        back: dict[str, tuple[Row, int]] = {}
        for row in stale:
            to_ms = min(row.from_ms, back[row.fan][1]) if row.fan in back else row.from_ms
            back[row.fan] = known[row.fan], to_ms
        take_back(store, back, since_ms)
        found |= back.keys()
        late.settle(store, day_ns, marked, LATE_DONE)
    return sorted(found)


def take_back(store: Store, fans: Mapping[str, tuple[Row, int]], since_ms: int) -> None:
    """Makes all points void that know more than they shall: by fan, its newest point, and a time in ms."""
    for chunk in chunks(sorted(fans)):
        for fan, points in checkpoints.days(store, chunk, since_ms - DAY_MS).items():
            newest, to_ms = fans[fan]
            # The newest of them also holds the alarm.
            wrong = [newest if point.checkpoint_ms == newest.checkpoint_ms else point for point in points]
            checkpoints.make_void(store, [point for point in wrong if point.checkpoint_ms > to_ms])


def readable(row: Row) -> bool:
    """Whether this version can go on from what was kept of the fan."""
    bins = (row.through_ms - row.checkpoint_ms) // BIN_MS
    if len(row.kept) != fan_bins.packed_size(bins):
        return False
    try:
        unpack(row.state)
    except StateError:
        return False
    return True


def restored(store: Store, fans: Iterable[Row], since_ms: int) -> dict[str, Row]:
    """For fans whose newest point is void, what there is to go on from: the newest point that is not.

    Fans that have none are missing.
    """
    wanted = {row.fan: row for row in fans}
    found = {}
    for chunk in chunks(sorted(wanted)):
        for fan, points in checkpoints.days(store, chunk, since_ms - DAY_MS).items():
            last = points[-1]
            found[fan] = msgspec.structs.replace(
                last,
                through_ms=last.checkpoint_ms,
                told_ms=wanted[fan].told_ms,
                alarm=wanted[fan].alarm,
                note=wanted[fan].note,
            )
    return found


def cold(store: Store, fans: Mapping[str, Row | None], start_ms: int) -> list[Row]:
    """Rows of fans of which there is no state: they begin with the first bin of any of them that has readings."""
    first = fan_bins.oldest(store, start_ms) if fans else {}
    made = []
    begin = min((first[fan] for fan in fans if fan in first), default=start_ms) // BIN_MS * BIN_MS
    for fan, before in fans.items():
        before = before or Row(fan=fan)
        made.append(
            Row(
                fan=fan,
                from_ms=begin,
                checkpoint_ms=begin,
                through_ms=begin,
                told_ms=before.told_ms,
                alarm=before.alarm,
                note=before.note,
            )
        )
    return made


def groups(members: Iterable[Row], head_ms: int) -> list[list[Row]]:
    """Fans that can be worked up together, as many as one query names at most.

    A run may not get through all of them. First come those that are within an hour of the head, the ones that have
    waited longest before the others, so that each has its turn; then the rest, those that know most before the others.
    """
    found: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in members:
        found[row.checkpoint_ms, row.through_ms].append(row)
    current = {key for key in found if head_ms - key[1] <= _HOUR_MS}
    turns = [*sorted(current, key=lambda key: key[1]), *sorted(found.keys() - current, reverse=True)]
    return [list(some) for key in turns for some in chunks(found[key])]


def _mismatched(store: Store, points: Iterable[Row]) -> list[Row]:
    """Those of the rows for whose time the store has other points than they have taken."""
    spans: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in points:
        spans[row.from_ms, row.checkpoint_ms].append(row)
    wrong = []
    for (start_ms, end_ms), group in spans.items():
        counts = fan_bins.taken(store, start_ms, end_ms, [row.fan for row in group])
        wrong += [row for row in group if counts[row.fan] != row.taken]
    return wrong
