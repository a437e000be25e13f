"""What each Python that `make test-hours` starts does first: it takes the moved clock, and sleeps by it.

Python sleeps until a moment of the steady clock (`clock_nanosleep` with TIMER_ABSTIME), and libfaketime 0.9.10, told to
leave that clock alone, answers that with EINVAL. Leaving it alone is needed: locks wait by it past libfaketime.
"""

import json
import os
import sys
import threading
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    threading.Event().wait(seconds)


if "FAKETIME" in os.environ or __name__ != "tests.support.sleeping":
    time.sleep = _sleep
if "FAKETIME" not in os.environ and "CLOCK" in globals():
    # Started without the environment of the rest, as functions are: once more, with it.
    with open(globals()["CLOCK"], encoding="ascii") as file:
        os.environ.update(json.load(file))
    os.execv(sys.executable, sys.orig_argv)
