"""When forecast-fan ran last: what it said of the fleet counts only while it goes on judging.

An alarm is retained, and nothing in it says when it was last confirmed. So the store is asked when the last run was.
"""

import asyncio
import contextlib
import time
from typing import Final

from console.store import StoreReader
from fanwatch.errors import FanwatchError
from fanwatch.fleet.faulty import behind, current, left_behind, not_since
from fanwatch.messages.reasons import Reasons, reason
from fanwatch.store import latest

_AGAIN_S: Final = 5.0
_EACH_S: Final = 60.0
"""So often every fan is asked for, which costs more."""


class ForecastRuns:
    """When forecast-fan judged the fleet last. Written and read by the page's loop."""

    def __init__(self, *, no_store: bool = False) -> None:
        """`no_store`: there is none by choice, so nobody is ever judged."""
        self.no_store = no_store
        self.judged_ms = 0
        """When the last run that is known was over, ms since the epoch; 0 where none is known."""
        self.asked = False
        """Whether the store has ever said so."""
        self.behind: dict[str, int] = {}
        """Up to when fans were judged that are far behind the others, in ms."""

    def current(self, now_ms: int) -> bool:
        """Whether verdicts count."""
        return not self.no_store and current(self.judged_ms, now_ms)

    def why(self, now_ms: int, device: str = "") -> Reasons:
        """Why they do not, or why not that of one fan; empty where they do."""
        if self.current(now_ms):
            return left_behind(self.behind[device]) if device in self.behind else ()
        if self.no_store or self.judged_ms or self.asked:
            return not_since(self.judged_ms, no_store=self.no_store)
        return (reason("store-away"),)

    async def watch(self, store: StoreReader) -> None:
        """Asks the store every few seconds, until cancelled. What was known while it is away grows old by itself."""
        each_at = 0.0
        while not self.no_store:
            with contextlib.suppress(FanwatchError):
                self.judged_ms = await store.ask(latest.last_run_ms)
                self.asked = True
                if time.monotonic() >= each_at:
                    self.behind = behind(await store.ask(latest.judged_until))
                    each_at = time.monotonic() + _EACH_S
            await asyncio.sleep(_AGAIN_S)
