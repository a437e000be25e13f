"""infra/k3s as kustomize renders it, with credentials of the test's own."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from credentials.certificates import Certificates
from credentials.users import Users
from fanwatch.settings import LocalSettings
from local import tools

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("local-path", "local-path-calico", "portworx", "portworx-calico")
KUSTOMIZE = tools.GoTool(
    name="kustomize",
    package="sigs.k8s.io/kustomize/kustomize/v5",
    # 5.8.2 and later need a newer Go.
    version="v5.8.1",
    tags="",
    by_hand="run these tests where Go and a network are",
)
_RENDER_S = 60
Manifest = dict[str, Any]


def kustomize() -> str:
    """The path of kustomize, built on first use (a minute); the test is skipped where it cannot be."""
    try:
        return tools.get(KUSTOMIZE, tools.cache_directory(LocalSettings()))
    except tools.ToolMissing as error:
        pytest.skip(str(error))


def checkout(directory: Path) -> Path:
    """A copy of infra/ in `directory`, whose secrets are made as install.sh makes them; its infra/k3s."""
    ignored = shutil.ignore_patterns("files")
    shutil.copytree(ROOT / "infra", directory / "infra", ignore=ignored)
    files = directory / "infra/k3s/secrets/files"
    certificates, users = Certificates(files), Users(files)
    certificates.init([])
    users.prepare()
    for name in ("connector", "score-fan", "telegraf", "operator"):
        certificates.distribute([users.home(users.add(name))])
    for name in ("openfaas/basic-auth-user", "openfaas/basic-auth-password", "grafana/admin-password"):
        (files / name).parent.mkdir(exist_ok=True)
        (files / name).write_text(f"one of {name.replace('/', ' ')}", encoding="ascii")
    return directory / "infra/k3s"


def render(folder: Path) -> list[Manifest]:
    """What `kustomize build` makes of a folder."""
    done = subprocess.run(
        [kustomize(), "build", str(folder)], capture_output=True, text=True, timeout=_RENDER_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


class Rendered:
    """One overlay's manifests, by kind and name."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def of(self, *kinds: str) -> list[Manifest]:
        """All of these kinds."""
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def find(self, kind: str, name: str, namespace: str = "fanwatch") -> Manifest | None:
        """One of them; None where there is none."""
        for manifest in self.of(kind):
            metadata = manifest["metadata"]
            if metadata["name"] == name and metadata.get("namespace", namespace) == namespace:
                return manifest
        return None

    def pods(self) -> list[tuple[Manifest, Manifest]]:
        """Each workload with the template of its pods."""
        return [(workload, workload["spec"]["template"]) for workload in self.of("Deployment", "StatefulSet")]

    def generated(self, kind: str, name: str) -> Manifest:
        """The ConfigMap or Secret that was generated under this name, whatever hash it got."""
        found = [
            manifest
            for manifest in self.of(kind)
            if manifest["metadata"]["name"].rsplit("-", 1)[0] == name or manifest["metadata"]["name"] == name
        ]
        assert len(found) == 1, f"{kind} {name}: {[manifest['metadata']['name'] for manifest in found]}"
        return found[0]


@functools.cache
def cluster(overlay: str) -> Rendered:
    """An overlay, rendered once."""
    with tempfile.TemporaryDirectory() as directory:
        return Rendered(render(checkout(Path(directory)) / "overlays" / overlay))


def containers(template: Manifest) -> list[Manifest]:
    """A pod's containers, those of its start among them."""
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]
