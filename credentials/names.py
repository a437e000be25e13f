"""Who may be called what."""

from fanwatch import topics
from fanwatch.errors import FanwatchError

SERVICES = ("connector", "score-fan", "forecast-fan", "telegraf", "console", "operator")
"""Roles on the inner listener; a user of one may have any name."""
DEVICES = ("device", "gateway")
"""Roles on the outer listeners, where a user's name is its client id."""
ROLES = (*SERVICES, *DEVICES)
# Client ids of our own parts begin so; a device that were called like one of them would take its session over.
_OURS = ("fanwatch-", "score-fan", "auto-", "server")


def check(name: str) -> None:
    """FanwatchError for a name that is none."""
    if not topics.DEVICE_ID.fullmatch(name):
        raise FanwatchError(
            f"{name!r} is no name: it takes 1 to 64 letters, digits, hyphens and underscores, as a deviceID does."
        )


def check_device(name: str) -> None:
    """The same, and for one that no device or gateway may have."""
    check(name)
    if name.startswith(_OURS) or name in SERVICES:
        raise FanwatchError(f"{name} cannot be a device's name: Fanwatch's own parts are called so.")
