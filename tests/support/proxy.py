"""A proxy in the environment, which nothing of ours may ask."""

import contextlib
import socket
import threading

NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")


class Recorder:
    """Accepts every connection, keeps what comes first, and refuses it; `heard` holds a line for each."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listens no more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                with contextlib.suppress(OSError):
                    self.heard.append(connection.recv(65_536))
                    connection.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def environment(port: int) -> dict[str, str]:
    """All spellings, for a proxy at this port of this machine; nothing is excepted."""
    address = f"127.0.0.1:{port}"
    every = dict.fromkeys(NAMES, f"http://{address}")
    return (
        every
        | dict.fromkeys(("all_proxy", "ALL_PROXY"), f"socks5://{address}")
        | {"NO_PROXY": "", "no_proxy": ""}
    )
