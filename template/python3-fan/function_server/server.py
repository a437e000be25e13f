"""Runs uvicorn with the application, from the settings to a clean end."""

import contextlib
import gc
import logging
import math
import os
import signal
import socket
import sys

import uvicorn

from function_server.app import Application
from function_server.loading import Loader
from function_server.settings import Settings, SettingsError

# Gateways keep idle connections for up to 90 s; a server that closes first makes them fail a request now and then.
_IDLE_CONNECTION_S = 120


def serve() -> int:
    """Serve until SIGTERM; 0 after a clean stop, 1 where it cannot start, 2 for a bad setting."""
    try:
        settings = Settings.from_environment()
    except SettingsError as exc:
        return _told(2, str(exc))
    loader = Loader(settings.handler_dir, on_loaded=gc.freeze, on_failure=lambda: stop())
    application = Application(settings, loader)
    server = uvicorn.Server(_config(application, settings))

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn has its own handlers while it serves, then raises what it got once more: to whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        listeners = _listeners(settings)
        loader.start()
        server.run(sockets=listeners)
    except OSError as exc:
        where = settings.listen_uds or f"{settings.listen_host}:{settings.listen_port}"
        return _told(1, f"it cannot listen on {where}: {exc.strerror or exc}.")
    if settings.listen_uds is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(settings.listen_uds)
    if loader.busy or application.in_flight:
        _leave()
    loader.close()
    return 1 if loader.failed else 0


def _listeners(settings: Settings) -> list[socket.socket] | None:
    """The bound port; None for a unix socket, which uvicorn opens (it replaces one that is left over)."""
    if settings.listen_uds is not None:
        return None
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    return [socket.create_server((settings.listen_host, settings.listen_port), family=family)]


def _config(application: Application, settings: Settings) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        application,
        uds=settings.listen_uds,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=_IDLE_CONNECTION_S,
        timeout_graceful_shutdown=math.ceil(settings.exec_timeout_s),
    )


def _told(status: int, why: str) -> int:
    print(f"The function cannot start: {why}", file=sys.stderr)
    return status


def _leave() -> None:
    """Where a thread is inside the handler and cannot be ended: tearing Python down under it may crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
