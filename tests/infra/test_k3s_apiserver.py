"""infra/k3s before a real API server: all of it is taken, a second time changes nothing, another overlay is refused.

KUBE_APISERVER names one; without it these are skipped, and say so.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.apiserver import ApiServer
from tests.support.kustomize import OVERLAYS, ROOT, checkout, kustomize, render

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(900)

# What a cluster has before us: K3s's class, Portworx's driver, Calico's kind.
BEFORE: list[dict[str, Any]] = [
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "local-path"},
        "provisioner": "rancher.io/local-path",
    },
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": "pxd.portworx.com"},
        "spec": {},
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "globalnetworkpolicies.projectcalico.org"},
        "spec": {
            "group": "projectcalico.org",
            "scope": "Cluster",
            "names": {"plural": "globalnetworkpolicies", "kind": "GlobalNetworkPolicy"},
            "versions": [
                {
                    "name": "v3",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    },
]


class Site:
    """A cluster, and a checkout from which it is installed."""

    def __init__(self, directory: Path, ends: ExitStack) -> None:
        self.api = ApiServer(directory / "api", ends)
        self.api.make(*BEFORE)
        self.k3s = checkout(directory)
        (directory / ".venv/bin").mkdir(parents=True)
        (directory / ".venv/bin/fanwatch").symlink_to(ROOT / ".venv/bin/fanwatch")
        self.bin = directory / "bin"
        self.bin.mkdir()
        (self.bin / "kustomize").symlink_to(kustomize())
        (self.bin / "kubectl").symlink_to(self.api.program)

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """install.sh, on this cluster."""
        path = f"{self.bin}:/usr/bin:/bin"
        return subprocess.run(
            [str(self.k3s / "install.sh"), *arguments],
            env={**os.environ, **self.api.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def state(self, overlay: str) -> dict[tuple[str, str, str], Any]:
        """Each object of the kinds that an overlay has, or that another one could leave behind."""
        kinds = {manifest["kind"] for manifest in render(self.k3s / "overlays" / overlay)}
        return self.api.objects(",".join(sorted(kinds | {"StorageClass", "GlobalNetworkPolicy"})))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty one."""
    with ExitStack() as ends:
        yield Site(tmp_path, ends)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_of_it_is_taken_and_a_second_time_changes_nothing(site: Site, overlay: str) -> None:
    first = site.install(overlay)
    assert (first.returncode, first.stderr) == (0, ""), "neither a refusal nor a warning"
    made = site.state(overlay)
    wanted = {
        (manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
        for manifest in render(site.k3s / "overlays" / overlay)
    }
    assert wanted <= made.keys()
    second = site.install(overlay)
    assert (second.returncode, second.stderr) == (0, "")
    assert site.state(overlay) == made


@pytest.mark.parametrize(("here", "other"), [("local-path", "portworx"), ("portworx-calico", "local-path")])
def test_an_overlay_with_other_volumes_is_refused_before_a_change(site: Site, here: str, other: str) -> None:
    assert site.install(here).returncode == 0
    before = site.state(here)
    refused = site.install(other)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"install.sh: the cluster refuses {other}, so nothing was changed. ")
    assert "Volumes keep the class they were made with, here " in line
    assert site.state(here) == before
    # What has the same volumes is taken: Calico's policy comes or stays beside them.
    both = here if here.endswith("-calico") else f"{here}-calico"
    assert site.install(both).returncode == 0


def test_the_documented_way_removes_without_the_secrets_files(site: Site) -> None:
    assert site.install("portworx-calico").returncode == 0
    text = (ROOT / "docs/k3s.md").read_text(encoding="utf-8").partition("## Remove")[2]
    commands = [line.partition("#")[0].split() for line in text.splitlines() if line.startswith("kubectl ")]
    assert len(commands) == 3
    for command in commands:
        # Nobody here finishes the deletion of a namespace.
        done = site.api.kubectl(*command[1:], "--wait=false")
        assert done.returncode == 0, done.stderr
    left = site.api.objects("StorageClass,GlobalNetworkPolicy")
    assert [name for _, _, name in left] == ["local-path"]
    ending = site.api.kubectl(
        "get", "namespaces", "--output=jsonpath={.items[?(@.status.phase=='Terminating')].metadata.name}"
    )
    assert set(ending.stdout.split()) == {"fanwatch", "openfaas", "openfaas-fn"}
