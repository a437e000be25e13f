"""The connector over HTTP: /metrics, /healthz, /readyz, and POST /prune."""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from connectors.mqtt.connector import Connector
from fanwatch.errors import FanwatchError, SettingsError


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server's own, which looks its host name up in DNS when it starts.
    allow_reuse_address = True
    daemon_threads = True
    connector: Connector


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
        elif self.path == "/healthz":
            self._answer(200, b"ok\n")
        elif self.path == "/readyz":
            ready, conflict = self.server.connector.ready, self.server.connector.id_conflict
            why = (
                conflict
                or "the broker or its topics are missing, or messages wait for a function: see the log"
            )
            self._answer(200 if ready else 503, b"ready\n" if ready else f"{why}\n".encode())
        else:
            self._answer(404, b"There are /metrics, /healthz, /readyz and POST /prune.\n")

    def do_POST(self) -> None:
        if self.path != "/prune":
            self._answer(404, b"There is POST /prune.\n")
            return
        try:
            removed = self.server.connector.prune()
        except FanwatchError as error:
            self._json(error.status, {"error": str(error)})
        else:
            self._json(200, {"removed": removed})

    def log_message(self, *args: object) -> None:
        """Scrapes are not worth a line."""

    def _json(self, status: int, content: object) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(connector: Connector, host: str, port: int) -> None:
    """Answers on a thread of its own until the process ends. SettingsError where the port is taken."""
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise SettingsError(
            f"FANWATCH_CONNECTOR_PORT={port} cannot be listened on ({error}): stop what uses it or set another."
        ) from error
    server.connector = connector
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
