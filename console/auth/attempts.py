"""How often somebody may guess: failed log-ins by name, by address and by both, in a table that cannot grow.

Libraries that limit rates count requests by one key, and take no attempt back. Here the pair of name and address waits,
so that nobody who guesses locks the owner out, and an attempt counts before its password is checked.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 900.0
"""Failures are forgotten after so long."""
MOST_PAIR: Final = 5
"""Failures of one name from one address. It alone has to wait: elsewhere the name's owner still gets in."""
MOST_ADDRESS: Final = 25
"""Failures from one address, whatever the names."""
MOST_NAME: Final = 100
"""Failures of one name, wherever from: many machines that guess together."""
MOST_KEPT: Final = 10_000
"""Names and addresses remembered; beyond them those seen longest ago are forgotten."""


class Attempts:
    """Counts failures. Not thread-safe: the page's event loop owns it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # A key's window begins with its first failure.
        self._failed: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def wait_s(self, name: str, address: str) -> float:
        """Seconds until this may be tried; 0 for now."""
        now = self._clock()
        longest = 0.0
        for key, most in _keys(name, address).items():
            since, count = self._failed.get(key, (now, 0))
            if count >= most:
                longest = max(longest, since + WINDOW_S - now)
        return longest

    def began(self, name: str, address: str) -> None:
        """An attempt counts as failed before its password is looked at, or many at once would all get through."""
        now = self._clock()
        for key in _keys(name, address):
            since, count = self._failed.pop(key, (now, 0))
            if now - since >= WINDOW_S:
                since, count = now, 0
            self._failed[key] = (since, count + 1)
        while len(self._failed) > MOST_KEPT:
            self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Takes that attempt back; the pair begins anew."""
        self.withdrawn(name, address)
        self._failed.pop((name, address), None)

    def withdrawn(self, name: str, address: str) -> None:
        """Takes that attempt back, for nobody has looked at its password."""
        for key in _keys(name, address):
            if key in self._failed:
                since, count = self._failed[key]
                self._failed[key] = (since, max(0, count - 1))

    def __len__(self) -> int:
        return len(self._failed)


def _keys(name: str, address: str) -> dict[tuple[str, str], int]:
    return {(name, address): MOST_PAIR, ("", address): MOST_ADDRESS, (name, ""): MOST_NAME}
