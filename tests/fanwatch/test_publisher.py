"""Publisher against a real Mosquitto."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fanwatch.broker import NO_SUBSCRIBER, PUBLISHED, Publisher
from fanwatch.broker.transport import BufferedClient, BufferedSocket
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings
from tests.support.listener import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.wait import until


@contextmanager
def publisher(settings: BrokerSettings, timeout_s: float = 5.0) -> Iterator[Publisher]:
    made = Publisher(msgspec.structs.replace(settings, broker_timeout=timeout_s), Log("test"), name="test")
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def connected(settings: BrokerSettings, timeout_s: float = 5.0) -> Iterator[Publisher]:
    with publisher(settings, timeout_s) as made:
        assert made.wait_connected(5)
        yield made


def test_messages_arrive_in_order_over_many_calls(shared_broker: Mosquitto, topic: str) -> None:
    with Listener(shared_broker.settings, topic) as listener, connected(shared_broker.settings) as one:
        number = 0
        for size in (1, 2, 1500, 1, 300):
            group = [(topic, b"%d" % (number + i)) for i in range(size)]
            number += size
            assert one.publish(group) == [PUBLISHED] * size
        assert listener.payloads(number) == [b"%d" % i for i in range(number)]


def test_nothing_to_publish_is_done_at_once(shared_broker: Mosquitto) -> None:
    with connected(shared_broker.settings) as one:
        assert one.publish([]) == []


def test_each_message_has_its_own_outcome(shared_broker: Mosquitto, topic: str) -> None:
    """PUBACK 0x10: the broker took it, and nobody has it."""
    with Listener(shared_broker.settings, topic), connected(shared_broker.settings) as one:
        outcomes = one.publish([(topic, b"1"), (topic + "/unheard", b"2"), (topic, b"3")])
        assert outcomes == [PUBLISHED, NO_SUBSCRIBER, PUBLISHED]


def test_any_payload_travels_as_it_is(shared_broker: Mosquitto, topic: str) -> None:
    payloads = [b"", b"\x00", b"\xff\xfe", b"x" * 1_000_000]
    with Listener(shared_broker.settings, topic) as listener, connected(shared_broker.settings) as one:
        assert one.publish([(topic, payload) for payload in payloads]) == [PUBLISHED] * 4
        assert listener.payloads(4) == payloads


def test_threads_share_it(shared_broker: Mosquitto, topic: str) -> None:
    outcomes: list[list[str]] = []
    with Listener(shared_broker.settings, topic + "/+") as listener, connected(shared_broker.settings) as one:

        def work(name: int) -> None:
            for start in range(0, 100, 10):
                outcomes.append(one.publish([(f"{topic}/{name}", b"%d" % (start + i)) for i in range(10)]))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert outcomes == [[PUBLISHED] * 10] * 80
        got = listener.wait(800)
    for name in range(8):
        assert [payload for at, payload in got if at == f"{topic}/{name}"] == [b"%d" % i for i in range(100)]


def test_without_a_broker_it_fails_at_once_and_queues_nothing(broker: Mosquitto, topic: str) -> None:
    with connected(broker.settings, timeout_s=20) as one:
        broker.stop()
        until(lambda: not one.connected, 5, "the loss is noticed")
        began = time.monotonic()
        with pytest.raises(Unavailable, match=rf"127.0.0.1:{broker.port} is away"):
            one.publish([(topic, b"lost")])
        assert time.monotonic() - began < 15
        broker.start()
        broker.wait()
        with Listener(broker.settings, topic) as listener:
            assert one.wait_connected(10)
            assert one.publish([(topic, b"after")]) == [PUBLISHED]
            assert listener.payloads(1) == [b"after"]


def test_a_broker_that_was_never_there() -> None:
    settings = BrokerSettings(broker_host="127.0.0.1", broker_port=free_port())
    with publisher(settings) as one, pytest.raises(Unavailable):
        one.publish([("a", b"")])


def test_a_lost_connection_fails_what_is_on_its_way_at_once(broker: Mosquitto, topic: str) -> None:
    with Listener(broker.settings, topic), connected(broker.settings, timeout_s=20) as one:
        broker.process.send_signal(signal.SIGSTOP)
        outcomes: list[str] = []
        thread = threading.Thread(target=lambda: outcomes.extend(one.publish([(topic, b"x")] * 700)))
        thread.start()
        thread.join(1.5)
        assert thread.is_alive(), "it waits for the PUBACKs"
        began = time.monotonic()
        broker.kill()
        thread.join(15)
        assert time.monotonic() - began < 15
        # On a busy machine some have not been handed over yet.
        assert len(outcomes) == 700
        assert outcomes[0] == "the connection to the broker ended before its PUBACK"
        assert {text.partition(":")[0] for text in outcomes} <= {outcomes[0], "it was not sent"}


def test_a_broker_that_hangs_fails_within_the_timeout(broker: Mosquitto, topic: str) -> None:
    with Listener(broker.settings, topic) as listener, connected(broker.settings, timeout_s=3) as one:
        broker.process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert one.publish([(topic, b"x")] * 2) == ["no PUBACK in time"] * 2
            assert 2.5 < time.monotonic() - began < 30
        finally:
            broker.process.send_signal(signal.SIGCONT)
        listener.wait(2)
        # Late PUBACKs belong to nobody, and are taken for no other message's.
        assert one.publish([(topic + "/unheard", b"y"), (topic, b"z")]) == [NO_SUBSCRIBER, PUBLISHED]


def test_pahos_private_hook_is_still_there(shared_broker: Mosquitto) -> None:
    """BufferedClient replaces paho's `_create_socket`: with a paho that has none, it would be slow or fail."""
    client = BufferedClient(CallbackAPIVersion.VERSION2, client_id="hook")
    client.connect("127.0.0.1", shared_broker.port)
    opened = client.socket()
    assert isinstance(opened, BufferedSocket), "paho no longer calls _create_socket: see broker/transport.py"
    with socket.socket(fileno=os.dup(opened.fileno())) as below:
        assert below.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert opened.unsent, "paho no longer writes CONNECT through the socket it was given"
    opened.close()
