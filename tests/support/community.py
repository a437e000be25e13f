"""What OpenFaaS's Community Edition refuses to create or to update, with 400.

Facts read in faas-netes 0.18, commit 662ce9c (deploy, update and the checks of a request), in words of our own.
"""

import re
from collections.abc import Mapping

MOST_FUNCTIONS = 15
MOST_REPLICAS = 5
_PRO_LABELS = ("zero-duration", "target", "type")
"""Of com.openfaas.scale.*, whatever their value is."""
_CLOUDS = ("amazonaws.com", "gke.io")
# What Kubernetes itself takes: functions' labels and annotations become those of their pods.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def refusals(name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> list[str]:
    """Why a function of this name would not be deployed; nothing where it would."""
    found = [] if _SERVICE.fullmatch(name) else [f"{name} is no name of a service"]
    found += _of_labels(labels) + _of_annotations(annotations)
    for key in (*labels, *annotations):
        prefix, _, short = key.rpartition("/")
        if not _NAME.fullmatch(short) or (prefix and not _PREFIX.fullmatch(prefix)):
            found.append(f"{key} is no key to Kubernetes")
    return found


def _of_labels(labels: Mapping[str, str]) -> list[str]:
    found = [f"com.openfaas.scale.{key}" for key in _PRO_LABELS if f"com.openfaas.scale.{key}" in labels]
    if labels.get("com.openfaas.scale.zero") == "true":
        found.append("com.openfaas.scale.zero is true")
    for key in ("com.openfaas.scale.min", "com.openfaas.scale.max"):
        if int(labels.get(key, 0)) > MOST_REPLICAS:
            found.append(f"{key} is more than {MOST_REPLICAS}")
    found += [
        f"{key}: {value} is no label's value"
        for key, value in labels.items()
        if value and not _NAME.fullmatch(value)
    ]
    return found


def _of_annotations(annotations: Mapping[str, str]) -> list[str]:
    found = ["two topics in the annotation topic"] if "," in annotations.get("topic", "") else []
    found += [f"annotation {key}" for key in annotations if any(cloud in key for cloud in _CLOUDS)]
    return found
