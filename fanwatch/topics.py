"""The topics of Fanwatch and MQTT's rules for matching them."""

import re

READINGS = "fan/messages"
RESULTS = "fan/anomaly"
DEAD_LETTER_PREFIX = "dead-letter/"
DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# What we publish ourselves: a subscription that matched one of these would feed results back into scoring.
_OURS = (RESULTS, "fan/any-device/alarm", DEAD_LETTER_PREFIX + READINGS)


def dead_letter(topic: str) -> str:
    """Where a condemned reading of `topic` goes. Outside fan/#, so nothing scores it again."""
    return DEAD_LETTER_PREFIX + topic


def device_of(topic: str) -> str | None:
    """The device that `fan/<deviceID>/messages` names; None for a topic that names none."""
    parts = topic.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "fan" and parts[2] == "messages" else None


def is_reading_topic(topic: str) -> bool:
    """Whether readings are expected on `topic`."""
    return topic == READINGS or device_of(topic) is not None


def matches(pattern: str, topic: str) -> bool:
    """MQTT's topic matching, with `+` for one level and a last `#` for the rest."""
    if topic.startswith("$") and not pattern.startswith("$"):
        return False
    levels = topic.split("/")
    wanted = pattern.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)


def is_valid_filter(pattern: str) -> bool:
    """Whether a broker would accept `pattern` in a subscription."""
    if not pattern or len(pattern.encode()) > 65_535 or "\0" in pattern:
        return False
    levels = pattern.split("/")
    return (
        all(level in ("+", "#") or not set(level) & {"+", "#"} for level in levels) and "#" not in levels[:-1]
    )


def feeds_back(pattern: str) -> bool:
    """Whether a subscription to `pattern` would receive what Fanwatch publishes: results, alarms or dead letters."""
    return any(matches(pattern, own) for own in _OURS) or pattern.startswith(DEAD_LETTER_PREFIX)
