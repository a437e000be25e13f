"""Only one of a kind works at a time, on whatever machine: a lease, kept in the store itself and timed by its clock.

InfluxDB cannot compare and set. So each claims first and looks then: of two at once at least the later one sees both,
and who sees another gives way, tries again after a random while. Nobody relies on another one's clock: the store stamps
the claims, and the holder counts from before it sent its own.
"""

import contextlib
import random
import secrets
import socket
import time
from collections.abc import Callable

from fanwatch.errors import FanwatchError
from fanwatch.store.influx import Store, point

FORECAST = "forecast"
"""The work of forecast-fan. Who plays days into the store holds it, for a run would see fans silent for days."""
_RETRY_S = (0.2, 1.5)
_LONGEST = "3h"
"""No claim counts for longer."""
_HURRY_S = 1.0
"""For giving back at a signal."""


class Lost(FanwatchError):
    """The lease ran out before the work was done."""


class LeaseHeld(FanwatchError):
    """Another one of the kind works."""


class Lease:
    """Use as a context manager after `acquire`; `keep` before each step of the work."""

    def __init__(self, store: Store, seconds: float, work: str) -> None:
        """`seconds` is how long a claim counts that is not renewed, as that of a killed process.

        `work` names the kind, such as `rollup`; its claims are in measurement `rollup_lease`.
        """
        self._work = work
        self._measurement = f"{work}_lease"
        self._store = store
        self._seconds = seconds
        self._owner = f"{socket.gethostname()}:{secrets.token_hex(4)}"
        self._renewed = 0.0

    def acquire(self, patience_s: float, wait: Callable[[float], object] = time.sleep) -> "Lease":
        """Returns with the lease held. LeaseHeld where another one still has it after `patience_s`."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self._claim(held=True)
                other = self._other()
            except SystemExit:
                # A signal: nobody shall wait for one that is gone, nor this one for a store that hangs.
                self._give_back(_HURRY_S)
                raise
            if other is None:
                return self
            self._claim(held=False)
            if time.monotonic() > deadline:
                raise LeaseHeld(
                    f"Another {self._work} ({other}) is at work on this store; one that was killed is waited for "
                    f"{self._seconds:g} s. Try again then."
                )
            wait(random.uniform(*_RETRY_S))

    def keep(self) -> None:
        """Renews it where that is due. Lost where it has run out: another one may be working by now."""
        self.require()
        if time.monotonic() - self._renewed > self._seconds / 3:
            self._claim(held=True)

    def require(self) -> None:
        """Lost where it has run out."""
        if time.monotonic() - self._renewed > self._seconds:
            raise Lost(
                f"The {self._work} was held up for longer than its lease; the next run does this again."
            )

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._give_back(_HURRY_S if kind is SystemExit else None)
        except SystemExit:
            self._give_back(_HURRY_S)
            raise

    def _give_back(self, timeout_s: float | None = None) -> None:
        # Where the store is away, the claim ends by itself.
        with contextlib.suppress(FanwatchError):
            self._claim(held=False, timeout_s=timeout_s)

    def _claim(self, *, held: bool, timeout_s: float | None = None) -> None:
        before = time.monotonic()
        fields = {"owner": self._owner, "held": int(held), "seconds": float(self._seconds)}
        self._store.write([point(self._measurement, {}, fields, None)], timeout_s=timeout_s)
        self._renewed = before

    def _other(self) -> str | None:
        """Another owner whose last claim stands; it says itself for how long, whatever this one is set to."""
        rows = self._store.query(
            f'SELECT "owner", "held", "seconds" FROM "{self._measurement}" WHERE time > now() - {_LONGEST}'
        )
        last = {row["owner"]: row for row in sorted(rows, key=lambda row: int(row["time"]))}
        # This one's own claim has just been made, so its time is the store's.
        now = int(last.pop(self._owner)["time"]) if self._owner in last else 0
        for owner, claim in last.items():
            # One that lies further ahead than it lasts was stamped while the store's clock was ahead.
            if claim["held"] and abs(claim["time"] - now) < claim["seconds"] * 1e9:
                return str(owner)
        return None
