"""Whom Grafana tells, and how often."""

from typing import Any, Final

RECEIVER: Final = "fanwatch"
EPISODES: Final = "fanwatch-episodes"
_LABELS: Final = ["grafana_folder", "alertname"]


def contact_points() -> dict[str, Any]:
    """E-mail and webhook, with addresses from the environment.

    Grafana replaces an unset variable by nothing, and does not start with a receiver that has no address. So each has a
    character beside it that does no harm: an empty entry in a list of addresses, an empty fragment of a URL. Where
    neither is set, alerts show in Grafana, and its log says that they could not be sent.
    """
    points = [_point(RECEIVER, over=True), _point(EPISODES, over=False)]
    return {"apiVersion": 1, "contactPoints": points}


def _point(name: str, *, over: bool) -> dict[str, Any]:
    """`over`: whether it is told, too, that there is nothing to tell any more."""
    addresses = {
        "email": {"addresses": ";${FANWATCH_ALERT_EMAIL}", "singleEmail": True},
        "webhook": {"url": "${FANWATCH_ALERT_WEBHOOK}#", "httpMethod": "POST"},
    }
    receivers = [
        {"uid": f"{name}-{kind}", "type": kind, "disableResolveMessage": not over, "settings": settings}
        for kind, settings in addresses.items()
    ]
    return {"orgId": 1, "name": name, "receivers": receivers}


def policies() -> dict[str, Any]:
    """One message an episode: an alert of a fan is a group of its own, told after ten seconds and again after days.

    That an episode is over is no message: Grafana would say the same of one that somebody has taken in hand.
    What many fans can have at once is one group: the first message comes as early, and names all that came with it.
    Grafana forgets what it has told after five days, so no interval is longer.
    """
    return {
        "apiVersion": 1,
        "policies": [
            {
                "orgId": 1,
                "receiver": RECEIVER,
                "group_by": [*_LABELS, "deviceID"],
                "group_wait": "10s",
                "group_interval": "1m",
                "repeat_interval": "4d",
                "routes": [
                    {"receiver": EPISODES, "object_matchers": [["rule", "=", "fan-needs-you"]]},
                    *(
                        {
                            "receiver": receiver,
                            "object_matchers": [["rule", "=", rule]],
                            "group_by": _LABELS,
                            "group_wait": "30s",
                            "group_interval": "10m",
                            "repeat_interval": "4d",
                        }
                        # After an outage of a site, each of its fans has been silent.
                        for receiver, rule in (
                            (EPISODES, "instrument-alarm"),
                            (RECEIVER, "fan-silent"),
                            (RECEIVER, "readings-not-usable"),
                        )
                    ),
                    {
                        "receiver": RECEIVER,
                        "object_matchers": [["scope", "=", "pipeline"], ["severity", "=", "critical"]],
                        "group_by": _LABELS,
                        "group_wait": "10s",
                        "group_interval": "5m",
                        "repeat_interval": "4h",
                    },
                    {
                        "receiver": RECEIVER,
                        "object_matchers": [["scope", "=", "pipeline"]],
                        "group_by": _LABELS,
                        "group_wait": "1m",
                        "group_interval": "10m",
                        "repeat_interval": "1d",
                    },
                ],
            }
        ],
    }
