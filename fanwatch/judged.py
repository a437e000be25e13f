"""When the readings of a fan count as faulty, and until when a verdict counts.

Said here once for the page, the command, the dashboards and the alert rules, so that all of them say the same.
"""

from typing import Any, Final

FAULTY_S: Final = 120
"""The results of so many seconds say whether a fan's readings are faulty ..."""
FAULTS: Final = 3
"""... where so many of them are faults at least, however slow a sensor is: a net that is wrong once in a thousand is
alone with it ..."""
FAULTY_SHARE: Final = 0.5
"""... and more than this share of them."""
VERDICT_S: Final = 1200
"""forecast-fan judges every ten minutes. Where two of its runs are missing, what it said is old: nobody is judged."""


def faulty(faults: Any, results: Any) -> Any:
    """Whether so many faults among so many results of FAULTY_S are too many; numbers, or arrays of them by fan."""
    return (faults >= FAULTS) & (faults > FAULTY_SHARE * results)
