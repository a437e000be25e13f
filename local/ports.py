"""Whether the ports that the runtime needs are free, and who has them where they are not."""

import contextlib
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from fanwatch.errors import FanwatchError

LOOPBACK = "127.0.0.1"


class PortTaken(FanwatchError):
    """Somebody else listens on a port that a part of the runtime needs."""


def require_free(ports: Mapping[str, int]) -> None:
    """PortTaken for ports that are in use or asked for twice. `ports` maps the setting to its port."""
    seen: dict[int, str] = {}
    busy: dict[str, int] = {}
    for setting, port in ports.items():
        if port in seen:
            raise PortTaken(f"{seen[port]} and {setting} are both {port}; set one of them to another port.")
        seen[port] = setting
        if not is_free(port):
            busy[setting] = port
    if busy:
        owners = [(port, owner(port)) for port in busy.values()]
        holders = [f"Port {port} is in use{f' by {name}' if name else ''}." for port, name in owners]
        others = [f"{setting}={_other(port, seen)}" for setting, port in busy.items()]
        what = "Stop that, or choose another port" if len(busy) == 1 else "Stop these, or choose other ports"
        raise PortTaken(f"{' '.join(holders)} {what}: make run {' '.join(others)}")


def _other(port: int, taken: Collection[int]) -> int:
    """A free port that looks like `port`: 18080 for 8080, where it can be."""
    candidates = (port + step for step in range(10_000, 60_000, 10_000))
    free = (other for other in candidates if other <= 65_535 and other not in taken and is_free(other))
    return next(free, None) or next(
        other for other in range(1024, 65_536) if other not in taken and is_free(other)
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
    wanted = {socket_ for found, socket_ in _listening() if found == port}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        if wanted & _opened_by(process):
            with contextlib.suppress(OSError):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {process.name})"
    return None


def listened(pid: int) -> set[int]:
    """The TCP ports on which a process listens; none where the system does not tell (other users, no /proc)."""
    opened = _opened_by(Path(f"/proc/{pid}"))
    return {port for port, socket_ in _listening() if socket_ in opened}


def _opened_by(process: Path) -> set[str]:
    """What a process has open, as /proc names it."""
    links = set()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            # A file may be closed between the two.
            with contextlib.suppress(OSError):
                links.add(str(link.readlink()))
    return links


def _listening() -> list[tuple[int, str]]:
    """Port of every listening socket, and how /proc names it."""
    listening = "0A"
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == listening:
                found.append((int(columns[1].rsplit(":", 1)[1], 16), f"socket:[{columns[9]}]"))
    return found
