"""When many fans that stop or fall silent at once are one trouble, of what they share, and not one a fan.

Grafana's rules, forecast-fan's webhook and the page have it from here.
"""

from typing import Final

from fanwatch.messages.alarm import Alarm
from fanwatch.messages.reasons import Reasons, reason

SHARE: Final = 2
"""More than one of so many is most of the fleet."""
TOGETHER_MS: Final = 25 * 60_000
"""What goes within so long went at once: what two runs see is one trouble, whose beginning may lie at a bin's edge."""
LEAST: Final = 2
"""Of a fleet of one or two, one is no fleet."""

SILENT, STOPPED, BOTH = "silent", "stopped", "silent or stopped"


def is_one(gone: int, known: int) -> bool:
    """Whether `gone` of `known` fans are told as one."""
    return gone >= LEAST and gone * SHARE > known


def kind_of(silent: int, stopped: int) -> str:
    """What so many fans have in common."""
    return BOTH if silent and stopped else SILENT if silent else STOPPED


def told(kind: str, gone: int, known: int, since_ms: int = 0, again: int = 0) -> Reasons:
    """What is said of all of them; `again` of them send again. `since_ms` is 0 where it differs."""
    return (reason("outage", kind=kind, gone=gone, known=known, since=since_ms or None, again=again or None),)


def unannounced(alarm: Alarm | None) -> bool:
    """Whether a fan has stopped, and no wear of its own had announced it."""
    return alarm is not None and alarm.state == "stopped" and alarm.cause is None
