"""Which messages a call takes, and when it begins."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mqtt import queue as module
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.queue import CallBatch, Queue
from fanwatch.broker import Message
from fanwatch.broker.subscriber import Connection
from tests.support.wait import until

SIZE = 8
ENOUGH = 2
"""A quarter of SIZE."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call takes long unless a test says so."""
    monkeypatch.setattr(module, "_SLOW_S", 600.0)


def put(queue: Queue, *named: str) -> None:
    """Messages by device and number, such as a1."""
    for name in named:
        delivery = Delivery(
            Message("fan/messages", name.encode(), Connection(lambda: None), 0), 1, lambda _: None
        )
        delivery.key = ord(name[0])
        queue.put(delivery)


def taken(batch: CallBatch | None) -> list[str]:
    assert batch is not None
    return [delivery.payload.decode() for delivery in batch.deliveries]


class Taker:
    """Takes on a thread of its own; `batch` once it has one."""

    def __init__(self, queue: Queue, size: int = SIZE) -> None:
        self.batch: CallBatch | None = None
        self.done = threading.Event()
        self._waiting, self._size = queue, size
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.batch = self._waiting.take(self._size)
        self.done.set()

    def idle(self) -> bool:
        """Whether it still waits, once it surely is where it waits."""
        return not self.done.wait(0.25)


def test_a_call_takes_all_that_waits_and_the_next_one_what_came_meanwhile() -> None:
    queue = Queue()
    put(queue, "a1", "b1", "a2")
    first = queue.take(SIZE)
    assert taken(first) == ["a1", "b1", "a2"]
    second = Taker(queue)
    put(queue, "c1")
    assert second.idle()
    assert first is not None
    first.over()
    assert second.done.wait(10)
    assert taken(second.batch) == ["c1"]


