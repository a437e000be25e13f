"""No forecast while days are played in: a run would see fans that sent nothing for days, and say so."""

import threading
from typing import Final

from fanwatch.errors import FanwatchError
from fanwatch.store.influx import Store
from fanwatch.store.lease import FORECAST, Lease

_LEASE_S: Final = 30.0
_RENEW_S: Final = 3.0
_PATIENCE_S: Final = 1.0
_LAST_S: Final = 0.5


class Quiet:
    """Holds the lease of forecast-fan from `begin` to `end`; its runs answer meanwhile that another one is at work."""

    def __init__(self, store: Store) -> None:
        self._lease = Lease(store, _LEASE_S, FORECAST)
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="quiet", daemon=True)

    def begin(self) -> None:
        """Returns with the lease held. FanwatchError where a run is at work, or the store is away: try again."""
        self._lease.acquire(_PATIENCE_S)
        self._keeper.start()

    def end(self) -> None:
        """Lets runs go on."""
        self._over.set()
        if self._keeper.is_alive():
            self._keeper.join(_LAST_S)

    def _keep(self) -> None:
        with self._lease:
            while not self._over.wait(_RENEW_S):
                try:
                    self._lease.keep()
                except FanwatchError:
                    # The store is away: so it is for runs, and nobody plays anything into it.
                    continue
