"""What a container is told to run ends at SIGTERM: as its first process it does only where it says so itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.kustomize import ROOT
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until


class First(Process):
    """A command as the first process of a namespace of its own, as in a container."""

    def __init__(self, argv: list[str], directory: Path, environment: dict[str, str]) -> None:
        unshare = ["unshare", "--fork", "--pid", "--kill-child"]
        if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode != 0:
            pytest.skip("a namespace of processes takes root and the program unshare")
        super().__init__([*unshare, *argv], directory / "log", environment, directory)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        until(lambda: self.alive() and children.read_text(encoding="ascii").split(), 20, "the first process")
        self.first = int(children.read_text(encoding="ascii"))

    def end(self) -> None:
        """SIGTERM to it; returns when it has ended."""
        os.kill(self.first, 15)
        until(
            lambda: self.process.poll() is not None, 20, "its end, which never comes where it takes no signal"
        )


def test_the_pod_that_models_go_through_ends_when_it_is_told(tmp_path: Path) -> None:
    pod = yaml.safe_load((ROOT / "infra/k3s/publish.yaml").read_text(encoding="utf-8"))
    [container] = pod["spec"]["containers"]
    first = First(container["command"], tmp_path, {})
    try:
        # Not before the shell is what it will be.
        name = Path(f"/proc/{first.first}/task/{first.first}/children")
        until(lambda: "sleep" in _names(name) or _of(first.first) == "sleep", 20, "its sleep")
        first.end()
    finally:
        first.kill()


def test_the_set_up_that_waits_for_the_store_ends_when_it_is_told(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "FANWATCH_INFLUX_URL": f"http://127.0.0.1:{free_port()}"}
    first = First([sys.executable, "-m", "history", "setup", "--wait", "10m"], tmp_path, environment)
    try:
        until(lambda: "Waiting" in first.output(), 20, "it to wait")
        first.end()
    finally:
        first.kill()


def _names(children: Path) -> list[str]:
    return [_of(int(pid)) for pid in children.read_text(encoding="ascii").split()]


def _of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
