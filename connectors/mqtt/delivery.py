"""One message on its way through every function of its topic."""

import threading
import time
from collections.abc import Callable

from connectors.mqtt import metrics
from fanwatch.broker import Message

_counting = threading.Lock()


class Delivery:
    """A message until it is settled: acknowledged once all its functions have settled it."""

    __slots__ = ("_left", "_message", "_release", "first_seen_ns", "key", "size", "topic")

    def __init__(self, message: Message, size: int, release: Callable[["Delivery"], None]) -> None:
        """`size` in bytes is what it counts in memory; `release(self)` is called once, when it is over."""
        self._message = message
        self._release = release
        self._left = 0
        self.size = size
        self.topic = message.topic
        self.key = 0
        """Of its device: calls keep the order of messages that have the same."""
        self.first_seen_ns = time.time_ns()

    @property
    def payload(self) -> bytes:
        """As it came."""
        return self._message.payload

    @property
    def comes_again(self) -> bool:
        """Whether a later connection has resumed its session: the broker sends it again, if no crash lost it."""
        return self._message.connection.superseded

    def expect(self, functions: int) -> None:
        """Sets how many functions must settle it."""
        self._left = functions

    def settle(self) -> None:
        """One function has scored it, or its dead letter is delivered."""
        with _counting:
            self._left -= 1
            over = self._left == 0
            if over:
                taken = metrics.ACKNOWLEDGED if self._message.acknowledge() else metrics.DUPLICATED
                taken.value += 1
        if over:
            self._release(self)

    def adopt(self, message: Message) -> bool:
        """Makes the same message, come again, the one that is acknowledged; False where this delivery is over."""
        with _counting:
            if self._left <= 0:
                return False
            self._message = message
            return True

    def drop(self) -> None:
        """Gives it up unacknowledged: the broker will send it again."""
        with _counting:
            over = self._left > 0
            self._left = 0
        if over:
            self._release(self)
