"""The local gateway on all addresses of its container; everywhere else it listens on loopback alone."""

import socket
import sys

from local.gateway import __main__ as gateway


def everywhere(port: int) -> socket.socket:
    """A listener that other containers reach."""
    return socket.create_server(("0.0.0.0", port))


if __name__ == "__main__":
    gateway.listen = everywhere
    sys.exit(gateway.main())
