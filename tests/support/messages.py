"""Messages as Grafana's Alertmanager would send them: alerts grouped by the committed policies, told when they change.

After Alertmanager's own rules: a group is told when an alert joins it that was not in its last message, when one that
was is over and the receiver is to be told so, and again after the repeat interval. A receiver with
`disableResolveMessage` gets no message about what is over, and what comes back after that is told anew.
"""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.support.alerting import RULES, Watch, rules

DIRECTORY: Final = RULES.parent
FORGOTTEN_MS: Final = 5 * 86_400_000
"""So long Grafana knows what it has told."""
_UNITS_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Labels = tuple[tuple[str, str], ...]


class Message(NamedTuple):
    """One that is sent."""

    at_ms: int
    receiver: str
    firing: tuple[str, ...]
    """Rules and fans, such as "fan-needs-you fan-01"."""
    over: tuple[str, ...]


class _Told(NamedTuple):
    at_ms: int
    firing: frozenset[Labels]


def content(name: str, directory: Path = DIRECTORY) -> dict[str, Any]:
    """A provisioning file."""
    found: dict[str, Any] = yaml.safe_load((directory / name).read_text(encoding="utf-8"))
    return found


def route(policy: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The part of the policy that an alert is told by: the first that matches, with what it inherits."""
    for child in policy.get("routes", []):
        if all(labels.get(name) == value for name, sign, value in child["object_matchers"] if sign == "="):
            return policy | child
    return policy


class Grafana:
    """All rules on one store, and who is told of them: `look` in the order of times, as the rules are or wider apart.

    Each look stands for its own time; groups' waits and intervals, at most minutes, pass between two of them.
    """

    def __init__(self, url: str) -> None:
        self._rules = rules()
        self._watches = {name: Watch(url, rule) for name, rule in self._rules.items()}
        (self._policy,) = content("policies.yaml")["policies"]
        points = content("contact-points.yaml")["contactPoints"]
        self._says_over = {
            point["name"]: not all(each["disableResolveMessage"] for each in point["receivers"])
            for point in points
        }
        self._told: dict[Labels, _Told] = {}
        self.messages: list[Message] = []

    def look(self, at_ms: int) -> list[Message]:
        """One round; the messages of it."""
        groups: dict[Labels, tuple[dict[str, Any], set[Labels]]] = {
            key: (self._route(key), set()) for key in self._told
        }
        for name, watch in self._watches.items():
            rule = self._rules[name]
            for fired in watch.look(at_ms):
                labels = {**rule["labels"], "alertname": rule["title"], **fired}
                chosen = route(self._policy, labels)
                key = _labels({each: labels.get(each, "") for each in ("rule", *chosen["group_by"])})
                groups.setdefault(key, (chosen, set()))[1].add(_labels(labels))
        sent = [
            message
            for key, (chosen, firing) in groups.items()
            if (message := self._told_now(key, chosen, frozenset(firing), at_ms)) is not None
        ]
        self.messages += sent
        return sent

    def _route(self, key: Labels) -> dict[str, Any]:
        return route(self._policy, self._rules[dict(key)["rule"]]["labels"])

    def _told_now(
        self, key: Labels, chosen: dict[str, Any], firing: frozenset[Labels], at_ms: int
    ) -> Message | None:
        told = self._told.get(key, _Told(at_ms, frozenset()))
        if at_ms - told.at_ms >= FORGOTTEN_MS:
            told = _Told(at_ms, frozenset())
        over = told.firing - firing
        again = bool(firing) and at_ms - told.at_ms >= _duration_ms(chosen["repeat_interval"])
        if not (firing - told.firing or over or again):
            return None
        self._told[key] = _Told(at_ms, firing)
        says_over = self._says_over[chosen["receiver"]]
        if not firing and not says_over:
            return None
        if not (firing - told.firing or again) and not says_over:
            self._told[key] = _Told(told.at_ms, firing)
            return None
        shown = _names(over) if says_over else ()
        return Message(at_ms, chosen["receiver"], _names(firing), shown)


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _names(alerts: frozenset[Labels]) -> tuple[str, ...]:
    found = [dict(alert) for alert in alerts]
    return tuple(sorted(f"{each['rule']} {each.get('deviceID', '')}".strip() for each in found))


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    assert match, f"{text!r} is no duration that Grafana reads"
    return int(match[1]) * _UNITS_MS[match[2]]
