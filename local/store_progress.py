"""What InfluxDB has got in one run of the runtime: points of what happens in it, and of the days that are played in.

The latter have times before the run began, where there may be points of earlier runs. So those are counted before
Telegraf stores anything. Counting days takes long, so once nothing more comes of them, that is done seldom.
"""

import time
from typing import Final

from fanwatch.settings import StoreSettings
from local.health import stored_counts

_SETTLED_S: Final = 60.0
"""So long nothing came of the days before: it is not being played any more."""
_SELDOM_S: Final = 300.0

Counts = dict[str, int]


class Stored:
    """Counts of one run. `begin` before Telegraf starts, from then on `counts`; from one thread at a time each."""

    def __init__(self, settings: StoreSettings, start_ns: int, oldest_ns: int) -> None:
        """The run began at `start_ns`; what is played in may be as old as `oldest_ns`."""
        self._settings = settings
        self._start_ns, self._oldest_ns = start_ns, oldest_ns
        self._had: Counts | None = None
        """What there was of the days before; None where InfluxDB did not say."""
        self._past: Counts = {}
        self._counted = self._changed = 0.0

    def begin(self) -> None:
        """Counts what there is of the days before."""
        self._had = stored_counts(self._settings, self._oldest_ns, self._start_ns)
        self._changed = time.monotonic()

    def counts(self) -> Counts | None:
        """Points by measurement; None where InfluxDB does not answer."""
        self._count_past(time.monotonic())
        found = stored_counts(self._settings, self._start_ns)
        return found and {name: count + self._past.get(name, 0) for name, count in found.items()}

    def _count_past(self, now: float) -> None:
        settled = now - self._changed > _SETTLED_S
        if self._had is None or (settled and now - self._counted < _SELDOM_S):
            return
        found = stored_counts(self._settings, self._oldest_ns, self._start_ns)
        if found is None:
            return
        # Fewer than there were is what was kept for long enough, and is none of this run's doing.
        past = {name: max(0, count - self._had.get(name, 0)) for name, count in found.items()}
        self._counted = now
        if past != self._past:
            self._past, self._changed = past, now
