"""The cluster's network policies as a graph: what is needed is open on both sides, all else closed on both."""

import pytest
import yaml

from local import stack as stacks
from tests.support.kustomize import OVERLAYS, ROOT, Rendered, cluster
from tests.support.policies import Peer, Policies

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)

# Labels of OpenFaaS's own pods, as its charts openfaas 15.0.6 and cron-connector 0.6.16 render them with our values.
OPENFAAS = ("gateway", "prometheus", "alertmanager", "cron-connector")
LAN = ("10.1.2.3", "172.16.9.9", "192.168.1.20")
INTERNET = "203.0.113.9"
METADATA = "169.254.169.254"
PORTS = (
    *(22, 53, 80, 443, 587, 1883, 3000, 5000, 6443, 8080, 8081, 8082, 8086, 8091, 8092),
    *(8093, 8883, 8884, 8885, 9090, 9093, 10250),
)

FUNCTIONS = ("score-fan", "infer-fan", "infer-fan-lite", "forecast-fan")
EDGES: set[tuple[str, str, int]] = {
    # Readings, results and what becomes of them.
    *(
        (source, "mosquitto", 8884)
        for source in ("connector", "telegraf", "score-fan", "forecast-fan", "console")
    ),
    *((source, "influxdb", 8086) for source in ("telegraf", "rollup", "grafana", "forecast-fan", "console")),
    # Calls. Functions call each other through the gateway too.
    *(
        (source, "gateway", 8080)
        for source in ("connector", "telegraf", "score-fan", "cron-connector", "console")
    ),
    *(("gateway", function, 8080) for function in FUNCTIONS),
    *((function, "model-store", 8080) for function in ("infer-fan", "infer-fan-lite", "forecast-fan")),
    # What the parts say of themselves.
    ("telegraf", "connector", 8091),
    ("telegraf", "console", 8093),
    ("telegraf", "gateway", 8082),
    # OpenFaaS among itself.
    ("prometheus", "gateway", 8082),
    ("gateway", "prometheus", 9090),
    ("prometheus", "alertmanager", 9093),
    ("alertmanager", "gateway", 8080),
    # From the local network, directly or through K3s's load balancer.
    *((lan, "mosquitto", port) for lan in (*LAN, "svclb-mosquitto-lan") for port in (8883, 8885)),
    *((lan, "grafana", 3000) for lan in (*LAN, "svclb-grafana-lan")),
    *((lan, "console", 8093) for lan in (*LAN, "svclb-console-lan")),
    # Out of the cluster: webhooks and mail, Kubernetes' API, the registries of functions' images.
    *(("grafana", outside, port) for outside in (*LAN, INTERNET) for port in (443, 587)),
    *(("forecast-fan", outside, 443) for outside in (*LAN, INTERNET)),
    *(("gateway", outside, port) for outside in (*LAN, INTERNET) for port in (443, 5000, 6443)),
    *(("prometheus", outside, 6443) for outside in (*LAN, INTERNET)),
}
RESOLVING = ("connector", "telegraf", "rollup", "grafana", "console", *OPENFAAS, *FUNCTIONS)
"""Pods that may ask for names; the broker, the store and the model store never speak first."""


def peers(rendered: Rendered) -> dict[str, Peer]:
    """All pods by name, some that nobody knows, and addresses outside."""
    found = {}

    def pod(name: str, namespace: str, labels: dict[str, str]) -> None:
        found[name] = Peer(name, f"10.42.0.{len(found) + 10}", namespace, labels)

    for workload, template in rendered.pods():
        pod(workload["metadata"]["name"], workload["metadata"]["namespace"], template["metadata"]["labels"])
    publisher = yaml.safe_load((ROOT / "infra/k3s/publish.yaml").read_text(encoding="utf-8"))
    pod("publish", "fanwatch", publisher["metadata"]["labels"])
    for name in OPENFAAS:
        pod(name, "openfaas", {"app": name})
    for name in stacks.read(ROOT / "stack.yml", {}).functions:
        pod(name, "openfaas-fn", {"faas_function": name})
    for service in rendered.of("Service"):
        if service["spec"].get("type") == "LoadBalancer":
            name = service["metadata"]["name"]
            pod(f"svclb-{name}", "kube-system", {"svccontroller.k3s.cattle.io/svcname": name})
    pod("dns", "kube-system", {"k8s-app": "kube-dns"})
    pod("traefik", "kube-system", {"app.kubernetes.io/name": "traefik"})
    for namespace in ("fanwatch", "openfaas", "openfaas-fn", "default"):
        pod(f"stranger of {namespace}", namespace, {"app": "stranger", "app.kubernetes.io/name": "stranger"})
    # Names alone open nothing: the namespace counts as well.
    pod("another gateway", "default", {"app": "gateway"})
    pod("another connector", "default", {"app.kubernetes.io/name": "connector"})
    for address in (*LAN, INTERNET, METADATA):
        found[address] = Peer(address, address)
    return found


