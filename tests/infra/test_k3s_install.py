"""infra/k3s/install.sh: what it asks of a cluster, what it says is missing, and that it may be run twice."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.kustomize import OVERLAYS, ROOT, checkout, kustomize

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)

# There is no cluster here: this kubectl answers for one that has what $HAS names, and notes what it was told to apply.
KUBECTL = """#!/bin/sh
case "$*" in
    *"get --raw /readyz") case $HAS in *cluster*) exit 0 ;; *) exit 1 ;; esac ;;
    *"get storageclass local-path") case $HAS in *local-path*) exit 0 ;; *) exit 1 ;; esac ;;
    *"get csidriver pxd.portworx.com") case $HAS in *portworx*) exit 0 ;; *) exit 1 ;; esac ;;
    *api-resources*) case $HAS in *calico*) echo globalnetworkpolicies.projectcalico.org ;; esac ;;
    *" wait --for=condition=Ready --timeout=120s pod/publish") ;;
    *"apply -f -") cat > "$APPLIED" ;;
    *" --dry-run=server "*) printf '%s' "$REFUSED" >&2; [ -z "$REFUSED" ] ;;
    *"get pvc grafana"*) printf '%s' "$CLASS"; [ -n "$CLASS" ] ;;
    apply*) cp "$(echo "$*" | sed 's/.* //')" "$APPLIED"; echo "$*" >> "$APPLIED.calls" ;;
    *) echo "unexpected: $*" >&2; exit 9 ;;
