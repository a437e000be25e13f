"""A real API server of Kubernetes on loopback, with an etcd of its own and nobody who runs pods.

KUBE_APISERVER is the path of kube-apiserver; kubectl and etcd are taken from PATH, or KUBECTL and ETCD name them.
"""

import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

_TOKEN = "of-this-test-alone"
_CALL_S = 120
_START_S = 120


def program(variable: str, name: str = "") -> str:
    """The path of a program; the test is skipped, and says so, where there is none."""
    path = os.environ.get(variable) or (shutil.which(name) if name else None)
    if not path:
        pytest.skip(f"{variable} names no {name or 'kube-apiserver'}; docs/k3s.md says what this is for")
    return path


class ApiServer:
    """Empty at first; `kubectl` speaks with it, and so does whoever has `environment`."""

    def __init__(self, directory: Path, ends: ExitStack) -> None:
        """`ends` ends it."""
        apiserver, etcd, self.program = (
            program("KUBE_APISERVER"), program("ETCD", "etcd"), program("KUBECTL", "kubectl"),
        )  # fmt: skip
        directory.mkdir(parents=True)
        store, peers, port = (free_port() for _ in range(3))
        kept = Process(
            [
                etcd, f"--data-dir={directory}/etcd", "--unsafe-no-fsync",
                *(f"--{kind}-client-urls=http://127.0.0.1:{store}" for kind in ("listen", "advertise")),
                f"--listen-peer-urls=http://127.0.0.1:{peers}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
                f"--initial-cluster=default=http://127.0.0.1:{peers}",
            ],
            directory / "etcd.log", {}, directory,
        )  # fmt: skip
        ends.callback(kept.kill)
        key, tokens, config = (directory / name for name in ("accounts.key", "tokens.csv", "kubeconfig"))
        key.write_bytes(
            rsa.generate_private_key(65537, 2048).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        tokens.write_text(f'{_TOKEN},operator,operator,"system:masters"\n', encoding="ascii")
        url = f"https://127.0.0.1:{port}"
        server = {"server": url, "insecure-skip-tls-verify": True}
        whole = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": server}],
            "users": [{"name": "operator", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "operator"}}],
            "current-context": "test",
        }
        config.write_text(yaml.safe_dump(whole), encoding="utf-8")
        self.environment = {"KUBECONFIG": str(config)}
        self._api = Process(
            [
                apiserver, f"--etcd-servers=http://127.0.0.1:{store}", f"--secure-port={port}",
                "--bind-address=127.0.0.1", f"--cert-dir={directory}/certificates", f"--token-auth-file={tokens}",
                "--service-cluster-ip-range=10.43.0.0/16", "--authorization-mode=RBAC",
                f"--service-account-issuer={url}", f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}", "--endpoint-reconciler-type=none",
            ],
            directory / "apiserver.log", {}, directory,
        )  # fmt: skip
        ends.callback(self._api.kill)
        until(lambda: self._api.alive() and self._ready(), _START_S, "the API server")

    def kubectl(self, *arguments: str, given: object = None) -> subprocess.CompletedProcess[str]:
        """One call; `given` are manifests on its standard input."""
        return subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **self.environment},
            input=None
            if given is None
            else yaml.safe_dump_all(given if isinstance(given, list) else [given]),
            capture_output=True,
            text=True,
            timeout=_CALL_S,
            check=False,
        )

    def make(self, *manifests: dict[str, Any]) -> None:
        """Creates what is there before us."""
        done = self.kubectl("apply", "-f", "-", given=list(manifests))
        assert done.returncode == 0, done.stderr

    def objects(self, kinds: str) -> dict[tuple[str, str, str], Any]:
        """All of these kinds by kind, namespace and name, as they are."""
        done = self.kubectl("get", kinds, "--all-namespaces", "--output=json")
        assert done.returncode == 0, done.stderr
        found = {}
        for item in json.loads(done.stdout)["items"]:
            # A write that changes nothing counts here, for claims.
            del item["metadata"]["resourceVersion"]
            name = item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]
            found[name] = item
        return found

    def _ready(self) -> bool:
        return self.kubectl("get", "--raw", "/readyz").returncode == 0
