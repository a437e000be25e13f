"""A real gateway over real functions, for one test."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml

from local.layout import layout
from tests.support.ports import free_port
from tests.support.servers import ROOT, Server
from tests.support.wait import until

ADMIN = {"Authorization": "Basic YWRtaW46c2VjcmV0"}
"""admin:secret"""


ECHO = """
    import os
    def handle(event, context):
        return {"statusCode": int(event.headers.get("X-Want", "200")), "headers": {"X-Own": "yes"}, "body": {
            "method": event.method, "path": event.path, "query": event.query, "size": len(event.body),
            "headers": {name: event.headers[name] for name in event.headers}, "pid": os.getpid()}}
"""
NAME = """
    def handle(event, context):
        return "{said}"
"""
"""To be formatted with what it says."""
BIG = """
    def handle(event, context):
        return b"x" * int(event.query["n"])
"""


class World:
    """A gateway with a state directory, a stack.yml and replicas of its own."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.sockets = layout(str(directory / "state")).short
        self.sockets.mkdir(mode=0o700)
        self.servers: list[Server] = []
        self.stack: dict[str, Any] = {"version": "1.0", "provider": {"name": "openfaas"}, "functions": {}}
        (directory / "user").write_text("admin\n", encoding="utf-8")
        (directory / "password").write_text("secret\n", encoding="utf-8")
        self.settings = {
            "FANWATCH_STATE_DIR": str(directory / "state"),
            "FANWATCH_STACK": str(directory / "stack.yml"),
            "FANWATCH_GATEWAY_USER_FILE": str(directory / "user"),
            "FANWATCH_GATEWAY_PASSWORD_FILE": str(directory / "password"),
            **settings,
        }

    def declare(self, name: str, **entry: Any) -> None:
        """Put a function into stack.yml."""
        default = {"lang": "python3-fan", "handler": f"./{name}", "image": f"fanwatch/{name}:1"}
        self.stack["functions"][name] = default | entry
        self.write()

    def write(self) -> None:
        """Write stack.yml whole."""
        new = self.directory / "stack.new"
        new.write_text(yaml.safe_dump(self.stack), encoding="utf-8")
        new.rename(self.directory / "stack.yml")

    def replica(
        self, name: str, source: str, *, generation: str = "0" * 8, number: int = 0, **settings: str
    ) -> Server:
        """Start a process of a function and wait until it is ready."""
        folder = self.directory / f"{name}-{len(self.servers)}"
        folder.mkdir()
        (folder / "handler.py").write_text(dedent(source), encoding="utf-8")
        path = self.sockets / f"{name}-{generation}-{number}.sock"
        environment = {"HANDLER_DIR": str(folder), "LISTEN_UDS": str(path), **settings}
        log = self.directory / f"log-{len(self.servers)}"
        server = Server("function_server", path, log, environment, self.directory)
        self.servers.append(server)
        return server.wait_for("/_/ready")

    def gateway(self, *, wait: bool = True, **settings: str) -> Server:
        """Start the gateway; it listens when this returns."""
        port = free_port()
        environment: Mapping[str, str] = {**self.settings, "FANWATCH_GATEWAY_PORT": str(port), **settings}
        server = Server("local.gateway", port, self.directory / f"log-{len(self.servers)}", environment, ROOT)
        self.servers.append(server)
        return server.wait_for("/healthz") if wait else server

    def close(self) -> None:
        """End all processes."""
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.sockets)


def available(gateway: Server, name: str, count: int) -> None:
    """Wait until the gateway counts so many ready replicas."""

    def counted() -> bool:
        answer = gateway.call("GET", f"/system/function/{name}", headers=ADMIN)
        return answer.status == 200 and json.loads(answer.body)["availableReplicas"] == count

    until(counted, 10, f"{count} replicas of {name}")


def started(world: World, source: str = ECHO, replicas: int = 1, **settings: str) -> Server:
    """A gateway over one function, `echo`."""
    world.declare("echo")
    for number in range(replicas):
        world.replica("echo", source, number=number, **settings)
    gateway = world.gateway()
    available(gateway, "echo", replicas)
    return gateway
