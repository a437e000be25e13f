"""Waiting for something to become true, with a deadline."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_MOST = 8.0


def until(predicate: Callable[[], T], timeout_s: float, what: str) -> T:
    """The first true answer of `predicate`; AssertionError naming `what` when it takes longer than timeout_s.

    That is a deadline for a machine that does nothing else, and longer on a busy one (see `patience`): it ends a test
    that hangs, and is never what a test proves.
    """
    began = time.monotonic()
    while True:
        answer = predicate()
        if answer:
            return answer
        assert time.monotonic() - began < timeout_s * patience(), f"{what}: not within {timeout_s} s"
        time.sleep(0.01)


def patience() -> float:
    """How many times as long as on an idle machine something may take now: 1 to 8, by how many wait for processors."""
    return min(_MOST, 1.0 + os.getloadavg()[0] / (os.cpu_count() or 1))
