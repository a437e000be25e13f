"""A container engine: the one that DOCKER_HOST names, or a dockerd of the tests' own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from local.tools import no_services_started
from tests.support.process import Process
from tests.support.wait import until

_INSTALL_S = 300
_START_S = 60
_CALL_S = 120
# Debian's client builds with BuildKit by itself; a newer one, first on the PATH, needs a plugin for it.
_CLIENT = Path("/usr/bin/docker")


class Engine:
    """Speaks to one engine through the docker client; `own` where it was started here and is ended with the tests."""

    def __init__(self, client: str, host: str, daemon: "Daemon | None" = None) -> None:
        self.client = client
        self.host = host
        self.own = daemon is not None
        self.local = host.startswith("unix://")
        self._daemon = daemon

    def docker(
        self,
        *arguments: str,
        timeout_s: float = _CALL_S,
        check: bool = True,
        given: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """What `docker ARGUMENTS` prints on both streams; AssertionError with it where it fails."""
        done = subprocess.run(
            [self.client, *arguments],
            env={**os.environ, "DOCKER_HOST": self.host, **(environment or {})},
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        said = done.stdout.decode(errors="replace").strip()
        assert not check or done.returncode == 0, f"docker {' '.join(arguments[:3])} …: {said[-3000:]}"
        return said

    def builds_with_buildkit(self) -> bool:
        """Whether this client can ask for BuildKit."""
        said = self.docker("build", "--help", environment={"DOCKER_BUILDKIT": "1"}, check=False)
        return "--secret" in said

    def close(self) -> None:
        """Ends the engine that was started here."""
        if self._daemon is not None:
            self._daemon.end()


class Daemon(Process):
    """A dockerd with all its own in `directory`, its sockets in `short`."""

    def __init__(self, directory: Path) -> None:
        # A socket's path may have 107 bytes, which pytest's folders may exceed.
        self.short = Path(tempfile.mkdtemp(prefix="fanwatch-dockerd-"))
        self.host = f"unix://{self.short}/docker.sock"
        self._bridge = Path("/sys/class/net/docker0").exists()
        self._forwards = "-P FORWARD ACCEPT" in _said("iptables", "-S", "FORWARD")
        arguments = [
            *("--data-root", str(directory / "data"), "--exec-root", str(self.short / "exec")),
            *("--pidfile", str(self.short / "pid"), "--host", self.host),
        ]
        super().__init__(["dockerd", *arguments], directory / "dockerd.log", {}, directory)

    def end(self) -> None:
        """Ends it, and takes back what it leaves behind: a bridge, a policy that drops, a mount."""
        self.stop()
        if not self._bridge:
            _said("ip", "link", "delete", "docker0")
        if self._forwards:
            _said("iptables", "-P", "FORWARD", "ACCEPT")
        for place in self.short.glob("exec/netns/*"):
            _said("umount", str(place))
        shutil.rmtree(self.short, ignore_errors=True)


def start(directory: Path) -> Engine:
    """The engine; skips the tests, saying why, where there is none and none can be had."""
    host = os.environ.get("DOCKER_HOST")
    if host:
        client = _client()
        if client is None:
            pytest.skip("DOCKER_HOST is set, but there is no docker client on PATH.")
        engine = Engine(client, host)
        engine.docker("version")
        return engine
    if os.getuid() != 0:
        pytest.skip(
            "Only root can start an engine for the images' tests; or set DOCKER_HOST to one that runs."
        )
    install("docker.io", "containerd", "runc", "iptables", have=("dockerd", "containerd", "runc"))
    client = _client()
    if client is None or shutil.which("dockerd") is None:
        pytest.skip(
            "There is no dockerd, and apt-get could not install docker.io; or set DOCKER_HOST to one that runs."
        )
    return _daemon(client, directory)


def install(*packages: str, have: Sequence[str]) -> None:
    """Debian packages, unless the programs `have` are all there; without starting any service of theirs."""
    if all(shutil.which(program) for program in have) or shutil.which("apt-get") is None:
        return
    with no_services_started():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run(
                ["apt-get", *command],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                timeout=_INSTALL_S,
                check=False,
            )


def _client() -> str | None:
    return str(_CLIENT) if _CLIENT.exists() else shutil.which("docker")


def _daemon(client: str, directory: Path) -> Engine:
    daemon = Daemon(directory)
    engine = Engine(client, daemon.host, daemon)

    def answers() -> bool:
        if daemon.process.poll() is not None:
            return True
        return "Server Version" in engine.docker("info", check=False)

    until(answers, _START_S, "dockerd")
    if daemon.process.poll() is not None:
        daemon.end()
        pytest.skip(f"dockerd does not start here: {daemon.output()[-600:]}")
    return engine


def _said(*command: str) -> str:
    """What a command prints; nothing where it fails or is not there."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, timeout=_CALL_S, check=False).stdout
