"""What was remembered while the clock here was ahead of the time.

Readings of a time that has not come are left out until it has. But runs that believed such a clock have remembered
states and alarms of then, and these would hide what is told now, for as long as the clock was ahead.
"""

from collections.abc import Mapping

import msgspec

from fanwatch.store import checkpoints
from fanwatch.store.checkpoints import Note, Row
from fanwatch.store.fan_names import chunks
from fanwatch.store.influx import Store


def forget(store: Store, known: Mapping[str, Row], until_ms: int, since_ms: int) -> list[str]:
    """Erases the points of fans that know of times after `until_ms`, and ends retirements of then.

    Returns these fans. What is known of them has to be read again, for below a point there may be another one; and what
    the broker retains of them is of a time to come, or gone.
    """
    hasty = [row for row in known.values() if max(row.checkpoint_ms, row.through_ms, row.told_ms) > until_ms]
    for newest in chunks(hasty):
        found = checkpoints.days(store, [row.fan for row in newest], since_ms)
        wrong = [row for points in found.values() for row in points if row.checkpoint_ms > until_ms]
        checkpoints.erase(store, [*wrong, *newest])
    away = [row for row in known.values() if row.note.retired_ms > until_ms and row not in hasty]
    checkpoints.save(store, (msgspec.structs.replace(row, note=Note()) for row in away if not row.void))
    checkpoints.erase(store, (row for row in away if row.void))
    return [row.fan for row in (*hasty, *away)]
