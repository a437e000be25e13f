"""A function server with any handler."""

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.ports import free_port
from tests.support.servers import Server

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server for the source of a handler; by default it waits until it is ready."""
    servers: list[Server] = []

    def start(
        source: str | None, *, wait: str | None = "/_/ready", uds: Path | None = None, **settings: str
    ) -> Server:
        folder = tmp_path / f"handler{len(servers)}"
        folder.mkdir()
        if source is not None:
            (folder / "handler.py").write_text(dedent(source), encoding="utf-8")
        port = free_port()
        listen = {"LISTEN_PORT": str(port)} if uds is None else {"LISTEN_UDS": str(uds)}
        environment = {"HANDLER_DIR": str(folder), "FUNCTION_NAME": "tried", **listen, **settings}
        server = Server(
            "function_server", uds or port, tmp_path / f"log{len(servers)}", environment, tmp_path
        )
        servers.append(server)
        return server.wait_for(wait) if wait else server

    yield start
    for server in servers:
        server.kill()
