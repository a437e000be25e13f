"""Time limit on the arrival of bodies, so that callers that stall do not take up max_inflight."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class TooSlow(Exception):
    """The body did not come in time."""


class Arrivals:
    """Looks now and then at who is still waiting.

    `asyncio.timeout` around each request would cost a fifth of the whole request; entering a dict costs next to
    nothing. The price is precision: a limit is kept to within a quarter of itself.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._watching = False

    async def within_time(self, arrival: Awaitable[T]) -> T:
        """What the awaitable gives. Raises TooSlow."""
        loop = asyncio.get_running_loop()
        if not self._watching:
            self._watching = True
            loop.call_later(self._limit_s / 4, self._look, loop)
        task = asyncio.current_task(loop)
        assert task is not None
        self._since[task] = loop.time()
        try:
            return await arrival
        except asyncio.CancelledError:
            if task in self._late:
                self._late.remove(task)
                raise TooSlow from None
            raise
        finally:
            del self._since[task]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = loop.time() - self._limit_s
        for task, since in self._since.items():
            if since < oldest and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._watching = bool(self._since)
        if self._watching:
            loop.call_later(self._limit_s / 4, self._look, loop)
