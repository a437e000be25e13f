"""Which messages a call takes, and when it begins."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mqtt import waiting as module
from connectors.mqtt.delivery import Delivery
from connectors.mqtt.waiting import Turn, Waiting
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


def put(waiting: Waiting, *named: str) -> None:
    """Messages by device and number, such as a1."""
    for name in named:
        delivery = Delivery(
            Message("fan/messages", name.encode(), Connection(lambda: None), 0), 1, lambda _: None
        )
        delivery.key = ord(name[0])
        waiting.put(delivery)


def taken(turn: Turn | None) -> list[str]:
    assert turn is not None
    return [delivery.payload.decode() for delivery in turn.deliveries]


class Taker:
    """Takes on a thread of its own; `turn` once it has one."""

    def __init__(self, waiting: Waiting, size: int = SIZE) -> None:
        self.turn: Turn | None = None
        self.done = threading.Event()
        self._waiting, self._size = waiting, size
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.turn = self._waiting.take(self._size)
        self.done.set()

    def idle(self) -> bool:
        """Whether it still waits, once it surely is where it waits."""
        waiters = self._waiting._changed._waiters  # type: ignore[attr-defined]
        until(lambda: self.done.is_set() or len(waiters) > 0, 10, "it waits")
        return not self.done.wait(0.05)


def test_a_call_takes_all_that_waits_and_the_next_one_what_came_meanwhile() -> None:
    waiting = Waiting()
    put(waiting, "a1", "b1", "a2")
    first = waiting.take(SIZE)
    assert taken(first) == ["a1", "b1", "a2"]
    second = Taker(waiting)
    put(waiting, "c1")
    assert second.idle()
    assert first is not None
    first.over()
    assert second.done.wait(10)
    assert taken(second.turn) == ["c1"]


@pytest.mark.parametrize("how", ["much waits", "it is retried", "it takes long"])
def test_a_further_call_begins_where(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting()
    put(waiting, "a1")
    first = waiting.take(SIZE)
    assert first is not None
    second = Taker(waiting)
    put(waiting, "b1")
    assert second.idle()
    if how == "it is retried":
        first.retrying()
    elif how == "it takes long":
        monkeypatch.setattr(module, "_SLOW_S", 0.0)
        put(waiting, "a2", "b2")
    else:
        put(waiting, *(f"c{number}" for number in range(1, ENOUGH)))
    assert second.done.wait(10)
    assert taken(second.turn)[0] == "b1"


def test_a_call_that_takes_long_is_noticed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW_S", 0.2)
    waiting = Waiting()
    put(waiting, "a1")
    assert waiting.take(SIZE)
    second = Taker(waiting)
    put(waiting, "b1")
    assert second.done.wait(10), "nobody is told of anything"


def test_a_device_is_in_one_call_at_a_time_and_its_order_holds() -> None:
    waiting = Waiting()
    put(waiting, "a1", "b1")
    first = waiting.take(1)
    assert taken(first) == ["a1"]
    put(waiting, "a2", "c1", "a3", "c2")
    second = waiting.take(2)
    assert taken(second) == ["b1", "c1"]
    third = Taker(waiting)
    put(waiting, "a4", "a5", "b2")
    assert third.idle()
    assert first is not None
    first.over()
    assert third.done.wait(10)
    assert taken(third.turn) == ["a2", "a3", "a4", "a5"], "b and c are in the second one still"


def test_a_device_waits_no_longer_than_its_own_messages() -> None:
    waiting = Waiting()
    put(waiting, "a1", "b1", "a2", "c1")
    first = waiting.take(SIZE)
    assert first is not None
    put(waiting, "a3", "b2", "c2")
    second = Taker(waiting)
    assert second.idle()
    first.retrying()
    first.settled([first.deliveries[0], first.deliveries[3]])
    assert second.done.wait(10), "c waits for a and b"
    assert taken(second.turn) == ["c2"], "a2 and b1 are not settled"
    assert second.turn is not None
    second.turn.retrying()
    third = Taker(waiting)
    assert third.idle()
    first.settled([first.deliveries[2]])
    assert third.done.wait(10)
    assert taken(third.turn) == ["a3"]
    assert third.turn is not None
    third.turn.retrying()
    put(waiting, "c3")
    first.over()
    assert taken(waiting.take(SIZE)) == ["b2"], "c is in the second one still"


def test_so_many_as_are_dismissed_end_and_the_others_go_on() -> None:
    waiting = Waiting()
    takers = [Taker(waiting) for _ in range(3)]
    assert all(taker.idle() for taker in takers)
    waiting.dismiss(2)
    until(lambda: sum(taker.done.is_set() for taker in takers) == 2, 10, "two to end")
    put(waiting, "a1")
    until(lambda: all(taker.done.is_set() for taker in takers), 10, "the third one")
    (turn,) = [taker.turn for taker in takers if taker.turn]
    assert taken(turn) == ["a1"]


def test_functions_of_single_messages_are_called_at_once() -> None:
    waiting = Waiting()
    put(waiting, "a1", "b1", "c1")
    assert [taken(waiting.take(1)) for _ in range(3)] == [["a1"], ["b1"], ["c1"]]


def test_at_the_end_what_waits_is_handed_out_and_then_nothing() -> None:
    waiting = Waiting()
    put(waiting, "a1")
    first = waiting.take(SIZE)
    assert first is not None
    put(waiting, "a2")
    takers = [Taker(waiting) for _ in range(2)]
    waiting.end()
    assert all(taker.idle() for taker in takers), "its order holds to the end"
    first.over()
    until(lambda: any(taker.done.is_set() for taker in takers), 10, "what waited")
    (last,) = [taker.turn for taker in takers if taker.turn]
    assert taken(last) == ["a2"]
    last.over()
    until(lambda: all(taker.done.is_set() for taker in takers), 10, "their end")
    assert waiting.take(SIZE) is None


def test_stopped_it_keeps_what_waits() -> None:
    waiting = Waiting()
    taker = Taker(waiting)
    assert taker.idle()
    put(waiting, "a1")
    assert taker.done.wait(10)
    put(waiting, "a2")
    waiting.stop()
    assert waiting.take(SIZE) is None


DEVICES = "abcde"
PUTS = 300


class Crowd:
    """Lanes that take, retry and end their calls as chance has it, and note what they saw."""

    def __init__(self, waiting: Waiting, lanes: int, size: int, seed: int) -> None:
        self.order: dict[int, list[int]] = {ord(device): [] for device in DEVICES}
        self.twice: list[int] = []
        """Devices that were in two calls at once."""
        self._waiting, self._size = waiting, size
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._lanes = [
            threading.Thread(target=self._run, args=(random.Random(seed + lane),), daemon=True)
            for lane in range(lanes)
        ]
        for lane in self._lanes:
            lane.start()

    def ended(self) -> bool:
        """Whether every lane came to its end."""
        for lane in self._lanes:
            lane.join(60)
        return not any(lane.is_alive() for lane in self._lanes)

    def _run(self, chance: random.Random) -> None:
        while (turn := self._waiting.take(self._size)) is not None:
            keys = {delivery.key for delivery in turn.deliveries}
            with self._lock:
                self.twice += self._busy & keys
                self._busy |= keys
                for delivery in turn.deliveries:
                    self.order[delivery.key].append(int(delivery.payload[1:]))
            if chance.random() < 0.3:
                turn.retrying()
                self._settle_some(turn, chance)
            if chance.random() < 0.3:
                threading.Event().wait(chance.random() / 1000)
            with self._lock:
                self._busy -= self._left(turn)
            turn.over()

    def _settle_some(self, turn: Turn, chance: random.Random) -> None:
        """Tells of all messages of some devices; those may be in other calls at once."""
        devices = {delivery.key for delivery in turn.deliveries}
        free = set(chance.sample(sorted(devices), chance.randrange(len(devices))))
        with self._lock:
            self._busy -= free
        turn.settled([delivery for delivery in turn.deliveries if delivery.key in free])

    @staticmethod
    def _left(turn: Turn) -> set[int]:
        left = turn._left
        return {delivery.key for delivery in turn.deliveries} if left is None else set(left)


@settings(max_examples=15, deadline=None)
@given(
    lanes=st.integers(1, 12),
    size=st.sampled_from([1, 2, 8, 64]),
    slow=st.sampled_from([0.0, 0.001, 600.0]),
    stopped=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_many_lanes_lose_nothing_keep_each_devices_order_and_come_to_their_end(
    lanes: int, size: int, slow: float, stopped: bool, seed: int
) -> None:
    chance = random.Random(seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_SLOW_S", slow)
        waiting = Waiting()
        crowd = Crowd(waiting, lanes, size, seed)
        names = [f"{chance.choice(DEVICES)}{number}" for number in range(PUTS)]
        for name in names:
            put(waiting, name)
            if chance.random() < 0.02:
                threading.Event().wait(0.001)
        if not stopped:
            # Before anything is said of an end: nobody may have been forgotten.
            until(lambda: sum(map(len, crowd.order.values())) == PUTS, 60, "all is handed out")
            waiting.end()
        else:
            waiting.stop()
        assert crowd.ended()
    assert crowd.twice == []
    for device in DEVICES:
        sent = [int(name[1:]) for name in names if name[0] == device]
        got = crowd.order[ord(device)]
        assert got == (sent[: len(got)] if stopped else sent)
