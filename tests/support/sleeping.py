"""Under libfaketime: `time.sleep` by a way that works there. Imported by each Python that `make test-hours` starts.

Python sleeps until a moment of the steady clock (`clock_nanosleep` with TIMER_ABSTIME), and libfaketime 0.9.10, told to
leave that clock alone, answers that with EINVAL. Leaving it alone is needed: locks wait by it past libfaketime.
"""

import os
import threading
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    threading.Event().wait(seconds)


if "FAKETIME" in os.environ or __name__ != "tests.support.sleeping":
    time.sleep = _sleep
