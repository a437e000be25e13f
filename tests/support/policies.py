"""Who may speak to whom under Kubernetes' network policies (networking.k8s.io/v1)."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Manifest = dict[str, Any]


class Peer(NamedTuple):
    """A pod, or an address outside the cluster (without a namespace)."""

    name: str
    address: str
    namespace: str = ""
    labels: Mapping[str, str] = {}


class Policies:
    """A cluster's policies, and its namespaces with their labels."""

    def __init__(self, policies: Iterable[Manifest], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self._policies = list(policies)
        self._namespaces = namespaces

    def egress(self, source: Peer, destination: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether the source's side lets it through."""
        return self._side("Egress", "egress", "to", source, destination, port, protocol)

    def ingress(self, source: Peer, destination: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether the destination's side does."""
        return self._side("Ingress", "ingress", "from", destination, source, port, protocol)

    def _side(
        self, kind: str, key: str, word: str, subject: Peer, other: Peer, port: int, protocol: str
    ) -> bool:
        if not subject.namespace:
            return True
        # Rules of a kind that policyTypes does not name are inert.
        applying = [
            policy
            for policy in self._policies
            if policy["metadata"]["namespace"] == subject.namespace
            and kind in policy["spec"]["policyTypes"]
            and selects(policy["spec"]["podSelector"], subject.labels)
        ]
        if not applying:
            return True
        return any(
            self._matches(rule, word, policy["metadata"]["namespace"], other, port, protocol)
            for policy in applying
            for rule in policy["spec"].get(key, [])
        )

    def _matches(
        self, rule: Manifest, word: str, namespace: str, other: Peer, port: int, protocol: str
    ) -> bool:
        ports = rule.get("ports", [])
        if ports and not any(
            entry.get("port", port) == port and entry.get("protocol", "TCP") == protocol for entry in ports
        ):
            return False
        peers = rule.get(word, [])
        return not peers or any(self._is(peer, namespace, other) for peer in peers)

    def _is(self, peer: Manifest, namespace: str, other: Peer) -> bool:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            address = ipaddress.ip_address(other.address)
            return address in ipaddress.ip_network(block["cidr"]) and not any(
                address in ipaddress.ip_network(part) for part in block.get("except", [])
            )
        if not other.namespace:
            return False
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"], self._namespaces[other.namespace]):
                return False
        elif other.namespace != namespace:
            return False
        return selects(peer.get("podSelector", {}), other.labels)


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes an object with these labels; an empty one takes all."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    return {
        "In": labels.get(key) in expression.get("values", []),
        "NotIn": labels.get(key) not in expression.get("values", []),
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[operator]
