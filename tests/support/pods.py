"""One container of infra/k3s on this machine: its files as the kubelet lays them out, its environment, its command."""

from collections.abc import Mapping
from pathlib import Path

from fanwatch.settings import BrokerSettings
from local import tools
from tests.support.kustomize import Rendered, containers, environment, mounted, workload
from tests.support.ports import free_port, listens
from tests.support.process import Process
from tests.support.wait import until

_LISTENERS = (8883, 8884, 8885)
PROBED = 1883
"""The listener that probes ask, inside the broker's pod."""


class Pod:
    """One container's files below a folder of the test's own, and its environment with paths into it."""

    def __init__(self, directory: Path, rendered: Rendered, name: str, container: str | None = None) -> None:
        """`container` is the one called like its workload, unless it is named."""
        template = workload(rendered, name)["spec"]["template"]
        found = next(each for each in containers(template) if each["name"] == (container or name))
        self.directory = directory
        self._folders = [mount["mountPath"] for mount in found["volumeMounts"]]
        for folder in self._folders:
            (directory / folder[1:]).mkdir(parents=True, exist_ok=True)
        for path, content in mounted(rendered, template, found).items():
            self._lay(path, self.here(content.decode()))
        self.environment = {key: self.here(value) for key, value in environment(rendered, found).items()}
        self.arguments = [self.here(argument) for argument in found.get("command", [])[1:]]

    def here(self, text: str) -> str:
        """The text with each mounted folder's path turned into the one below `directory`."""
        for folder in self._folders:
            text = text.replace(folder, f"{self.directory}{folder}")
        return text

    def reach(self, places: Mapping[str, str]) -> None:
        """Turns the cluster's addresses in its environment, such as mosquitto.fanwatch:8884, into these."""
        for name, place in places.items():
            self.environment = {key: value.replace(name, place) for key, value in self.environment.items()}

    def _lay(self, path: str, content: str) -> None:
        """A file behind the link `..data`, which the kubelet turns when a secret changes."""
        folder = next(folder for folder in self._folders if path.startswith(f"{folder}/"))
        inside = Path(path).relative_to(folder)
        mount = self.directory / folder[1:]
        target = mount / "..data" / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        link = mount / inside.parts[0]
        if not link.is_symlink():
            link.symlink_to(f"..data/{inside.parts[0]}")


class Broker(Process):
    """The broker on what its pod gives it. `ports` has the one here of each listener there."""

    def __init__(self, directory: Path, rendered: Rendered) -> None:
        pod = Pod(directory, rendered, "mosquitto")
        self.data = directory / "mosquitto/data"
        self.ports = {number: free_port() for number in (*_LISTENERS, PROBED)}
        config, site = (
            directory / "mosquitto/config" / name for name in ("mosquitto.conf", "conf.d/site.conf")
        )
        text = config.read_text(encoding="utf-8")
        for number in _LISTENERS:
            assert f"\nlistener {number}\n" in text
            text = text.replace(f"\nlistener {number}\n", f"\nlistener {self.ports[number]} 127.0.0.1\n")
        config.write_text(text, encoding="utf-8")
        probed = site.read_text(encoding="utf-8").replace(
            f"listener {PROBED} ", f"listener {self.ports[PROBED]} "
        )
        # In its pod it is not root, and changes to no other user.
        site.write_text(f"user root\n{probed}", encoding="utf-8")
        super().__init__([tools.mosquitto(), *pod.arguments], directory / "mosquitto.log", {}, directory)
        until(lambda: self.alive() and all(map(listens, self.ports.values())), 20, "the broker of the pod")

    def settings(self, user: str, password: bytes, ca: bytes) -> BrokerSettings:
        """How one of our own parts reaches it, by what its pod gets of the secrets."""
        files = [self.data.parent / f"{user}-password", self.data.parent / "ca.crt"]
        for path, content in zip(files, (password, ca), strict=True):
            path.write_bytes(content)
        return BrokerSettings(
            broker_host="127.0.0.1",
            broker_port=self.ports[8884],
            broker_user=user,
            broker_password_file=str(files[0]),
            broker_ca_file=str(files[1]),
        )
