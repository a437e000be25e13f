"""Certificates as a server presents them, and as a client looks at them."""

import contextlib
import socket
import ssl
import threading

_TIMEOUT_S = 20.0


class Presenter:
    """Shakes hands with a certificate on `port`, and hangs up."""

    def __init__(self, certificate: str, key: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        # A thread that waits in accept() is woken by this alone.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(_TIMEOUT_S)
            with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True):
                pass
            connection.close()


def shake_hands(port: int, host: str, trusted: str) -> None:
    """Shakes hands with who listens there. SSLError where its certificate is not good for `host`."""
    context = ssl.create_default_context(cadata=trusted)
    with (
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as raw,
        context.wrap_socket(raw, server_hostname=host),
    ):
        pass
