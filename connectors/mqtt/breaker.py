"""A circuit breaker with jittered backoff: while a function is away, one worker tries it and the others wait."""

import random
import threading
import time
from collections.abc import Callable

_FIRST_S = 0.05
_LONGEST_S = 2.0


class Breaker:
    """Shared by the workers of one function; safe between threads.

    `wait` returns at once while the function is well. After a failure it lets one caller through at a time, each time
    a little later, until `succeeded`.
    """

    def __init__(self, on_change: Callable[[bool], None] = lambda _open: None) -> None:
        """`on_change(open)` is called when it opens and when it closes."""
        self._state = threading.Condition()
        self._failures = 0
        self._not_before = 0.0
        self._trying = False
        self._stopped = False
        self._on_change = on_change

    @property
    def open(self) -> bool:
        """Whether the function is taken to be away."""
        return self._failures > 0

    def wait(self) -> bool:
        """Waits until a call makes sense; False once it is stopped. Tell it the outcome of every call."""
        with self._state:
            while not self._stopped:
                if not self._failures:
                    return True
                left_s = self._not_before - time.monotonic()
                if left_s <= 0 and not self._trying:
                    self._trying = True
                    return True
                self._state.wait(left_s if left_s > 0 else None)
        return False

    def succeeded(self) -> None:
        """A call was answered: everybody may go on."""
        if not self._failures:
            return
        with self._state:
            self._failures = 0
            self._trying = False
            self._state.notify_all()
        self._on_change(False)

    def failed(self) -> None:
        """A call was not answered: wait longer before the next one."""
        with self._state:
            self._failures += 1
            opened = self._failures == 1
            longest = min(_LONGEST_S, _FIRST_S * 2 ** min(self._failures, 10))
            self._not_before = time.monotonic() + random.uniform(longest / 2, longest)
            self._trying = False
            self._state.notify_all()
        if opened:
            self._on_change(True)

    def abstain(self) -> None:
        """The caller that was let through made no call."""
        with self._state:
            self._trying = False
            self._state.notify_all()

    def stop(self) -> None:
        """Lets every waiting caller go, with False."""
        with self._state:
            self._stopped = True
            self._state.notify_all()
