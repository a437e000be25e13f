"""Whom Grafana tells, and how often."""

from typing import Any, Final

RECEIVER: Final = "fanwatch"
_LABELS: Final = ["grafana_folder", "alertname"]


def contact_points() -> dict[str, Any]:
    """E-mail and webhook, with addresses from the environment.

    Grafana replaces an unset variable by nothing, and does not start with a receiver that has no address. So each has a
    character beside it that does no harm: an empty entry in a list of addresses, an empty fragment of a URL. Where
    neither is set, alerts show in Grafana, and its log says that they could not be sent.
    """
    return {
        "apiVersion": 1,
        "contactPoints": [
            {
                "orgId": 1,
                "name": RECEIVER,
                "receivers": [
                    {
                        "uid": "fanwatch-email",
                        "type": "email",
                        "settings": {"addresses": ";${FANWATCH_ALERT_EMAIL}", "singleEmail": True},
                    },
                    {
                        "uid": "fanwatch-webhook",
                        "type": "webhook",
                        "settings": {"url": "${FANWATCH_ALERT_WEBHOOK}#", "httpMethod": "POST"},
                    },
                ],
            }
        ],
    }


def policies() -> dict[str, Any]:
    """One message an episode: an alert of a fan is a group of its own, told after ten seconds and again after days.

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
                    {
                        "receiver": RECEIVER,
                        "object_matchers": [["rule", "=", "fan-silent"]],
                        "group_by": _LABELS,
                        "group_wait": "30s",
                        "group_interval": "10m",
                        "repeat_interval": "4d",
                    },
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
