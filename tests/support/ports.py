"""Ports for real parts."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_FIRST, _LAST = 20_000, 29_999
"""Below the ports that the system gives to outgoing connections, which are many: one of those would be taken again
before the part that shall listen on it is there."""

_COUNTER = Path(tempfile.gettempdir()) / f"fanwatch-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on, and that no other test of this machine is given for a long time.

    Tests run beside each other, and a part is started some time after its port was chosen: so ports are given out in
    turn, from a file that all of them share.
    """
    with _COUNTER.open("a+", encoding="ascii") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        said = counter.read().strip()
        port = int(said) if said.isdigit() else _FIRST
        for _ in range(_FIRST, _LAST):
            port = port + 1 if _FIRST <= port < _LAST else _FIRST
            if _is_free(port):
                counter.truncate(0)
                counter.write(str(port))
                return port
    raise AssertionError(f"no port from {_FIRST} to {_LAST} is free")


def listens(port: int) -> bool:
    """Whether something accepts connections at the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
