"""Who may be called what."""

from fanwatch.errors import FanwatchError
from fanwatch.messages import topics

SERVICES = ("connector", "score-fan", "forecast-fan", "telegraf", "console", "operator")
"""Roles of our own parts and of people, on the inner listener."""
ROLES = (*SERVICES, "device", "gateway")
"""All roles. On the outer listeners, a user's name is its client id."""
# Users and client ids of our own parts begin so; a device that were called like one of them would take its session
# over, or be denied its own topic.
_OURS = ("fanwatch-", "auto-", "server", *SERVICES)


def check(name: str, role: str) -> None:
    """FanwatchError for a name that is none, or that none of this role may have."""
    _check(name)
    if not name.startswith(role):
        raise FanwatchError(f"A user of role {role} is called {role} or {role}-…, and not {name}.")


def check_device(name: str) -> None:
    """The same for a device or gateway."""
    _check(name)
    if name.startswith(_OURS):
        raise FanwatchError(
            f"{name} cannot be a device's name: Fanwatch's own users and parts are called so."
        )


def _check(name: str) -> None:
    if not topics.DEVICE_ID.fullmatch(name):
        raise FanwatchError(
            f"{name!r} is no name: it takes 1 to 64 letters, digits, hyphens and underscores, as a deviceID does."
        )
