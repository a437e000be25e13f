"""infra/k3s as kustomize renders it, with credentials of the test's own."""

import base64
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from credentials.certificates import Certificates
from credentials.names import SERVICES
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
    for name in SERVICES:
        certificates.distribute([users.home(users.add(name))])
    certificates.page()
    (files / "services/console/logins").touch(mode=0o600)
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


def workload(rendered: Rendered, name: str) -> Manifest:
    """A Deployment or StatefulSet by its name."""
    return next(found for found, _ in rendered.pods() if found["metadata"]["name"] == name)


def contents(manifest: Manifest) -> dict[str, bytes]:
    """Keys and values of a ConfigMap or Secret."""
    if manifest["kind"] == "Secret":
        return {key: base64.b64decode(value) for key, value in manifest["data"].items()}
    return {key: value.encode() for key, value in manifest["data"].items()}


def environment(rendered: Rendered, container: Manifest) -> dict[str, str]:
    """A container's variables, those of a whole ConfigMap among them."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" not in source:
            continue
        named = rendered.find("ConfigMap", source["configMapRef"]["name"])
        assert named, f"ConfigMap {source} of {container['name']} is not generated"
        found |= named["data"]
    return found | {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}


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
