"""Markers of late readings: measurement `late` has one a fan and UTC day, whose field `seen` changes with each.

The one that was worked up last is kept in a measurement of whoever works them up, such as `late_done`, and compared
for equality. A cursor over times would miss the
markers that come late themselves, as after an outage of the store.
"""

from fanwatch.store.influx import Store, point

DAY_NS = 86_400 * 10**9

Marked = dict[str, int]
"""`seen` by fan."""


def pending(store: Store, since: int, done_in: str) -> dict[int, Marked]:
    """By UTC day, in ns, from the one of `since` on: markers that were not worked up, or have changed since."""
    late, done = (_digests(store, name, since) for name in ("late", done_in))
    found = {}
    for day in sorted(late):
        if done.get(day) != late[day]:
            before = _marked(store, done_in, day)
            now = {fan: seen for fan, seen in _marked(store, "late", day).items() if before.get(fan) != seen}
            if now:
                found[day] = now
    return found


def settle(store: Store, day: int, marked: Marked, done_in: str) -> None:
    """After what they have changed was written: these markers, as they were read before that, are worked up."""
    store.write(point(done_in, {"deviceID": fan}, {"seen": seen}, day) for fan, seen in marked.items())


def _digests(store: Store, measurement: str, since: int) -> dict[int, tuple[int, int]]:
    # A sum of so many nanoseconds leaves the range of an int and comes round again: good enough to compare.
    rows = store.query(
        f'SELECT count("seen") AS "n", sum("seen") AS "total" FROM "{measurement}" '
        f"WHERE time >= {since // DAY_NS * DAY_NS} GROUP BY time(1d) fill(none)"
    )
    return {row["time"]: (row["n"], row["total"]) for row in rows}


def _marked(store: Store, measurement: str, day: int) -> Marked:
    rows = store.query(
        f'SELECT "seen" FROM "{measurement}" WHERE time >= {day} AND time < {day + DAY_NS} GROUP BY "deviceID"'
    )
    found: Marked = {}
    for row in rows:
        # At the far end of what is kept, a marker has the reading's time instead of its day's, so there are several.
        found[row["deviceID"]] = max(row["seen"], found.get(row["deviceID"], 0))
    return found