esac
"""
ALL = "cluster local-path portworx calico"


class Operator:
    """Runs install.sh of a copy of infra/ with secrets that are made already, unless `fresh`."""

    def __init__(self, directory: Path, *, fresh: bool = False) -> None:
        self.k3s = checkout(directory)
        # As it lies in a checkout that was installed.
        (directory / ".venv/bin").mkdir(parents=True)
        (directory / ".venv/bin/fanwatch").symlink_to(ROOT / ".venv/bin/fanwatch")
        self.files = self.k3s / "secrets/files"
        if fresh:
            shutil.rmtree(self.files)
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.applied = directory / "applied.yaml"
        self.program("kubectl", KUBECTL)
        (self.bin / "kustomize").symlink_to(kustomize())

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def run(self, *arguments: str, has: str = ALL, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.k3s / "install.sh"), *arguments],
            env={
                **os.environ,
                "PATH": f"{self.bin}:/usr/bin:/bin",
                "HAS": has,
                "APPLIED": str(self.applied),
                "REFUSED": "",
                "CLASS": "",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def fanwatch(self, *arguments: str) -> str:
        """What the command prints of the folder that install.sh made."""
        return subprocess.run(
            [str(ROOT / ".venv/bin/fanwatch"), *arguments, "--dir", str(self.files)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def refusal(self, *arguments: str, has: str = ALL, **environment: str) -> str:
        """The one line with which it refuses; nothing was applied."""
        done = self.run(*arguments, has=has, **environment)
        assert done.returncode == 1
        assert not self.applied.exists()
        (line,) = done.stderr.strip().splitlines()
        return line.removeprefix("install.sh: ")


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_an_unknown_overlay_is_refused_with_those_that_there_are(operator: Operator) -> None:
    known = ", ".join(OVERLAYS)
    assert operator.refusal("ceph") == f"there is no overlay 'ceph'. There are {known}."
    assert operator.refusal("../base") == f"there is no overlay '../base'. There are {known}."
    assert operator.refusal() == f"which overlay? There are {known}."
    assert operator.refusal("local-path", "portworx") == f"one overlay at a time: there are {known}."


def test_the_overlays_are_those_that_are_tested(operator: Operator) -> None:
    assert sorted(path.name for path in (ROOT / "infra/k3s/overlays").iterdir()) == sorted(OVERLAYS)


@pytest.mark.parametrize(
    ("overlay", "has", "said"),
    [
        ("local-path", "local-path", "the cluster does not answer. Is KUBECONFIG right?"),
        ("local-path", "cluster portworx", "the cluster has no StorageClass local-path."),
        ("portworx", "cluster local-path", "the cluster has no CSI driver pxd.portworx.com."),
        ("portworx-calico", "cluster portworx", "the cluster does not know projectcalico.org."),
    ],
)
def test_what_the_cluster_lacks_is_named_in_one_line(
    operator: Operator, overlay: str, has: str, said: str
) -> None:
    assert operator.refusal(overlay, has=has).startswith(said)


def test_without_kubectl_it_says_so(operator: Operator) -> None:
    (operator.bin / "kubectl").unlink()
    only = operator.bin.parent / "only"
    only.mkdir()
    for name in ("sh", "dirname", "paste", "sed"):
        (only / name).symlink_to(str(shutil.which(name)))
    done = operator.run("local-path", PATH=str(only))
    assert done.stderr.startswith("install.sh: kubectl is missing.")


@pytest.mark.parametrize("name", ["mosquitto/server.key", "services/telegraf/password"])
def test_a_secret_that_got_lost_is_named_and_not_made_anew(operator: Operator, name: str) -> None:
    (operator.files / name).unlink()
    line = operator.refusal("local-path")
    assert line.startswith(f"these secrets are missing: infra/k3s/secrets/files/{name}.")


def test_it_applies_the_overlay_and_may_be_run_again(operator: Operator) -> None:
    first = operator.run("local-path")
    assert first.returncode == 0, first.stderr
    applied = operator.applied.read_text(encoding="utf-8")
    assert "storageClassName: local-path" in applied
    assert "image: fanwatch/connector:0.1.0" in applied
    second = operator.run("local-path")
    assert second.returncode == 0, second.stderr
    assert operator.applied.read_text(encoding="utf-8") == applied
    calls = operator.applied.with_name("applied.yaml.calls").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 2
    assert calls[0].startswith("apply --request-timeout=60s --server-side --field-manager=fanwatch -f ")


def test_what_it_says_next_is_right_on_a_cluster(tmp_path: Path) -> None:
    """Nobody there mounts a folder or sends a signal: install.sh takes a change to the broker."""
    operator = Operator(tmp_path, fresh=True)
    done = operator.run("--host", "broker.example", "local-path", TAG="0.2.0")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    for call in (
        ["users", "add", "fan-07"],
        ["users", "remove", "fan-07"],
        ["certs", "issue", "fan-08"],
        ["certs", "revoke", "fan-08"],
        ["certs", "rotate"],
        ["certs", "rotate", "--ca"],
        ["certs", "page"],
    ):
        told = operator.fanwatch(*call)
        assert ("'TAG=0.2.0 infra/k3s/install.sh local-path'" in told) == (call[1] != "issue"), told
        said += told
    logins = operator.files / "services/console/logins"
    told = subprocess.run(
        [str(ROOT / ".venv/bin/fanwatch"), "console", "users", "add", "workshop", "--file", str(logins)],
        input="a long password of nobody\n", capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "install.sh local-path'" in told
    assert "at once" not in told
    assert not re.search("SIGHUP|mount|services/\\*|users add", said), said


def test_an_upgrade_gives_roles_the_rights_of_the_release(operator: Operator) -> None:
    rules = operator.files / "mosquitto/acl"
    fresh = rules.read_bytes()
    rules.write_bytes(fresh.replace(b"topic read fan/anomaly\n", b""))
    assert rules.read_bytes() != fresh
    done = operator.run("--check", "local-path")
    assert done.returncode == 0, done.stderr
    assert rules.read_bytes() == fresh


def test_check_applies_nothing(operator: Operator) -> None:
    done = operator.run("--check", "portworx-calico")
    assert done.returncode == 0, done.stderr
    assert "portworx-calico renders, and the cluster would take it" in done.stdout
    assert not operator.applied.exists()


def test_images_come_from_the_registry_that_functions_come_from(operator: Operator) -> None:
    done = operator.run("local-path", REGISTRY="registry.example:5000/fans", TAG="0.2.0")
    assert done.returncode == 0, done.stderr
    applied = operator.applied.read_text(encoding="utf-8")
    assert "image: registry.example:5000/fans/connector:0.2.0" in applied
    assert "image: registry.example:5000/fans/model-store:0.2.0" in applied
    assert "image: fanwatch/" not in applied
    assert "image: influxdb:1.8.10" in applied


def test_the_pod_that_models_go_through_comes_from_that_registry_too(operator: Operator) -> None:
    done = operator.run("--publish", has="cluster", REGISTRY="registry.example:5000/fans", TAG="0.2.0")
    assert done.returncode == 0, done.stderr
    [pod] = yaml.safe_load_all(operator.applied.read_text(encoding="utf-8"))
    assert (pod["kind"], pod["metadata"]["name"]) == ("Pod", "publish")
    assert pod["spec"]["containers"][0]["image"] == "registry.example:5000/fans/model-store:0.2.0"
    operator.applied.unlink()
    assert operator.refusal("--publish", has="").startswith("the cluster does not answer.")


# As kubectl 1.34 says it.
IMMUTABLE = """\
Warning: something else
Error from server (Invalid): PersistentVolumeClaim "grafana" is invalid: spec: Forbidden: spec is immutable
@@ -10,7 +10,7 @@
- "StorageClassName": "local-path",
+ "StorageClassName": "fanwatch-broker",

