"""Starts the server: `python -m function_server`."""

import contextlib
import gc
import logging
import math
import os
import signal
import sys
from types import FrameType

import uvicorn

from function_server.app import Application
from function_server.loading import Loader
from function_server.settings import Settings, SettingsError

# Gateways keep idle connections for up to 90 s; a server that closes first makes them fail a request now and then.
_IDLE_CONNECTION_S = 120


def main() -> int:
    """Serve until SIGTERM; 0 after a clean stop, 1 where the handler cannot start, 2 for a bad setting."""
    try:
        settings = Settings.from_environment()
    except SettingsError as exc:
        print(f"The function cannot start: {exc}", file=sys.stderr)
        return 2
    # uvicorn stops on these signals, then raises them again to whoever was there before. Without a handler that
    # would end the process with an error, and as PID 1 Python would not even see the signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    loader = Loader(
        settings.handler_dir, on_loaded=gc.freeze, on_failure=lambda: os.kill(os.getpid(), signal.SIGTERM)
    )
    application = Application(settings, loader)
    server = uvicorn.Server(_config(application, settings))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    loader.start()
    server.run()
    if settings.listen_uds is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(settings.listen_uds)
    if loader.failed:
        _leave(1)
    if loader.busy or application.in_flight:
        _leave(
            0
        )  # a thread is inside the handler and cannot be ended; tearing Python down under it may crash
    loader.close()
    return 0


def _config(application: Application, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        uds=settings.listen_uds,
        host=settings.listen_host,
        port=settings.listen_port,
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


def _ignore(signum: int, frame: FrameType | None) -> None:
    """The server has already stopped when this is called."""


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
