"""The unix sockets on which supervisord and the functions' processes listen: their names, and HTTP over them.

requests speaks to none, and xmlrpc, by which supervisord is controlled, takes a connection of http.client only.
"""

import http.client
import re
import socket
from pathlib import Path
from typing import NamedTuple

_SOCKET = re.compile(r"(?P<function>[a-z0-9-]+)-(?P<generation>[0-9a-f]{8})-(?P<number>\d{1,3})\.sock")


class SocketName(NamedTuple):
    """What a socket's file name says; `str` gives the file name."""

    function: str
    generation: str
    number: int

    def __str__(self) -> str:
        return f"{self.function}-{self.generation}-{self.number}.sock"


def parse_socket_name(name: str) -> SocketName | None:
    """What a file name says; None where it is no function's socket."""
    match = _SOCKET.fullmatch(name)
    return SocketName(match["function"], match["generation"], int(match["number"])) if match else None


class UnixConnection(http.client.HTTPConnection):
    """A connection to the server that listens at `path`; `timeout_s` bounds the connect and each read."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("127.0.0.1", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connecting.settimeout(self._timeout_s)
        try:
            connecting.connect(str(self._path))
        except OSError:
            connecting.close()
            raise
        self.sock = connecting


def status(path: Path, target: str, timeout_s: float) -> int | None:
    """The status with which the server at `path` answers GET `target`; None where it does not answer."""
    connection = UnixConnection(path, timeout_s)
    try:
        connection.request("GET", target)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
