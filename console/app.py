"""The page as one process: live fleet, pages, server."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from console import certificate, shell
from console.asset_cache import AssetCache
from console.auth.access import end_sockets, guard_sockets, operator
from console.auth.middleware import AuthMiddleware, check
from console.context import Console
from console.live.fleet import Fleet
from console.live.forecast_runs import ForecastRuns
from console.live.intake import Intake
from console.live.recall import recall
from console.pages import alarms, fan, fleet, pipeline, try_it
from console.push import Push
from console.ranges import Ranges
from console.store import StoreReader
from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.logs import Log
from fanwatch.settings import (
    AccessSettings,
    BrokerSettings,
    ConsoleSettings,
    GatewaySettings,
    LocalSettings,
    ReadingSettings,
    StoreSettings,
    load,
)
from fanwatch.signals import on_stop

_STOP_S = 1
"""For requests under way at the end; pages reconnect by themselves."""
_CALL_S = 20.0
"""For a call of a function; longer than the gateway's own limit."""


def make() -> tuple[FastAPI, Console]:
    """The application, and what its pages share. SettingsError for a setting that cannot be used."""
    settings = load(ConsoleSettings)
    access = load(AccessSettings)
    check(access, settings.console_host)
    log = Log("console")
    runs = ForecastRuns(no_store=load(LocalSettings).no_store)
    live = Fleet(settings.console_fans, settings.console_silent, runs)
    name = f"fanwatch-console-{socket.gethostname()[:40]}-{settings.console_port}"
    intake = Intake(live, load(BrokerSettings), load(ReadingSettings), log, client_id=name)
    store = StoreReader(load(StoreSettings), off=load(LocalSettings).no_store)
    console = Console(
        settings=settings,
        fleet=live,
        intake=intake,
        store=store,
        push=Push(live, intake, store),
        ranges=Ranges(settings.console_bundle, live, log),
        gateway=Gateway(load(GatewaySettings), _CALL_S),
        operator=operator(access, load(BrokerSettings)),
        access=access,
    )
    app = FastAPI(title="Fanwatch", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.console = console
    app.add_api_route("/healthz", lambda: {"status": "ok"})
    shell.assets(app)
    for page in (fleet, fan, alarms, pipeline, try_it):
        page.register(console)
    ui.run_with(
        app,
        title="Fanwatch",
        favicon=shell.FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        binding_refresh_interval=None,
        reconnect_timeout=20.0,
        message_history_length=50,
    )
    guard_sockets()
    app.add_middleware(AssetCache)
    # The last one added is the outermost: nothing of the page runs before it.
    app.add_middleware(AuthMiddleware, access=access)
    return app, console


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    console: Console = app.state.console
    console.intake.start()
    remembered = recall(console.fleet, console.store, Log("console"))
    runs = console.fleet.forecast.watch(console.store)
    watched = console.store.watch(), console.push.run(), end_sockets(), runs, remembered
    tasks = [asyncio.create_task(each) for each in watched]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        console.intake.stop()


class _Server(uvicorn.Server):
    """Ends the process once its connections are closed and the broker is left.

    After that there are only threads that may wait for the store a while longer, and a second in which Python takes
    down all that it has imported: a runtime that ends a container need not wait for either.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)


def serve() -> None:
    """Serves until SIGTERM, which ends the process. FanwatchError where it cannot start."""
    app, console = make()
    settings = console.settings
    config = uvicorn.Config(
        app,
        host=settings.console_host,
        port=settings.console_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        forwarded_allow_ips="",
        timeout_graceful_shutdown=_STOP_S,
        ssl_certfile=console.access.console_cert_file,
        ssl_keyfile=console.access.console_key_file,
    )
    certificate.follow(config, Log("console"))
    server = _Server(config)
    try:
        listener = config.bind_socket()
    except SystemExit:
        raise FanwatchError(
            f"{settings.console_host}:{settings.console_port} cannot be listened on: is it in use? "
            "Set FANWATCH_CONSOLE_PORT to another port."
        ) from None

    def stop() -> None:
        server.should_exit = True

    # Its own handlers raise the signal again once it has stopped, which a supervisor would take for a crash.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    on_stop((signal.SIGTERM, signal.SIGINT), stop)
    server.run(sockets=[listener])
