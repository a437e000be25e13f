"""Reads InfluxDB from an event loop: on few threads, and with the knowledge whether it is there."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fanwatch.errors import Unavailable
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store

T = TypeVar("T")
_AT_ONCE = 2
_WAITING = 32
"""Queries that may wait for one of these; a page that asks beyond it is told that the store is busy."""
_LOOK_S = 5.0
OFF = "InfluxDB is off, as FANWATCH_NO_STORE says: nothing is stored."


class StoreReader:
    """`ask` and `away_since_ms`. Raises what `fanwatch.store.influx.Store` raises."""

    def __init__(self, settings: StoreSettings, *, off: bool = False) -> None:
        """`off` where FANWATCH_NO_STORE says that there is none: then it is never asked."""
        self.store = Store(settings)
        self.off = off
        self.away_since_ms: int | None = None
        """Since when it does not answer, ms since the epoch; None while it does."""
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store")
        self._asked = 0

    @property
    def away(self) -> bool:
        """Whether the last attempt to reach it failed."""
        return self.away_since_ms is not None

    async def ask(self, question: Callable[..., T], *args: Any) -> T:
        """What a function of fanwatch/store answers. Unavailable where InfluxDB is away, or too busy already."""
        if self.off:
            raise Unavailable(f"{OFF} There is no history.")
        if self._asked >= _AT_ONCE + _WAITING:
            raise Unavailable("Too much is asked of InfluxDB at once; try again in a moment.")
        self._asked += 1
        try:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._threads, question, self.store, *args
            )
        except Unavailable:
            self._missed()
            raise
        finally:
            self._asked -= 1
        self.away_since_ms = None
        return answer

    async def watch(self) -> None:
        """Looks every few seconds whether it is there, until cancelled."""
        while not self.off:
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(self._threads, self.store.ready):
                self.away_since_ms = None
            else:
                self._missed()
            await asyncio.sleep(_LOOK_S)

    def _missed(self) -> None:
        if self.away_since_ms is None:
            self.away_since_ms = time.time_ns() // 1_000_000
