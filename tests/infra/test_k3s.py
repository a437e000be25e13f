"""infra/k3s, rendered by kustomize: valid, complete, pinned, and closed inside each pod as far as Kubernetes can."""

import re
from typing import Any

import pytest
import yaml

from fanwatch.settings import ConnectorSettings
from local import stack as stacks
from local import tools
from tests.support.kustomize import OVERLAYS, ROOT, Manifest, Rendered, cluster, containers
from tests.support.policies import selects

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)

KUBERNETES = ("1.34", "1.37")
"""The oldest and the newest that a cluster may run."""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
PUBLISHER: Manifest = yaml.safe_load((ROOT / "infra/k3s/publish.yaml").read_text(encoding="utf-8"))


def every_pod(rendered: Rendered) -> list[tuple[str, Manifest]]:
    """Name and template of each pod of ours, that of publish.yaml among them."""
    return [
        *((workload["metadata"]["name"], template) for workload, template in rendered.pods()),
        ("publish", PUBLISHER),
    ]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_to_the_letter(overlay: str, version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    for manifest in [*cluster(overlay).manifests, PUBLISHER]:
        # Of a kind that Calico adds; test_k3s_policies looks at it.
        if manifest["kind"] != "GlobalNetworkPolicy":
            validator.validate(manifest, version, strict=True)


def test_the_validator_refuses_what_kubernetes_does_not_know() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    wrong = {**PUBLISHER, "spec": {**PUBLISHER["spec"], "readOnlyRootFilesystem": True}}
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, KUBERNETES[1], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_container_can_write_its_root_or_gain_rights(overlay: str) -> None:
    for name, template in every_pod(cluster(overlay)):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        kinds = {next(key for key in volume if key != "name") for volume in spec.get("volumes", [])}
        kept = {"persistentVolumeClaim", "emptyDir"}
        assert kinds <= {"configMap", "secret"} | kept, name
        written = {volume["name"] for volume in spec.get("volumes", []) if kept & volume.keys()} | {"data"}
        for container in containers(template):
            assert container["securityContext"] == RESTRICTED, (name, container["name"])
            for mount in container.get("volumeMounts", []):
                assert mount.get("readOnly") or mount["name"] in written, (name, mount)


def test_functions_cannot_write_their_root_or_ask_kubernetes() -> None:
    for function in stacks.read(ROOT / "stack.yml", {}).functions.values():
        assert function.readonly_root_filesystem, function.name
    account = cluster("portworx").find("ServiceAccount", "default", "openfaas-fn")
    assert account
    assert account["automountServiceAccountToken"] is False


def test_one_version_of_openfaas_is_spoken_of() -> None:
    for name in ("infra/k3s/openfaas-values.yaml", "infra/k3s/base/policies/openfaas.yaml", "docs/k3s.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"\b1[45]\.\d+\.\d+\b", text)) == {"15.0.6"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_namespaces_hold_pods_to_a_standard(overlay: str) -> None:
    prefix = "pod-security.kubernetes.io/"
    enforced, warned = {}, {}
    for manifest in cluster(overlay).of("Namespace"):
        labels, name = manifest["metadata"]["labels"], manifest["metadata"]["name"]
        enforced[name], warned[name] = labels[f"{prefix}enforce"], labels[f"{prefix}warn"]
    assert enforced == {"fanwatch": "restricted", "openfaas": "baseline", "openfaas-fn": "baseline"}
    assert set(warned.values()) == {"restricted"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_says_what_it_needs_and_whether_it_is_well(overlay: str) -> None:
    for name, template in every_pod(cluster(overlay)):
        for container in containers(template):
            resources = container["resources"]
            assert resources["requests"].keys() == {"cpu", "memory"}, (name, container["name"])
            assert "memory" in resources["limits"], (name, container["name"])
        for container in template["spec"]["containers"]:
            probes = {key for key in container if key.endswith("Probe")}
            # These serve nobody: that they run is all there is to know of them.
            if container["name"] not in ("rollup", "publish"):
                assert "readinessProbe" in probes, (name, container["name"])
            if container["name"] not in ("rollup", "publish", "companion"):
                assert "livenessProbe" in probes, (name, container["name"])
            named = {port["name"] for port in container.get("ports", [])}
            for probe in probes:
                target = container[probe].get("httpGet") or container[probe].get("tcpSocket")
                assert target is None or target["port"] in named, (name, probe)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_budgets_find_their_pods(overlay: str) -> None:
    rendered = cluster(overlay)
    for service in rendered.of("Service"):
        if service["metadata"]["namespace"] != "fanwatch":
            continue
        found = [
            template
            for _, template in rendered.pods()
            if selects({"matchLabels": service["spec"]["selector"]}, template["metadata"]["labels"])
        ]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"] for container in containers(found[0]) for port in container.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    functions = [{"faas_function": name} for name in stacks.read(ROOT / "stack.yml", {}).functions]
    labels = {
        "fanwatch": [template["metadata"]["labels"] for _, template in rendered.pods()],
        "openfaas-fn": functions,
    }
    for namespace, pods in labels.items():
        budgets = [
            budget["spec"]["selector"]
            for budget in rendered.of("PodDisruptionBudget")
            if budget["metadata"]["namespace"] == namespace
        ]
        for selector in budgets:
            assert any(selects(selector, pod) for pod in pods), selector
        for pod in pods:
            # Kubernetes evicts no pod that two budgets name.
            assert sum(selects(selector, pod) for selector in budgets) <= 1, pod
    assert all(any(selects(selector, pod) for selector in budgets) for pod in functions)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_image_has_an_exact_version(overlay: str) -> None:
    images = {container["image"] for _, pod in every_pod(cluster(overlay)) for container in containers(pod)}
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+$", image), image
    assert f"telegraf:{tools.TELEGRAF.version.removeprefix('v')}" in images
    assert f"influxdb:{tools.INFLUXD.version.removeprefix('v')}" in images
    ours = {image.rpartition(":")[2] for image in images if image.startswith("fanwatch/")}
    functions = stacks.read(ROOT / "stack.yml", {}).functions.values()
    assert ours == {function.image.rpartition(":")[2] for function in functions}


def test_timeouts_grow_from_the_function_to_the_connector() -> None:
    values: dict[str, Any] = yaml.safe_load(
        (ROOT / "infra/k3s/openfaas-values.yaml").read_text(encoding="utf-8")
    )
    gateway = values["gateway"]
    inner = stacks.read(ROOT / "stack.yml", {}).functions["score-fan"].environment["exec_timeout"]
    seconds = [
        float(text.removesuffix("s")) for text in (inner, gateway["upstreamTimeout"], gateway["writeTimeout"])
    ]
    assert seconds == sorted(set(seconds))
    assert seconds[-1] < ConnectorSettings().connector_timeout
