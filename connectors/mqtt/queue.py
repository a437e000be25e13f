"""What waits for calls of one function: which messages the next call takes, and when it begins."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from connectors.mqtt.delivery import Delivery

_SLOW_S = 0.1
"""A call that takes longer holds up nobody else's."""
_SHARE = 4
"""A further call begins at once where a quarter of a call's size waits."""


class CallBatch:
    """The messages of one call, until all are settled. A device that has any among them is in no other call."""

    def __init__(self, queue: "Queue", deliveries: list[Delivery]) -> None:
        self.deliveries = deliveries
        self.calling = True
        """Whether others wait for this one's answer."""
        self._queue = queue
        self.left: Counter[int] | None = None
        """Messages by device that are not settled; counted once only some are."""

    def retrying(self) -> None:
        """It was answered, and not all is settled: nobody shall wait for what may take long."""
        self._queue.release(self, ())

    def settled(self, deliveries: Sequence[Delivery]) -> None:
        """These of its messages are: devices that have no others in it may be called for again."""
        if self.left is None:
            self.left = Counter([delivery.key for delivery in self.deliveries])
        free = []
        for delivery in deliveries:
            self.left[delivery.key] -= 1
            if not self.left[delivery.key]:
                del self.left[delivery.key]
                free.append(delivery.key)
        if free:
            self._queue.release(self, free)

    def over(self) -> None:
        """Nothing of it is left: its devices' later messages may be called for."""
        free = self.left if self.left is not None else {delivery.key for delivery in self.deliveries}
        self._queue.release(self, free)


class Queue:
    """Messages in the order in which they came; `take` hands them out so that each device's order holds.

    At small rates there is one call at a time, with everything that has come meanwhile: several at once would only get
    in each other's way where a call costs much, as on faasd. A further one begins when a quarter of a call's size
    waits, or when the one under way takes long.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        """Held while something changes; whoever holds it puts several messages as one."""
        self._queue: deque[Delivery] = deque()
        self._queued: Counter[int] = Counter()
        """Messages in the queue by device; never 0."""
        self._busy: set[int] = set()
        self._blocked = 0
        """How many in the queue are of devices that are in a call."""
        self._calling = 0
        self._began = 0.0
        self._enough = 1
        self._dismissed = 0
        self._ended = False
        self._stopped = False

    def put(self, delivery: Delivery) -> None:
        """Adds a message; its `key` is that of its device."""
        with self.changed:
            self._queue.append(delivery)
            self._queued[delivery.key] += 1
            if delivery.key in self._busy:
                self._blocked += 1
                return
            ready = len(self._queue) - self._blocked
            # The first one wakes somebody up, who then looks how long the call under way takes.
            if ready == 1 or ready >= self._enough or not self._calling:
                self.changed.notify()

    def take(self, size: int) -> CallBatch | None:
        """The next call's messages, at most `size`; waits until one may begin. None at the end, or when dismissed."""
        with self.changed:
            self._enough = max(1, size // _SHARE)
            while not self._stopped:
                if self._dismissed:
                    self._dismissed -= 1
                    break
                ready = len(self._queue) - self._blocked
                if ready > 0:
                    pause_s = self._pause_s(ready)
                    if pause_s <= 0:
                        return self._pick(size)
                    self.changed.wait(pause_s)
                elif self._ended and not self._queue:
                    break
                else:
                    self.changed.wait()
            return None

    def release(self, batch: CallBatch, free: Iterable[int]) -> None:
        """Nobody waits for the batch any more, and these of its devices may be called for again; see CallBatch."""
        with self.changed:
            if batch.calling:
                batch.calling = False
                self._calling -= 1
            for key in free:
                self._busy.discard(key)
                self._blocked -= self._queued.get(key, 0)
            if self._ended:
                self.changed.notify_all()
            elif len(self._queue) > self._blocked:
                self.changed.notify()

    def dismiss(self, count: int) -> None:
        """So many of those who take get None, each as it takes next."""
        with self.changed:
            self._dismissed += count
            self.changed.notify_all()

    def another(self) -> bytes | None:
        """The payload of some message that waits."""
        with self.changed:
            return self._queue[-1].payload if self._queue else None

    def end(self) -> None:
        """Nothing more is put in: `take` hands out what is there, and then None."""
        with self.changed:
            self._ended = True
            self.changed.notify_all()

    def stop(self) -> None:
        """`take` hands out nothing more: the broker keeps what waits."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()

    def _pause_s(self, ready: int) -> float:
        if self._ended or not self._calling or ready >= self._enough:
            return 0.0
        return self._began + _SLOW_S - time.monotonic()

    def _pick(self, size: int) -> CallBatch:
        taken: list[Delivery] = []
        passed: list[Delivery] = []
        while self._queue and len(taken) < size:
            delivery = self._queue.popleft()
            (passed if delivery.key in self._busy else taken).append(delivery)
        self._queue.extendleft(reversed(passed))
        for key, count in Counter([delivery.key for delivery in taken]).items():
            left = self._queued[key] - count
            if left:
                self._queued[key] = left
                self._blocked += left
            else:
                del self._queued[key]
            self._busy.add(key)
        self._calling += 1
        self._began = time.monotonic()
        if len(self._queue) > self._blocked:
            self.changed.notify()
        return CallBatch(self, taken)