def policies(rendered: Rendered) -> Policies:
    namespaces = {
        manifest["metadata"]["name"]: {
            **manifest["metadata"]["labels"],
            "kubernetes.io/metadata.name": manifest["metadata"]["name"],
        }
        for manifest in rendered.of("Namespace")
    }
    others = {name: {"kubernetes.io/metadata.name": name} for name in ("kube-system", "default")}
    return Policies(rendered.of("NetworkPolicy"), namespaces | others)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_needed_edge_is_open_and_every_other_closed_on_both_sides(overlay: str) -> None:
    rendered = cluster(overlay)
    known, rules = peers(rendered), policies(rendered)
    assert {name for edge in EDGES for name in edge[:2]} <= known.keys()
    guarded = {"fanwatch", "openfaas", "openfaas-fn"}
    wrong = []
    for source in known.values():
        for destination in known.values():
            if source is destination:
                continue
            for port in PORTS:
                needed = (source.name, destination.name, port) in EDGES
                if port == 53 and destination.name == "dns":
                    needed = source.name in RESOLVING
                if source.namespace in guarded and rules.egress(source, destination, port) != needed:
                    wrong.append(
                        f"egress {source.name} -> {destination.name}:{port} {'closed' if needed else 'open'}"
                    )
                if destination.namespace in guarded and rules.ingress(source, destination, port) != needed:
                    wrong.append(
                        f"ingress {source.name} -> {destination.name}:{port} {'closed' if needed else 'open'}"
                    )
    assert not wrong, "\n".join(wrong)


def test_names_are_asked_for_over_udp_and_nothing_else_goes_over_it() -> None:
    rendered = cluster("portworx")
    known, rules = peers(rendered), policies(rendered)
    for source in known.values():
        if source.namespace in ("fanwatch", "openfaas", "openfaas-fn"):
            for destination in known.values():
                for port in PORTS:
                    needed = port == 53 and destination.name == "dns" and source.name in RESOLVING
                    assert rules.egress(source, destination, port, "UDP") == needed, (
                        source,
                        destination,
                        port,
                    )


def test_the_ports_of_the_edges_are_ports_that_the_pods_have() -> None:
    rendered = cluster("portworx")
    ports = {
        workload["metadata"]["name"]: {
            port["containerPort"]
            for container in template["spec"]["containers"]
            for port in container.get("ports", [])
        }
        for workload, template in rendered.pods()
    }
    for source, destination, port in EDGES:
        assert port in ports.get(destination, {port}), (source, destination, port)
    unreached = {
        (name, port)
        for name, opened in ports.items()
        for port in opened
        if not any(edge[1:] == (name, port) for edge in EDGES)
    }
    assert unreached == {("telegraf", 8092)}, "which the node's probes alone need"


def test_the_documented_way_out_opens_that_and_nothing_else() -> None:
    rendered = cluster("portworx")
    text = (ROOT / "docs/k3s.md").read_text(encoding="utf-8")
    more = yaml.safe_load(text.partition("kubectl apply -f - <<'END'\n")[2].partition("END\n")[0])
    rendered = Rendered([*rendered.manifests, more])
    known, rules = peers(rendered), policies(rendered)
    opened = {
        (source.name, destination.name, port)
        for source in known.values()
        for destination in known.values()
        for port in (*PORTS, 8443)
        if source is not destination
        and source.namespace == "openfaas-fn"
        and destination.name != "dns"
        and rules.egress(source, destination, port)
    }
    before = {edge for edge in EDGES if known[edge[0]].namespace == "openfaas-fn"}
    assert opened - before == {("forecast-fan", "192.168.1.20", 8443)}


@pytest.mark.parametrize("namespace", ["fanwatch", "openfaas", "openfaas-fn"])
def test_every_namespace_denies_by_default_both_ways(namespace: str) -> None:
    found = cluster("local-path").find("NetworkPolicy", "default-deny", namespace)
    assert found
    assert found["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name.endswith("-calico")])
def test_calico_closes_what_no_policy_of_a_namespace_opens(overlay: str) -> None:
    rendered = cluster(overlay)
    (found,) = rendered.of("GlobalNetworkPolicy")
    assert found["apiVersion"] == "projectcalico.org/v3"
    spec = found["spec"]
    # Standard policies have order 1000 in Calico; ours must come after them.
    assert spec["order"] > 1000
    assert spec["types"] == ["Ingress", "Egress"]
    assert spec["ingress"] == spec["egress"] == [{"action": "Deny"}]
    assert spec["namespaceSelector"] == 'app.kubernetes.io/part-of == "fanwatch"'
    selected = [
        manifest["metadata"]["name"]
        for manifest in rendered.of("Namespace")
        if manifest["metadata"]["labels"]["app.kubernetes.io/part-of"] == "fanwatch"
    ]
    assert sorted(selected) == ["fanwatch", "openfaas", "openfaas-fn"]


def test_only_calico_overlays_need_calico() -> None:
    for overlay in OVERLAYS:
        assert bool(cluster(overlay).of("GlobalNetworkPolicy")) == overlay.endswith("-calico")
