"""A worker: one call at a time, until each of its messages is settled."""

import random
import threading
import time
from collections.abc import Callable

from connectors.mqtt import metrics
from connectors.mqtt.breaker import Breaker
from connectors.mqtt.calls import Answer, Calls, Failed
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.queue import CallBatch, Queue
from fanwatch.logs import Log

ATTEMPTS = 8
"""Failures of a single message, while others succeed in between, after which it is given up."""

NO_FUNCTION = ("no-function", "no function takes its topic any more")

Reject = Callable[[Delivery, str, str, int], None]
"""Takes a delivery, the reason as one word, the reason as a sentence, and the attempts made."""


class Function:
    """What the workers of one function share."""

    def __init__(self, calls: Calls, reject: Reject, log: Log) -> None:
        self.calls = calls
        self.queue = Queue()
        self.reject = reject
        self.log = log
        self.successes = 0
        """Calls that settled something; grows."""
        self.good_payload: bytes | None = None
        """A message that was scored: whoever wants to know whether the function works has this one scored again."""
        self.still_taken: Callable[[str], bool] | None = None
        """Once the function was pruned: whether others take a topic."""
        self._gauge = metrics.BREAKER_OPEN.labels(calls.function)
        self.breaker = Breaker(lambda opened: self._gauge.set(opened))

    def retire(self, still_taken: Callable[[str], bool]) -> None:
        """Calls it no more: its workers reject what they hold, save what `still_taken` says others take."""
        self.still_taken = still_taken
        self.breaker.stop()
        self._gauge.set(0)


class Worker:
    """One thread. Neither bounded nor counted here: the inbox bounds what all workers hold."""

    def __init__(self, function: Function, number: int) -> None:
        self._function = function
        self._scored = metrics.SCORED.labels(function.calls.function)
        self._settled_s = metrics.SETTLED_SECONDS.labels(function.calls.function)
        self._retried = metrics.RETRIED.labels(function.calls.function)
        self._thread = threading.Thread(
            target=self._run, name=f"{function.calls.function} {number}", daemon=True
        )
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Whether it ended within `timeout_s` seconds."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        function = self._function
        while (batch := function.queue.take(function.calls.size)) is not None:
            try:
                self._deliver(batch, batch.deliveries)
            except Exception as error:  # noqa: BLE001
                # A defect here must neither end the worker, nor acknowledge anything, nor fill the memory.
                function.log.error(
                    "worker failed; its messages stay in the broker until it reconnects", error
                )
                function.breaker.abstain()
                for delivery in batch.deliveries:
                    delivery.drop()
            finally:
                batch.over()

    def _deliver(self, batch: CallBatch, deliveries: list[Delivery]) -> None:
        """Calls until each is settled; a call that fails while the function works otherwise is split in two."""
        function = self._function
        failures = 0
        while deliveries:
            calls = function.calls
            if len(deliveries) > calls.size:
                # The function was deployed anew meanwhile, and takes fewer at once.
                for start in range(0, len(deliveries), calls.size):
                    self._deliver(batch, deliveries[start : start + calls.size])
                return
            if not function.breaker.wait():
                self._abandon(deliveries)
                return
            seen = function.successes
            answer = calls.invoke(deliveries)
            left = self._settle(batch, deliveries, answer)
            if left:
                batch.retrying()
            if len(left) < len(deliveries):
                function.breaker.succeeded()
                deliveries, failures = left, 0
                continue
            self._retried.inc(len(deliveries))
            if not self._works_otherwise(deliveries, answer, seen):
                continue  # an outage says nothing of these messages
            failures += 1
            if len(deliveries) > 1 and (failures > 1 or _too_large(answer)):
                middle = len(deliveries) // 2
                self._deliver(batch, deliveries[:middle])
                self._deliver(batch, deliveries[middle:])
                return
            if len(deliveries) == 1 and (failures >= ATTEMPTS or _too_large(answer)):
                reason = "oversized" if _too_large(answer) else "unscorable"
                function.reject(deliveries[0], reason, _why(answer), failures)
                batch.settled(deliveries)
                return

    def _abandon(self, deliveries: list[Delivery]) -> None:
        still_taken = self._function.still_taken
        if still_taken is None:
            return  # the connector stops, and the broker keeps them
        for delivery in deliveries:
            if still_taken(delivery.topic):
                delivery.settle()
            else:
                self._function.reject(delivery, *NO_FUNCTION, 0)

    def _settle(self, batch: CallBatch, deliveries: list[Delivery], answer: Answer) -> list[Delivery]:
        """Settles what the answer decides; returns the others, in order."""
        if isinstance(answer, Failed):
            return deliveries
        function = self._function
        done, left = [], []
        scored, oldest_ns = 0, 0
        for delivery, verdict in zip(deliveries, answer, strict=True):
            if verdict.settled:
                scored += 1
                # In a worker, they stand in the order in which they came.
                oldest_ns = oldest_ns or delivery.first_seen_ns
                function.good_payload = delivery.payload
                delivery.settle()
            elif verdict.rejected:
                reason, _, error = (verdict.error or "refused: no reason was given").partition(": ")
                function.reject(delivery, reason, error, 1)
            else:
                left.append(delivery)
                continue
            done.append(delivery)
        if scored:
            self._scored.inc(scored)
            self._settled_s.observe((time.time_ns() - oldest_ns) / 1e9)
            function.successes += 1
        if done and len(done) < len(batch.deliveries):
            batch.settled(done)
        return left

    def _works_otherwise(self, deliveries: list[Delivery], answer: Answer, seen: int) -> bool:
        """Whether the function provably works for other messages; waits for a proof where one can be had.

        Proof is a success of others since `seen`, or another message that is scored now without being published.
        Where the function itself says that something it needs is away (503), only others' successes prove anything.
        """
        function = self._function
        if _too_large(answer):
            function.breaker.succeeded()
            return True
        function.breaker.failed()
        if _says_later(answer):
            return function.successes != seen
        while function.breaker.wait():
            if function.successes != seen:
                function.breaker.succeeded()
                return True
            payload = function.good_payload or self._another_payload(deliveries)
            if payload is None:
                function.breaker.abstain()
                return False
            if function.calls.probe(payload):
                function.breaker.succeeded()
                return True
            function.breaker.failed()
        return False

    def _another_payload(self, deliveries: list[Delivery]) -> bytes | None:
        # Before anything was ever scored, any other message may serve; by chance, for it might itself be the bad one.
        others = [delivery.payload for delivery in deliveries] if len(deliveries) > 1 else []
        following = self._function.queue.another()
        if following is not None:
            others.append(following)
        return random.choice(others) if others else None


def _too_large(answer: Answer) -> bool:
    return isinstance(answer, Failed) and answer.too_large


def _says_later(answer: Answer) -> bool:
    return not isinstance(answer, Failed) and all(verdict.status in (429, 503) for verdict in answer)


def _why(answer: Answer) -> str:
    if isinstance(answer, Failed):
        return answer.why
    return answer[0].error or f"status {answer[0].status}"
