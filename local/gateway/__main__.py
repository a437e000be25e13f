"""Starts the gateway: `python -m local.gateway`, in the folder of stack.yml."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys

import uvicorn
import uvloop

from fanwatch.errors import EXIT_USAGE, FanwatchError, SettingsError
from fanwatch.settings import GatewaySettings, LocalSettings, load, secret
from local.gateway.app import Application
from local.gateway.routes import Routes
from local.layout import layout

# Longer than callers keep idle connections, so that it is never the gateway that closes one under a request.
_IDLE_CONNECTION_S = 120
_DRAIN_S = 5


def main() -> int:
    """Serve until SIGTERM; 0 after a clean stop, 2 for a setting or a stack.yml that cannot be used."""
    try:
        settings, access = load(LocalSettings), load(GatewaySettings)
        user, password = _credentials(access)
        paths = layout(settings.state_dir)
        routes = Routes(paths.root / settings.stack, paths.short, os.environ)
        listener = listen(settings.gateway_port)
    except FanwatchError as exc:
        print(f"The gateway cannot start: {exc}", file=sys.stderr)
        return EXIT_USAGE
    server = uvicorn.Server(_config(Application(routes, user, password, settings.gateway_timeout)))

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn has its own handlers while it serves, then raises what it got once more: to whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    uvloop.run(_serve(server, routes, listener))
    return 0


async def _serve(server: uvicorn.Server, routes: Routes, listener: socket.socket) -> None:
    watcher = asyncio.create_task(routes.watch())
    watcher.add_done_callback(lambda _: setattr(server, "should_exit", True))
    gc.freeze()
    await server.serve(sockets=[listener])
    if watcher.done():
        watcher.result()  # it never ends by itself: whatever ended it is told
    watcher.cancel()


def _credentials(access: GatewaySettings) -> tuple[str, str]:
    user = secret(access.gateway_user_file, "FANWATCH_GATEWAY_USER_FILE")
    password = secret(access.gateway_password_file, "FANWATCH_GATEWAY_PASSWORD_FILE")
    if not user or not password:
        raise SettingsError(
            "FANWATCH_GATEWAY_USER_FILE and FANWATCH_GATEWAY_PASSWORD_FILE must name files that hold the user and the"
            " password of /system/."
        )
    return user, password


def listen(port: int) -> socket.socket:
    """A listener on loopback. SettingsError for a port that cannot be used."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as exc:
        raise SettingsError(
            f"Port {port} cannot be used ({exc.strerror}); set FANWATCH_GATEWAY_PORT."
        ) from exc
    return listener


def _config(application: Application) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=_IDLE_CONNECTION_S,
        timeout_graceful_shutdown=_DRAIN_S,
    )


if __name__ == "__main__":
    sys.exit(main())
