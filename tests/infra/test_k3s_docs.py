"""What docs/k3s.md says of a cluster, held against the manifests."""

import re

from tests.support.kustomize import OVERLAYS, ROOT, cluster

TEXT = (ROOT / "docs/k3s.md").read_text(encoding="utf-8")
# Of those that the overlays have, the kinds that belong to no namespace.
OF_THE_CLUSTER = {"Namespace", "StorageClass", "GlobalNetworkPolicy"}


def section(title: str) -> str:
    """The text below a heading."""
    return re.split(r"^## ", TEXT.partition(f"## {title}\n")[2], maxsplit=1, flags=re.M)[0]


def test_the_commands_that_remove_it_remove_all_and_need_no_secrets() -> None:
    said = section("Remove")
    assert "delete -k" not in said, "it renders, which needs every secret's file"
    [namespaces] = re.findall(r"kubectl delete namespace (.*)", said)
    [label] = re.findall(r"kubectl delete storageclass -l (\S+)", said)
    [policy] = re.findall(r"kubectl delete globalnetworkpolicy (\S+)", said)
    for overlay in OVERLAYS:
        for manifest in cluster(overlay).manifests:
            kind, metadata = manifest["kind"], manifest["metadata"]
            if kind == "StorageClass":
                key, _, value = label.partition("=")
                assert metadata["labels"][key] == value, metadata["name"]
            elif kind == "GlobalNetworkPolicy":
                assert metadata["name"] == policy
            else:
                name = metadata["name"] if kind == "Namespace" else metadata["namespace"]
                assert name in namespaces.split(), (overlay, kind, metadata["name"])
                assert (kind in OF_THE_CLUSTER) == (kind == "Namespace")


def test_nobody_is_told_that_openfaas_runs_without_the_internet() -> None:
    assert "asks the internet" not in section("Air-gapped")
    assert "checkip.amazonaws.com" in section("Install"), "which faas-netes asks at each start"
    assert "does not run" in section("Air-gapped").split(".")[0]


def test_what_a_closed_way_looks_like_is_said_for_each_network() -> None:
    said = section("Who may speak to whom")
    assert "Connection refused" in said, "K3s's own policies reject"
    assert "without an answer" in said, "others drop"
    alarms = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")
    assert "*Connection refused* or a timeout" in alarms, "which is how it looks to the webhook"
