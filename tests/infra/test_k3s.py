"""infra/k3s, rendered by kustomize: valid, complete, pinned, and closed inside each pod as far as Kubernetes can."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanwatch.settings import (
    BrokerSettings,
    ConnectorSettings,
    GatewaySettings,
    HistorySettings,
    StoreSettings,
    load,
)
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
CONFIG_MAP_BYTES = 1024 * 1024
PUBLISHER: Manifest = yaml.safe_load((ROOT / "infra/k3s/publish.yaml").read_text(encoding="utf-8"))


def every_pod(rendered: Rendered) -> list[tuple[str, Manifest]]:
    """Name and template of each pod of ours, that of publish.yaml among them."""
    return [
        *((workload["metadata"]["name"], template) for workload, template in rendered.pods()),
        ("publish", PUBLISHER),
    ]


def workload(rendered: Rendered, name: str) -> Manifest:
    return next(found for found, _ in rendered.pods() if found["metadata"]["name"] == name)


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


def test_functions_cannot_write_their_root() -> None:
    for function in stacks.read(ROOT / "stack.yml", {}).functions.values():
        assert function.readonly_root_filesystem, function.name


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


def contents(manifest: Manifest) -> dict[str, bytes]:
    """Keys and values of a ConfigMap or Secret."""
    if manifest["kind"] == "Secret":
        return {key: base64.b64decode(value) for key, value in manifest["data"].items()}
    return {key: value.encode() for key, value in manifest["data"].items()}


def mounted(rendered: Rendered, template: Manifest, container: Manifest) -> dict[str, bytes]:
    """Path and content of each file that a container gets from ConfigMaps and Secrets."""
    volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
    files: dict[str, bytes] = {}
    for mount in container.get("volumeMounts", []):
        volume = volumes.get(mount["name"], {})
        kind = "ConfigMap" if "configMap" in volume else "Secret" if "secret" in volume else None
        if kind is None:
            continue
        source = volume["configMap"] if kind == "ConfigMap" else volume["secret"]
        named = rendered.find(kind, source["name"] if kind == "ConfigMap" else source["secretName"])
        assert named, f"{kind} {source} of {container['name']} is not generated"
        held = contents(named)
        items = source.get("items") or [{"key": key, "path": key} for key in held]
        files |= {f"{mount['mountPath']}/{item['path']}": held[item["key"]] for item in items}
    return files


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_container_is_told_of_is_mounted(overlay: str) -> None:
    rendered = cluster(overlay)
    looked_at = set()
    for _, template in rendered.pods():
        for container in containers(template):
            files = mounted(rendered, template, container)
            folders = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
            told = [
                *container.get("command", []),
                *(entry.get("value", "") for entry in container.get("env", [])),
            ]
            for text in told:
                path = text.rpartition("=")[2]
                if path.startswith("/") and path not in folders and Path(path).name != "provisioning":
                    assert path in files, (container["name"], path)
                    looked_at.add(path)
    assert {
        "/etc/telegraf/metrics.conf",
        "/etc/fanwatch/policies.yaml",
        "/opt/companion/companion.sh",
    } <= looked_at


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_broker_gets_every_file_that_its_configuration_names(overlay: str) -> None:
    rendered = cluster(overlay)
    template = workload(rendered, "mosquitto")["spec"]["template"]
    files = mounted(rendered, template, template["spec"]["containers"][0])
    config = files["/mosquitto/config/mosquitto.conf"].decode()
    named = set(re.findall(r"^\w+ (/mosquitto/secrets/\S+)$", config, re.M))
    assert len(named) == 8
    assert named <= files.keys()
    assert "/mosquitto/config/conf.d/common.conf" in files
    ports = {port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    assert ports == set(map(int, re.findall(r"^listener (\d+)$", config, re.M)))


@pytest.mark.parametrize(
    ("name", "folder", "patterns"),
    [
        ("mosquitto", "infra/mosquitto", ("mosquitto.conf", "conf.d/*.conf")),
        ("influxdb", "infra/influxdb", ("*.conf", "policies.yaml")),
        ("telegraf", "infra/telegraf", ("*.conf", "*.star")),
        ("grafana-datasources", "infra/grafana/provisioning/datasources", ("*.yaml",)),
        ("grafana-providers", "infra/grafana/provisioning/dashboards", ("*.yaml",)),
        ("grafana-alerting", "infra/grafana/provisioning/alerting", ("*.yaml",)),
        ("grafana-dashboards", "infra/grafana/dashboards", ("*.json",)),
    ],
)
def test_configurations_are_those_of_every_runtime(name: str, folder: str, patterns: tuple[str, ...]) -> None:
    held = contents(cluster("local-path").generated("ConfigMap", name))
    held.pop("site.conf", None)
    files = [path for pattern in patterns for path in (ROOT / folder).glob(pattern)]
    assert files
    # One that was added there and not to its kustomization.yaml would be missing on clusters only.
    assert held == {path.name: path.read_bytes() for path in files}
    assert sum(map(len, held.values())) < CONFIG_MAP_BYTES, "more than a ConfigMap may hold"


def test_functions_find_their_secrets_under_the_names_that_stack_yml_gives_them() -> None:
    rendered = cluster("portworx")
    for function in stacks.read(ROOT / "stack.yml", {}).functions.values():
        for name in function.secrets:
            found = rendered.find("Secret", name, "openfaas-fn")
            assert found, name
            assert found["data"].keys() == {name}


def test_no_secret_is_in_a_config_map_or_in_the_environment() -> None:
    rendered = cluster("portworx")
    values = {value for manifest in rendered.of("Secret") for value in contents(manifest).values()}
    passwords = {value.decode() for value in values if 0 < len(value) < 64}
    rest = yaml.safe_dump([manifest for manifest in rendered.manifests if manifest["kind"] != "Secret"])
    assert len(passwords) == 6, "three users', OpenFaaS's two and Grafana's"
    assert not [password for password in passwords if password in rest]
    keys = {key for manifest in rendered.of("Secret") for key in contents(manifest) if key.endswith(".key")}
    assert keys == {"server.key"}, "the CA's keys stay where they were made"


def test_settings_are_known_and_sessions_belong_to_the_pods_that_use_them() -> None:
    rendered = cluster("portworx")
    environments = {}
    for _, template in rendered.pods():
        for container in containers(template):
            if container["image"].startswith("fanwatch/"):
                environment = {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}
                for cls in (
                    BrokerSettings,
                    ConnectorSettings,
                    GatewaySettings,
                    HistorySettings,
                    StoreSettings,
                ):
                    load(cls, environment)
                environments[container["name"]] = environment
    own = environments["connector"]
    name = f"{workload(rendered, 'connector')['metadata']['name']}-0"
    assert own["FANWATCH_CONNECTOR_ID"].replace("$(POD_NAME)", name) == ConnectorSettings().connector_id
    # The companion makes the sessions where the connector will look for them.
    for setting in ("FANWATCH_BROKER_HOST", "FANWATCH_BROKER_PORT"):
        assert environments["companion"][setting] == own[setting]


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


def claims(rendered: Rendered) -> dict[str, Manifest]:
    """Each claim's spec by the workload that uses it."""
    found = {}
    for owner, template in rendered.pods():
        for claim in owner["spec"].get("volumeClaimTemplates", []):
            found[owner["metadata"]["name"]] = claim["spec"]
        for volume in template["spec"].get("volumes", []):
            if "persistentVolumeClaim" in volume:
                named = rendered.find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
                assert named, volume
                found[owner["metadata"]["name"]] = named["spec"]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_volume_has_a_class_that_gives_what_it_asks_for(overlay: str) -> None:
    rendered = cluster(overlay)
    classes = {found["metadata"]["name"]: found for found in rendered.of("StorageClass")}
    wanted = claims(rendered)
    assert wanted.keys() == {"mosquitto", "influxdb", "grafana", "model-store"}
    for name, claim in wanted.items():
        assert re.fullmatch(r"\d+Gi", claim["resources"]["requests"]["storage"]), name
        owner = workload(rendered, name)
        shared = claim["accessModes"] == ["ReadWriteMany"]
        if overlay.startswith("local-path"):
            assert claim["storageClassName"] == "local-path"
            assert not classes
            assert not shared, "local-path knows no shared volumes"
        else:
            parameters = classes[claim["storageClassName"]]["parameters"]
            assert shared == (parameters.get("sharedv4") == "true"), name
        assert shared or owner["spec"]["replicas"] == 1, name
        if owner["kind"] == "Deployment" and not shared:
            assert owner["spec"]["strategy"] == {"type": "Recreate"}, "two pods would wait for one volume"
    # What the queue may hold must fit on the broker's volume, twice: it is written beside the old one.
    site = contents(rendered.generated("ConfigMap", "mosquitto"))["site.conf"].decode()
    queued = int(re.findall(r"^max_queued_bytes (\d+)$", site, re.M)[0])
    assert int(wanted["mosquitto"]["resources"]["requests"]["storage"][:-2]) * 2**30 > 20 * queued


@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name.startswith("portworx")])
def test_portworx_keeps_copies(overlay: str) -> None:
    rendered = cluster(overlay)
    classes = {found["metadata"]["name"]: found for found in rendered.of("StorageClass")}
    for found in classes.values():
        assert found["provisioner"] == "pxd.portworx.com"
        assert found["allowVolumeExpansion"] is True
        assert found["parameters"]["io_profile"] == "auto"
    named = {
        owner: classes[claim["storageClassName"]]["parameters"] for owner, claim in claims(rendered).items()
    }
    assert named["influxdb"]["repl"] == "3"
    assert named["mosquitto"]["repl"] in ("2", "3")
    shared = {"repl": "2", "sharedv4": "true", "sharedv4_svc_type": "ClusterIP", "io_profile": "auto"}
    assert named["model-store"] == shared


def test_storks_scheduler_is_asked_for_where_portworx_is_and_only_there() -> None:
    for overlay in OVERLAYS:
        rendered = cluster(overlay)
        asked = {
            owner["metadata"]["name"]
            for owner, template in rendered.pods()
            if template["spec"].get("schedulerName") == "stork"
        }
        assert asked == (set(claims(rendered)) if overlay.startswith("portworx") else set())
