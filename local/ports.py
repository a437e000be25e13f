"""Whether the ports that the runtime needs are free, and who has them where they are not."""

import socket
from collections.abc import Mapping
from pathlib import Path

from fanwatch.errors import FanwatchError

LOOPBACK = "127.0.0.1"


class PortTaken(FanwatchError):
    """Somebody else listens on a port that a part of the runtime needs."""


def require_free(ports: Mapping[str, int]) -> None:
    """PortTaken for the first port that is in use or asked for twice. `ports` maps the setting to its port."""
    seen: dict[int, str] = {}
    for setting, port in ports.items():
        if port in seen:
            raise PortTaken(f"{seen[port]} and {setting} are both {port}; set one of them to another port.")
        seen[port] = setting
        if not is_free(port):
            holder = owner(port)
            by = f" by {holder}" if holder else ""
            raise PortTaken(
                f"Port {port} is in use{by}. Stop that, or choose another port: {setting}={port + 10_000}"
            )


def is_free(port: int) -> bool:
    """Whether this process could listen on loopback at `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def owner(port: int) -> str | None:
    """Name and process id of who listens on `port`; None where the system does not tell (other users, no /proc)."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {process.name})"
        except OSError:
            continue
    return None


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == listening and int(columns[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(columns[9])
    return inodes
