"""When many fans that stop or fall silent at once are one trouble, of what they share, and not one a fan.

Grafana's rules, forecast-fan's webhook and the page have it from here.
"""

from typing import Final

from fanwatch import text
from fanwatch.messages.alarm import Alarm

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


def in_words(kind: str, gone: int, known: int, since_ms: int = 0, again: int = 0) -> str:
    """One message for all of them; `again` of them send again. `since_ms` is 0 where it differs."""
    return text.say("outage", kind=kind, gone=gone, known=known, since=since_ms, again=again)


def unannounced(alarm: Alarm) -> bool:
    """Whether the fan has stopped, and no wear of its own had announced it."""
    return alarm.state == "stopped" and alarm.cause is None
