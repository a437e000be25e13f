"""When many fans that stop or fall silent at once are one trouble, of what they share, and not one a fan.

Grafana's rules, forecast-fan's webhook and the page have it from here.
"""

from typing import Final

SHARE: Final = 2
"""More than one of so many is most of the fleet."""
TOGETHER_MS: Final = 25 * 60_000
"""What goes within so long went at once: what two runs see is one trouble, whose beginning may lie at a bin's edge."""
LEAST: Final = 2
"""Of a fleet of one or two, one is no fleet."""

SILENT, STOPPED, BOTH = "silent", "stopped", "silent or stopped"
_WORDS: Final = {
    SILENT: ("have sent nothing", "network, power, broker"),
    STOPPED: ("have stood still", "power, control"),
    BOTH: ("have stood still or sent nothing", "power, network, control"),
}


def is_one(gone: int, known: int) -> bool:
    """Whether `gone` of `known` fans are told as one."""
    return gone >= LEAST and gone * SHARE > known


def kind_of(silent: int, stopped: int) -> str:
    """What so many fans have in common."""
    return BOTH if silent and stopped else SILENT if silent else STOPPED


def in_words(kind: str, gone: int, known: int, since: str = "", again: int = 0) -> str:
    """One message for all of them; `again` of them send again. `since` is a time in words, empty where it differs."""
    what, shared = _WORDS[kind]
    began = f" since {since}" if since else ""
    back = f"; {again:,} of them send again" if again else ""
    return f"{gone:,} of {known:,} fans {what}{began}{back}: look at what they share ({shared})."
