"""Names of the unix sockets on which the functions' processes listen."""

import re
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
