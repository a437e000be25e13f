"""Servers on a bare socket, for answers that no HTTP library would send."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Conversation = Callable[[socket.socket], None]


@contextlib.contextmanager
def on_port(converse: Conversation) -> Iterator[int]:
    """The port of a server on loopback that holds one conversation after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener, _serving(listener, converse):
        yield int(listener.getsockname()[1])


@contextlib.contextmanager
def on_path(path: Path, converse: Conversation) -> Iterator[None]:
    """A server on a Unix socket that holds one conversation after the other."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with _serving(listener, converse):
            yield


def saying(answer: bytes) -> Conversation:
    """Answers the first bytes that come, and hangs up."""

    def converse(peer: socket.socket) -> None:
        with peer:
            peer.recv(65_536)
            peer.sendall(answer)

    return converse


@contextlib.contextmanager
def _serving(listener: socket.socket, converse: Conversation) -> Iterator[None]:
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            # A caller may hang up whenever it likes; at the end, accepting fails.
            with contextlib.suppress(OSError):
                converse(listener.accept()[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        # Closing alone leaves a thread in accept, which then fails somewhere in the next test.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        assert not thread.is_alive(), "the server is still in a conversation"
