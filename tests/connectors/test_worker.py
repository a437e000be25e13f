"""What a worker does with messages that were taken before their function changed."""

import threading
import time
from collections.abc import Sequence

from connectors.mqtt.annotations import Entry
from connectors.mqtt.calls import Answer, Calls, Verdict
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.worker import Function, Worker
from fanwatch.broker import Message
from fanwatch.broker.subscriber import Connection
from fanwatch.gateway.client import Gateway
from fanwatch.logs import Log
from fanwatch.settings import GatewaySettings, load
from tests.support.wait import until


class Counted(Calls):
    """Scores everything, and notes how many messages came in each call."""

    def __init__(self, size: int, sizes: list[int]) -> None:
        super().__init__(Gateway(load(GatewaySettings), 1.0), "counted", size)
        self._sizes = sizes
        self.asked = threading.Event()
        """Whether a worker has begun to wait for messages."""

    @property
    def size(self) -> int:
        self.asked.set()
        return max(1, self.batch_size)

    @size.setter
    def size(self, _size: int) -> None:
        """As many as fit one call follows from the batch size."""

    def invoke(self, deliveries: Sequence[Delivery]) -> Answer:
        self._sizes.append(len(deliveries))
        return [Verdict(200) for _ in deliveries]


def put(function: Function, number: int, settled: list[Delivery], key: int = 0) -> None:
    """A message for it, which appears in `settled` once it is."""
    delivery = Delivery(
        Message("fan/messages", b"%d" % number, Connection(lambda: None), 0), 1, settled.append
    )
    delivery.key = key
    delivery.expect(1)
    function.queue.put(delivery)


def test_a_function_that_takes_fewer_at_once_from_now_on_gets_no_more() -> None:
    sizes: list[int] = []
    settled: list[Delivery] = []
    before = Counted(256, sizes)
    function = Function(before, lambda *_: None, Log("test"))
    worker = Worker(function, 0)
    assert before.asked.wait(10), "it waits"
    time.sleep(0.1)
    function.calls = Counted(0, sizes)
    with function.queue.changed:
        for number in range(5):
            put(function, number, settled)
    function.queue.end()
    assert worker.join(10)
    assert [delivery.payload for delivery in settled] == [b"0", b"1", b"2", b"3", b"4"]
    assert sizes == [1] * 5


class Picky(Calls):
    """Scores what comes, save message 0, for which something is away until `well` is set."""

    def __init__(self) -> None:
        super().__init__(Gateway(load(GatewaySettings), 1.0), "picky", 64)
        self.well = threading.Event()

    def invoke(self, deliveries: Sequence[Delivery]) -> Answer:
        bad = not self.well.is_set()
        return [Verdict(503 if bad and delivery.payload == b"0" else 200) for delivery in deliveries]


def test_devices_of_a_call_that_was_settled_in_part_go_on_while_the_rest_is_retried() -> None:
    calls, settled = Picky(), list[Delivery]()
    function = Function(calls, lambda *_: None, Log("test"))
    entry = Entry("picky", function, 2)
    with function.queue.changed:
        put(function, 0, settled, key=1)
        put(function, 1, settled, key=2)
    until(lambda: len(settled) == 1, 10, "the other device's")
    put(function, 2, settled, key=2)
    until(lambda: len(settled) == 2, 10, "the other device's next one")
    put(function, 3, settled, key=1)
    calls.well.set()
    until(lambda: len(settled) == 4, 10, "all")
    assert [delivery.payload for delivery in settled] == [b"1", b"2", b"0", b"3"]
    entry.retire(lambda _topic: False)
    assert all(worker.join(10) for worker in entry.workers)


def test_lanes_become_more_and_fewer() -> None:
    function = Function(Counted(0, []), lambda *_: None, Log("test"))
    entry = Entry("counted", function, 2)
    for workers in (5, 1, 3):
        entry.resize(workers)
        until(
            lambda n=workers: sum(not worker.join(0) for worker in entry.workers) == n,
            10,
            f"{workers} workers",
        )
    entry.retire(lambda _topic: False)
    assert all(worker.join(10) for worker in entry.workers)
