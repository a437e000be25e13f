"""Whether what forecast-fan said of the fleet still counts: only while it goes on judging.

An alarm is retained, and nothing in it says when it was last confirmed. So the store is asked when the last run was.
"""

import asyncio
from typing import Final

from console.store import StoreReader
from fanwatch.errors import FanwatchError
from fanwatch.judged import LAST_RUN, current, last_run_ms, not_since

_AGAIN_S: Final = 5.0


class Verdicts:
    """When forecast-fan judged the fleet last. Written and read by the page's loop."""

    def __init__(self, *, no_store: bool = False) -> None:
        """`no_store`: there is none by choice, so nobody is ever judged."""
        self.no_store = no_store
        self.judged_ms = 0
        """When the last run that is known was over, ms since the epoch; 0 where none is known."""
        self.asked = False
        """Whether the store has ever said so."""

    def current(self, now_ms: int) -> bool:
        """Whether verdicts count."""
        return not self.no_store and current(self.judged_ms, now_ms)

    def why(self, now_ms: int) -> str:
        """Why they do not, in a sentence; empty where they do."""
        if self.current(now_ms):
            return ""
        if self.no_store or self.judged_ms or self.asked:
            return not_since(self.judged_ms, no_store=self.no_store)
        return "The store does not answer, so it is not known whether any fan was judged."

    async def watch(self, store: StoreReader) -> None:
        """Asks the store every few seconds, until cancelled. What was known while it is away grows old by itself."""
        while not self.no_store:
            try:
                rows = await store.query(LAST_RUN)
            except FanwatchError:
                pass
            else:
                self.judged_ms = last_run_ms(rows)
                self.asked = True
            await asyncio.sleep(_AGAIN_S)
