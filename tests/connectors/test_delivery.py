"""At least once, in order, in batches: from the broker to a function and back."""

import base64
import hashlib
import random
import subprocess
import threading
import time
from collections import Counter

from tests.connectors.conftest import Bench
from tests.support.ledger import Fans, key_of
from tests.support.mosquitto import Mosquitto
from tests.support.scripted import Call, Reply, function, outcomes
from tests.support.wait import patience, until

BOTH = "fan/messages,fan/+/messages"


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Payloads of one device."""
    return [b'{"deviceID": "a", "number": %d}' % number for number in range(start, start + count)]


class Gate:
    """An answer that waits until it is opened."""

    def __init__(self, bench: Bench, wanted: bytes = b"") -> None:
        self._opened = threading.Event()
        self.wanted = wanted
        bench.gateway.answer = self

    def __call__(self, call: Call) -> Reply:
        if self.wanted in call.body:
            self._opened.wait(30)
        return outcomes(call)

    def open(self) -> None:
        """Lets all answers go."""
        self._opened.set()


def restart_without_store(broker: Mosquitto) -> None:
    """The broker forgets all sessions."""
    broker.stop()
    (broker.log.parent / "mosquitto.db").unlink()
    broker.start()
    broker.wait()


def test_a_reading_alone_goes_at_once(bench: Bench) -> None:
    bench.connect()
    source = bench.source()
    began = time.monotonic()
    for number, sent in enumerate(Fans(devices=1).make(40), 1):
        source.put([sent])
        until(lambda number=number: len(bench.gateway.calls) == number, 10, "its call")
    # A timer that collected readings for a tenth of a second would take four.
    assert time.monotonic() - began < 3 * patience()
    assert [len(call.messages) for call in bench.gateway.calls] == [1] * 40


def test_what_queues_up_during_a_call_goes_as_one(bench: Bench) -> None:
    bench.gateway.functions = [function("score-fan", batch_size=100)]
    gate = Gate(bench)
    connector = bench.connect(batch_lanes=1)
    source = bench.source()
    source.put(Fans(devices=1).make(1))
    until(lambda: bench.gateway.calls, 10, "the first call")
    source.put(Fans("later", 1).make(150))
    until(lambda: connector.metric("received_total") == 151, 10, "all of them to arrive")
    gate.open()
    until(lambda: connector.metric("acknowledged_total") == 151, 10, "all acknowledgements")
    assert [len(call.messages) for call in bench.gateway.calls] == [1, 100, 50]
    assert {call.headers["content-type"] for call in bench.gateway.calls} == {"application/msgpack"}
    # Of each call the reading that had waited longest, from its arrival on: longer than the calls themselves took.
    assert connector.metric("settled_seconds_count") == 3
    assert connector.metric("settled_seconds_sum") > connector.metric("call_seconds_sum")


def test_order_of_each_device_holds_whatever_fails(bench: Bench) -> None:
    bench.gateway.functions = [function("score-fan", BOTH, 16)]
    scored: list[bytes] = []
    chance = random.Random(7)
    inside: Counter[str] = Counter()
    together: list[str] = []

    def answer(call: Call) -> Reply:
        if call.messages[0][0] == "":
            return outcomes(call)  # only asked whether it works
        devices = {key_of(payload)[0] for payload in call_payloads(call)}
        together.extend(device for device in devices if inside[device])
        inside.update(devices)
        failed: set[str] = set()

        def judge(payload: bytes) -> tuple[int, str | None]:
            device = key_of(payload)[0]
            if device in failed or chance.random() < 0.05:
                failed.add(device)  # as score-fan does: what follows of a device waits for it
                return 503, "The result was not published"
            scored.append(payload)
            return 200, None

        reply = Reply(500) if chance.random() < 0.1 else outcomes(call, judge)
        inside.subtract(devices)
        return reply

    bench.gateway.answer = answer
    connector = bench.connect(batch_lanes=3)
    made = Fans(devices=7).make(1400)
    bench.source().put(made)
    until(lambda: connector.metric("acknowledged_total") == len(made), 40, "all acknowledgements")
    order: dict[str, list[int]] = {}
    for device, ms in map(key_of, scored):
        order.setdefault(device, []).append(ms)
    assert {device: len(times) for device, times in order.items()} == dict.fromkeys(order, 200)
    assert all(times == sorted(times) for times in order.values())
    assert together == []


def call_payloads(call: Call) -> list[bytes]:
    """The payloads of a call."""
    return [payload for _, payload in call.messages]


def test_acks_of_a_lost_session_are_never_sent(bench: Bench) -> None:
    gate = Gate(bench, b"old")
    bench.gateway.functions = [function("score-fan", batch_size=1)]
    connector = bench.connect()
    for number in range(3):
        bench.broker.publish("fan/messages", b"old %d" % number)
    until(lambda: connector.metric("received_total") == 3, 10, "the old messages")
    restart_without_store(bench.broker)
    until(lambda: connector.metric("sessions_lost_total") == 1, 10, "the loss to be counted")
    assert "had lost this session" in connector.output()
    connector.wait()
    later = Gate(bench, b"new")
    # In the new session the broker gives them the ids that the old ones had.
    for number in range(3):
        bench.broker.publish("fan/messages", b"new %d" % number)
    until(lambda: connector.metric("received_total") == 6, 10, "the new messages")
    gate.open()
    until(lambda: connector.metric("duplicated_total") == 3, 10, "the old ones to be settled")
    assert connector.metric("acknowledged_total") == 0
    connector.kill()
    later.open()
    bench.gateway.calls.clear()
    connector.start()
    until(lambda: len(bench.gateway.messages()) >= 3, 10, "the new messages once more")
    assert sorted(bench.gateway.payloads()) == [b"new 0", b"new 1", b"new 2"]


def test_what_is_held_while_the_broker_restarts_is_scored_and_acknowledged_once(bench: Bench) -> None:
    gate = Gate(bench)
    connector = bench.connect()
    made = Fans(devices=3).make(300)
    bench.gateway.functions = [function("score-fan", BOTH)]
    until(lambda: "fan/+/messages" in connector.output(), 10, "both topics")
    connector.wait()
    bench.source().put(made)
    until(lambda: connector.metric("received_total") == 300, 10, "all of them")
    bench.broker.stop()
    bench.broker.start()
    until(lambda: connector.metric("received_total") == 600, 15, "all of them once more")
    gate.open()
    until(lambda: connector.metric("acknowledged_total") == 300, 10, "all acknowledgements")
    assert connector.metric("held") == 0
    assert set(Counter(bench.gateway.payloads()).values()) == {1}
    connector.stop()
    bench.gateway.calls.clear()
    connector.start()
    connector.wait()
    bench.broker.publish("fan/messages", b"last")
    until(lambda: bench.gateway.payloads() == [b"last"], 10, "nothing but the last message")


def test_what_is_held_when_the_broker_crashes_is_scored_though_its_store_lacks_it(bench: Bench) -> None:
    gate = Gate(bench)
    connector = bench.connect()
    store = bench.broker.log.parent / "mosquitto.db"
    until(lambda: store.exists() and b"fan/messages" in store.read_bytes(), 10, "the session to be saved")
    saved = store.read_bytes()
    sent = numbered(20)
    for payload in sent:
        bench.broker.publish("fan/messages", payload)
    until(lambda: connector.metric("received_total") == len(sent), 10, "all of them")
    bench.broker.kill()
    store.write_bytes(saved)  # as if the crash had come before the next save
    bench.broker.start()
    connector.wait()
    assert connector.metric("sessions_lost_total") == 0, "the session is there, without its readings"
    gate.open()
    until(lambda: set(bench.gateway.payloads()) == set(sent), 10, "all of them scored")


def test_sigterm_settles_what_is_under_way_and_leaves_the_rest_to_the_broker(bench: Bench) -> None:
    gate = Gate(bench)
    bench.gateway.functions = [function("score-fan", batch_size=10)]
    connector = bench.connect(batch_lanes=1, stop=5)
    sent = numbered(30)
    for payload in sent:
        bench.broker.publish("fan/messages", payload)
    until(lambda: connector.metric("received_total") == 30, 10, "all of them")
    threading.Timer(0.5, gate.open).start()
    assert connector.stop() < 5 * patience()
    assert connector.process.returncode == 0
    before = bench.gateway.payloads()
    assert 0 < len(before) < 30
    bench.broker.publish("fan/messages", b"while away")
    connector.start()
    until(lambda: b"while away" in bench.gateway.payloads(), 10, "what came while it was away")
    # What was answered was acknowledged: nothing twice, and all in order.
    assert bench.gateway.payloads() == [*sent, b"while away"]


def test_sigterm_does_not_wait_for_a_hanging_call(bench: Bench) -> None:
    gate = Gate(bench)
    connector = bench.connect(stop=0.5)
    bench.broker.publish("fan/messages", b"hangs")
    until(lambda: bench.gateway.calls, 10, "its call")
    assert connector.stop() < 3 * patience()
    gate.open()
    connector.start()
    until(lambda: len(bench.gateway.calls) == 2, 10, "its second call")


def test_an_oversized_payload_becomes_a_dead_letter_with_its_hash(bench: Bench) -> None:
    witness = bench.witness()
    connector = bench.connect()
    payload = random.Random(1).randbytes(5_000_000)
    subprocess.run(
        ["mosquitto_pub", "-p", str(bench.broker.port), "-q", "1", "-t", "fan/messages", "-s"],
        input=payload,
        check=True,
        timeout=20,
    )
    until(lambda: witness.letters, 10, "its dead letter")
    [letter] = witness.letters
    assert letter["reason"] == "oversized"
    assert letter["length"] == 5_000_000
    assert letter["sha256"] == hashlib.sha256(payload).hexdigest()
    assert base64.b64decode(letter["payload"]) == payload[:32_000]
    assert letter["id"] == hashlib.sha256(b"fan/messages\0" + payload).hexdigest()
    until(lambda: connector.metric("acknowledged_total") == 1, 10, "its acknowledgement")
    assert bench.gateway.calls == []


def test_a_dead_letter_that_nobody_takes_leaves_its_message_unacknowledged(bench: Bench) -> None:
    bench.gateway.answer = lambda call: outcomes(call, lambda payload: (400, "json: not JSON"))
    connector = bench.connect()
    bench.broker.publish("fan/messages", b"bad")
    until(lambda: connector.metric("dead_letters_waiting") == 1, 10, "it to wait")
    assert "nobody is subscribed" in connector.output()
    assert connector.metric("acknowledged_total") == 0
    assert connector.metric("dead_lettered_total") == 0
    connector.kill()
    connector.start()
    until(lambda: connector.metric("dead_letters_waiting") == 1, 10, "it to wait once more")
    witness = bench.witness()
    until(lambda: connector.metric("acknowledged_total") == 1, 15, "its acknowledgement")
    assert [letter["error"] for letter in witness.letters] == ["not JSON"]


def test_verdicts_of_a_batch_are_each_their_own(bench: Bench) -> None:
    witness = bench.witness()
    verdicts = {b"good": (200, None), b"bad": (400, "field: no number"), b"wrong": (422, "device: unknown")}
    gate = Gate(bench)
    bench.gateway.answer = lambda call: (gate(call), outcomes(call, lambda payload: verdicts[payload]))[1]
    connector = bench.connect(batch_lanes=1)
    for payload in (b"good", b"bad", b"good", b"wrong"):
        bench.broker.publish("fan/messages", payload)
    gate.open()
    until(lambda: connector.metric("acknowledged_total") == 4, 10, "all acknowledgements")
    assert sorted((letter["reason"], letter["attempts"]) for letter in witness.letters) == [
        ("device", 1),
        ("field", 1),
    ]
    assert connector.metric("scored_total") == 2
    assert connector.metric("dead_lettered_total", "field") == 1
