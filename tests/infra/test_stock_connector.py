"""connectors/openfaas: the stock MQTT connector takes the place of ours, never a place beside it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from local import sessions
from tests.support.kustomize import ROOT, Rendered, checkout, environment, render, workload
from tests.support.mosquitto import Mosquitto

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)


def test_an_overlay_with_the_component_has_the_stock_connector_alone(tmp_path: Path) -> None:
    k3s = checkout(tmp_path)
    shutil.copytree(ROOT / "connectors/openfaas", tmp_path / "connectors/openfaas")
    mine = k3s / "overlays/mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [../local-path]\ncomponents: [../../../../connectors/openfaas/k3s]\n",
        encoding="utf-8",
    )
    stock, ours = render(mine), render(k3s / "overlays/local-path")
    names = [
        {(found["kind"], found["metadata"]["name"]) for found in manifests} for manifests in (stock, ours)
    ]
    assert names[0] ^ names[1] == {("StatefulSet", "connector"), ("Deployment", "mqtt-connector")}
    # Nobody would read a session of ours.
    assert [sessions_made(Rendered(manifests)) for manifests in (stock, ours)] == ["telegraf", ""]
    [deployment] = [found for found in stock if found["metadata"]["name"] == "mqtt-connector"]
    [statefulset] = [
        found for found in ours if found["kind"] == "StatefulSet" and found["metadata"]["name"] == "connector"
    ]
    pods = [found["spec"]["template"] for found in (deployment, statefulset)]
    # The same policies are its, and it may do no more.
    assert pods[0]["metadata"]["labels"] == pods[1]["metadata"]["labels"]
    for key in ("automountServiceAccountToken", "enableServiceLinks", "securityContext", "volumes"):
        assert pods[0]["spec"][key] == pods[1]["spec"][key], key
    containers = [pod["spec"]["containers"][0] for pod in pods]
    assert containers[0]["securityContext"] == containers[1]["securityContext"]


def sessions_made(rendered: Rendered) -> str:
    """Whose sessions the broker's companion makes, where it is told."""
    pod = workload(rendered, "mosquitto")["spec"]["template"]["spec"]
    [companion] = [container for container in pod["containers"] if container["name"] == "companion"]
    return environment(rendered, companion).get("COMPANION_SESSIONS", "")


def test_both_runtimes_start_it_alike() -> None:
    faasd = yaml.safe_load((ROOT / "connectors/openfaas/faasd.yaml").read_text(encoding="utf-8"))["connector"]
    k3s = yaml.safe_load((ROOT / "connectors/openfaas/k3s/mqtt-connector.yaml").read_text(encoding="utf-8"))
    container = k3s["spec"]["template"]["spec"]["containers"][0]
    there = container["args"][0].replace("mosquitto.fanwatch", "mosquitto")
    # Compose files write $$ for $.
    assert faasd["command"][-1].replace("$$", "$") == there
    assert faasd["image"] == container["image"]


def test_what_the_documentation_says_ends_the_session_of_either(broker: Mosquitto) -> None:
    """The one that is left behind would fill up, and be dropped from."""
    text = (ROOT / "docs/openfaas.md").read_text(encoding="utf-8")
    commands = dict(re.findall(r"^mosquitto_sub .* (-i (\S+) -E -t nothing)$", text, re.M))
    kept = [
        sessions.connector(sessions.ConnectorSettings(), ["fan/messages"]),
        sessions.Session("fanwatch-connector-stock", ("fan/messages",)),
    ]
    assert set(commands.values()) == {session.client_id for session in kept}
    stock = (ROOT / "connectors/openfaas/faasd.yaml").read_text(encoding="utf-8")
    assert re.search(rf"-id {kept[1].client_id}\s", stock)
    for session in kept:
        assert sessions.create(broker.settings, session) is False
        assert sessions.create(broker.settings, session) is True
    for options in commands:
        command = ["mosquitto_sub", "-p", str(broker.port), *options.split()]
        subprocess.run(command, check=True, timeout=20)
    for session in kept:
        assert sessions.create(broker.settings, session) is False, session.client_id
