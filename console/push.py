"""Tells every open page, twice a second, what has changed: one compact message a page.

Pages that show live data register a function that makes their message; it goes out by socket.io's own `emit`, past
NiceGUI's outbox, which would keep each for the case that a page reconnects: a new one is a moment away.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from nicegui import Client, core

from console.live.fleet import Fleet
from console.live.intake import Intake
from console.store import StoreReader
from fanwatch.logs import Log

_EVERY_S = 0.5
_ALIVE_MS = 2000
"""Each page is told something as often, so that it knows at once when nobody is there any more; see shell.js."""
MESSAGE = "fanwatch"
"""The socket's event that carries them: {"at", "broker", "store", "hidden", "room", "page": …}."""

Make = Callable[[int], dict[str, Any] | None]
"""Given the time in ms, what a page is told, or None for nothing."""


class Viewer(msgspec.Struct):
    """One open page."""

    client: Client
    make: Make | None = None
    told: tuple[object, ...] | None = None
    """The states of the parts that it was told last."""
    told_ms: int = 0
    """When that was."""


class Push:
    """All open pages."""

    def __init__(self, fleet: Fleet, intake: Intake, store: StoreReader) -> None:
        self._fleet, self._intake, self._store = fleet, intake, store
        self._viewers: dict[str, Viewer] = {}
        self._log = Log("console")

    def add(self, client: Client, make: Make | None = None) -> None:
        """Tells this page from now on, until it is closed."""
        self._viewers[client.id] = Viewer(client, make)
        client.on_delete(lambda: self._viewers.pop(client.id, None))

    async def run(self) -> None:
        """Twice a second, until cancelled."""
        while True:
            began = time.monotonic()
            for viewer in list(self._viewers.values()):
                await self.tell(viewer.client)
            await asyncio.sleep(max(0.1, _EVERY_S - (time.monotonic() - began)))

    async def tell(self, client: Client) -> None:
        """Tells one page now, for instance because it has just been scrolled."""
        viewer = self._viewers.get(client.id)
        if viewer is None or not client.has_socket_connection:
            return
        now_ms = time.time_ns() // 1_000_000
        try:
            page = viewer.make(now_ms) if viewer.make else None
        except Exception as error:  # noqa: BLE001 - one page's trouble must not keep the others from being told
            self._log.error("a page could not be told", error)
            return
        kept = "off" if self._store.off else self._store.away_since_ms
        parts = (self._intake.away_since_ms, kept, self._fleet.hidden)
        if page is None and parts == viewer.told and now_ms - viewer.told_ms < _ALIVE_MS:
            return
        viewer.told, viewer.told_ms = parts, now_ms
        message: dict[str, Any] = {"at": now_ms, "broker": parts[0], "store": parts[1], "page": page}
        message |= {"hidden": parts[2], "room": self._fleet.table.most}
        await core.sio.emit(MESSAGE, message, room=client.id)