Error from server (Invalid): StatefulSet.apps "influxdb" is invalid: spec: Forbidden: updates to statefulset spec
"""
CONFLICT = """\
Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas
Please review the fields above--they currently have other managers. Here
"""


@pytest.mark.parametrize("arguments", [["portworx"], ["--check", "portworx"]])
def test_what_the_cluster_refuses_is_refused_before_a_change(
    operator: Operator, arguments: list[str]
) -> None:
    line = operator.refusal(*arguments, REFUSED=IMMUTABLE, CLASS="local-path")
    assert line == (
        'the cluster refuses portworx, so nothing was changed. PersistentVolumeClaim "grafana" is invalid: spec: '
        "Forbidden: spec is immutable. Volumes keep the class they were made with, here local-path: use an overlay "
        "that has it."
    )
    line = operator.refusal(*arguments, REFUSED=CONFLICT)
    assert line.endswith(
        ".spec.replicas. Somebody changed that by hand: undo it, or put it into an overlay of your own."
    )


def test_namespaces_that_are_not_there_yet_are_no_refusal(operator: Operator) -> None:
    missing = 'Error from server (NotFound): namespaces "openfaas-fn" not found\n'
    done = operator.run("local-path", REFUSED=missing * 3)
    assert done.returncode == 0, done.stderr
    assert operator.applied.exists()


def test_a_queue_whose_alert_would_measure_by_another_limit_is_refused(operator: Operator) -> None:
    site = operator.k3s / "base/site.conf"
    text = site.read_text(encoding="utf-8")
    site.write_text(text.replace("67108864", "90000000"), encoding="utf-8")
    line = operator.refusal("local-path")
    assert line.startswith(
        "FANWATCH_BROKER_QUEUED_BYTES in base/site.env is not what base/site.conf says, 90000000"
    )


def test_it_lists_the_images_without_a_cluster(operator: Operator) -> None:
    environment = {"REGISTRY": "registry.example.org/f", "TAG": "2.0.0"}
    listed = operator.run("--images", has="", **environment)
    assert listed.returncode == 0
    assert operator.run("portworx", **environment).returncode == 0
    applied = set(re.findall(r"^[ -]*image: (\S+)$", operator.applied.read_text(encoding="utf-8"), re.M))
    assert set(listed.stdout.split()) == applied


def test_secrets_are_made_once_for_ones_own_eyes_only(tmp_path: Path) -> None:
    operator = Operator(tmp_path, fresh=True)
    done = operator.run("--check", "local-path")
    assert "--host is missing" in done.stderr
    done = operator.run("--check", "--host", "broker.example", "local-path")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path: path.read_bytes() for path in operator.files.rglob("*") if path.is_file()}
    names = {str(path.relative_to(operator.files)) for path in made}
    assert {"openfaas/basic-auth-password", "grafana/admin-password", "services/operator/password"} <= names
    assert len(made[operator.files / "grafana/admin-password"]) == 32
    for path in made:
        assert path.stat().st_mode & 0o077 == 0, path
        # Nobody may log in to the console yet.
        if path.name != "logins":
            assert made[path].decode() not in done.stdout or path.suffix in (".passwords", ".gitignore"), path
    again = operator.run("--check", "local-path")
    assert again.returncode == 0, again.stdout + again.stderr
    assert made == {path: path.read_bytes() for path in operator.files.rglob("*") if path.is_file()}


def test_git_would_track_no_secret() -> None:
    for name in ("ca/current.key", "mosquitto/server.key", "openfaas/basic-auth-password"):
        done = subprocess.run(
            ["git", "check-ignore", "--quiet", f"infra/k3s/secrets/files/{name}"],
            cwd=ROOT,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, name