@pytest.mark.parametrize("how", ["much waits", "it is retried", "it takes long"])
def test_a_further_call_begins_where(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue()
    put(queue, "a1")
    first = queue.take(SIZE)
    assert first is not None
    second = Taker(queue)
    put(queue, "b1")
    assert second.idle()
    if how == "it is retried":
        first.retrying()
    elif how == "it takes long":
        monkeypatch.setattr(module, "_SLOW_S", 0.0)
        put(queue, "a2", "b2")
    else:
        put(queue, *(f"c{number}" for number in range(1, ENOUGH)))
    assert second.done.wait(10)
    assert taken(second.batch)[0] == "b1"


def test_a_call_that_takes_long_is_noticed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW_S", 0.2)
    queue = Queue()
    put(queue, "a1")
    assert queue.take(SIZE)
    second = Taker(queue)
    put(queue, "b1")
    assert second.done.wait(10), "nobody is told of anything"


def test_a_device_is_in_one_call_at_a_time_and_its_order_holds() -> None:
    queue = Queue()
    put(queue, "a1", "b1")
    first = queue.take(1)
    assert taken(first) == ["a1"]
    put(queue, "a2", "c1", "a3", "c2")
    second = queue.take(2)
    assert taken(second) == ["b1", "c1"]
    third = Taker(queue)
    put(queue, "a4", "a5", "b2")
    assert third.idle()
    assert first is not None
    first.over()
    assert third.done.wait(10)
    assert taken(third.batch) == ["a2", "a3", "a4", "a5"], "b and c are in the second one still"


def test_a_device_waits_no_longer_than_its_own_messages() -> None:
    queue = Queue()
    put(queue, "a1", "b1", "a2", "c1")
    first = queue.take(SIZE)
    assert first is not None
    put(queue, "a3", "b2", "c2")
    second = Taker(queue)
    assert second.idle()
    first.retrying()
    first.settled([first.deliveries[0], first.deliveries[3]])
    assert second.done.wait(10), "c waits for a and b"
    assert taken(second.batch) == ["c2"], "a2 and b1 are not settled"
    assert second.batch is not None
    second.batch.retrying()
    third = Taker(queue)
    assert third.idle()
    first.settled([first.deliveries[2]])
    assert third.done.wait(10)
    assert taken(third.batch) == ["a3"]
    assert third.batch is not None
    third.batch.retrying()
    put(queue, "c3")
    first.over()
    assert taken(queue.take(SIZE)) == ["b2"], "c is in the second one still"


def test_so_many_as_are_dismissed_end_and_the_others_go_on() -> None:
    queue = Queue()
    takers = [Taker(queue) for _ in range(3)]
    assert all(taker.idle() for taker in takers)
    queue.dismiss(2)
    until(lambda: sum(taker.done.is_set() for taker in takers) == 2, 10, "two to end")
    put(queue, "a1")
    until(lambda: all(taker.done.is_set() for taker in takers), 10, "the third one")
    (batch,) = [taker.batch for taker in takers if taker.batch]
    assert taken(batch) == ["a1"]


def test_functions_of_single_messages_are_called_at_once() -> None:
    queue = Queue()
    put(queue, "a1", "b1", "c1")
    assert [taken(queue.take(1)) for _ in range(3)] == [["a1"], ["b1"], ["c1"]]


def test_at_the_end_what_waits_is_handed_out_and_then_nothing() -> None:
    queue = Queue()
    put(queue, "a1")
    first = queue.take(SIZE)
    assert first is not None
    put(queue, "a2")
    takers = [Taker(queue) for _ in range(2)]
    queue.end()
    assert all(taker.idle() for taker in takers), "its order holds to the end"
    first.over()
    until(lambda: any(taker.done.is_set() for taker in takers), 10, "what waited")
    (last,) = [taker.batch for taker in takers if taker.batch]
    assert taken(last) == ["a2"]
    last.over()
    until(lambda: all(taker.done.is_set() for taker in takers), 10, "their end")
    assert queue.take(SIZE) is None


def test_stopped_it_keeps_what_waits() -> None:
    queue = Queue()
    taker = Taker(queue)
    assert taker.idle()
    put(queue, "a1")
    assert taker.done.wait(10)
    put(queue, "a2")
    queue.stop()
    assert queue.take(SIZE) is None


DEVICES = "abcde"
PUTS = 300


class Crowd:
    """Workers that take, retry and end their calls as chance has it, and note what they saw."""

    def __init__(self, queue: Queue, workers: int, size: int, seed: int) -> None:
        self.order: dict[int, list[int]] = {ord(device): [] for device in DEVICES}
        self.twice: list[int] = []
        """Devices that were in two calls at once."""
        self._waiting, self._size = queue, size
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._lanes = [
            threading.Thread(target=self._run, args=(random.Random(seed + worker),), daemon=True)
            for worker in range(workers)
        ]
        for worker in self._lanes:
            worker.start()

    def ended(self) -> bool:
        """Whether every worker came to its end."""
        for worker in self._lanes:
            worker.join(60)
        return not any(worker.is_alive() for worker in self._lanes)

    def _run(self, chance: random.Random) -> None:
        while (batch := self._waiting.take(self._size)) is not None:
            keys = {delivery.key for delivery in batch.deliveries}
            with self._lock:
                self.twice += self._busy & keys
                self._busy |= keys
                for delivery in batch.deliveries:
                    self.order[delivery.key].append(int(delivery.payload[1:]))
            if chance.random() < 0.3:
                batch.retrying()
                self._settle_some(batch, chance)
            if chance.random() < 0.3:
                threading.Event().wait(chance.random() / 1000)
            with self._lock:
                self._busy -= self._left(batch)
            batch.over()

    def _settle_some(self, batch: CallBatch, chance: random.Random) -> None:
        """Tells of all messages of some devices; those may be in other calls at once."""
        devices = {delivery.key for delivery in batch.deliveries}
        free = set(chance.sample(sorted(devices), chance.randrange(len(devices))))
        with self._lock:
            self._busy -= free
        batch.settled([delivery for delivery in batch.deliveries if delivery.key in free])

    @staticmethod
    def _left(batch: CallBatch) -> set[int]:
        left = batch.left
        return {delivery.key for delivery in batch.deliveries} if left is None else set(left)


@settings(max_examples=15, deadline=None)
@given(
    workers=st.integers(1, 12),
    size=st.sampled_from([1, 2, 8, 64]),
    slow=st.sampled_from([0.0, 0.001, 600.0]),
    stopped=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_many_lanes_lose_nothing_keep_each_devices_order_and_come_to_their_end(
    workers: int, size: int, slow: float, stopped: bool, seed: int
) -> None:
    chance = random.Random(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_SLOW_S", slow)
        queue = Queue()
        crowd = Crowd(queue, workers, size, seed)
        names = [f"{chance.choice(DEVICES)}{number}" for number in range(PUTS)]
        for name in names:
            put(queue, name)
            if chance.random() < 0.02:
                threading.Event().wait(0.001)
        if not stopped:
            # Before anything is said of an end: nobody may have been forgotten.
            until(lambda: sum(map(len, crowd.order.values())) == PUTS, 60, "all is handed out")
            queue.end()
        else:
            queue.stop()
        assert crowd.ended()
    assert crowd.twice == []
    for device in DEVICES:
        sent = [int(name[1:]) for name in names if name[0] == device]
        got = crowd.order[ord(device)]
        assert got == (sent[: len(got)] if stopped else sent)
