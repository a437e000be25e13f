"""Subscriber against a real Mosquitto: sessions, acknowledgements, and reading no more than there is room for."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from fanwatch.broker import Message, Subscriber, tools
from fanwatch.broker.tools import end_loop
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings
from tests.support.listener import Listener
from tests.support.mosquitto import Mosquitto
from tests.support.wait import until


class Client:
    """A subscriber that keeps what it gets and acknowledges on demand."""

    def __init__(self, settings: BrokerSettings, client_id: str, *filters: str) -> None:
        self.settings = settings
        self.client_id = client_id
        self.got: list[Message] = []
        self.sessions: list[bool] = []
        self.room = 10_000
        self.on_message: Callable[[Message], None] = self.got.append
        self.subscriber = Subscriber(
            settings, Log("test"), client_id=client_id, session_expiry_s=600, receive_maximum=1000,
            on_message=lambda message: self.on_message(message), on_opened=self.sessions.append,
            has_room=lambda: len(self.got) < self.room,
        )  # fmt: skip
        self.subscriber.subscribe(filters)
        self.subscriber.start()
        self.confirmed(filters)

    def confirmed(self, filters: tuple[str, ...]) -> None:
        until(lambda: self.subscriber.confirmed == set(filters), 10, "the broker confirms")

    def wait(self, count: int) -> list[bytes]:
        until(lambda: len(self.got) >= count, 10, f"{count} messages")
        return [message.payload for message in self.got]

    def acknowledge(self, *messages: Message) -> None:
        assert all(message.acknowledge() for message in messages)

    def pushed_out(self, *, session_kept: bool) -> None:
        """Another client takes its id, and leaves; returns when this one is back."""
        times, left = len(self.sessions), threading.Event()
        other = tools.client(self.settings, self.client_id, manual_ack=True)
        # At once: were it pushed out in its turn while it is still to stay, it would come back for the id.
        other.on_connect = lambda client, *_: client.disconnect()
        other.on_disconnect = lambda *_: left.set()
        tools.connect(
            other, self.settings, session_expiry_s=600 if session_kept else 0, clean=not session_kept
        )
        other.loop_start()
        until(left.is_set, 10, "the other one was in")
        end_loop(other)
        until(lambda: len(self.sessions) > times and self.subscriber.connected, 10, "it is back")


@pytest.fixture
def client(shared_broker: Mosquitto, topic: str) -> Iterator[Client]:
    made = Client(shared_broker.settings, f"client-{topic.replace('/', '-')}", topic)
    yield made
    made.subscriber.stop()


def publish(broker: Mosquitto, topic: str, *payloads: bytes) -> None:
    """With paho's own client, each confirmed."""
    sender = tools.client(broker.settings)
    tools.connect(sender, broker.settings)
    sender.loop_start()
    for sent in [sender.publish(topic, payload, qos=1) for payload in payloads]:
        sent.wait_for_publish(10)
    sender.disconnect()
    end_loop(sender)


def test_messages_come_in_order_as_they_were(client: Client, shared_broker: Mosquitto, topic: str) -> None:
    payloads = [b"%d\xff\x00" % number for number in range(1500)]
    client.on_message = lambda message: (client.got.append(message), client.acknowledge(message))[0]
    publish(shared_broker, topic, *payloads)
    assert client.wait(1500) == payloads
    assert {message.topic for message in client.got} == {topic}


def test_what_was_not_acknowledged_comes_again_and_nothing_else(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    publish(shared_broker, topic, *(b"%d" % number for number in range(10)))
    client.wait(10)
    client.acknowledge(*client.got[:4], client.got[7])
    client.subscriber.stop()
    client.got.clear()
    publish(shared_broker, topic, b"meanwhile")
    client.subscriber.start()
    assert client.wait(6) == [b"4", b"5", b"6", b"8", b"9", b"meanwhile"]
    assert client.sessions == [False, True]


def test_acknowledgements_of_an_ended_connection_are_not_sent(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    """Their ids may mean other messages by then."""
    publish(shared_broker, topic, b"a", b"b")
    client.wait(2)
    old = list(client.got)
    client.pushed_out(session_kept=False)
    client.confirmed((topic,))
    client.got.clear()
    publish(shared_broker, topic, b"c", b"d")
    assert client.wait(2) == [b"c", b"d"]
    assert not any(message.acknowledge() for message in old)
    client.subscriber.stop()
    client.got.clear()
    client.subscriber.start()
    assert client.wait(2) == [b"c", b"d"]


def test_a_resumed_session_tells_old_messages_that_they_come_again(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    publish(shared_broker, topic, b"a")
    client.wait(1)
    old = client.got[0]
    assert not old.connection.superseded
    client.pushed_out(session_kept=True)
    assert client.sessions == [False, True]
    assert old.connection.superseded
    assert client.wait(2) == [b"a", b"a"]
    assert not old.acknowledge()
    assert client.got[1].acknowledge()


def test_what_a_lost_session_had_brought_never_comes_again(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    """Also not when a later session is resumed: whoever holds such a message holds the only one."""
    publish(shared_broker, topic, b"only one")
    client.wait(1)
    client.pushed_out(session_kept=False)
    assert client.sessions == [False, False]
    client.confirmed((topic,))
    publish(shared_broker, topic, b"second session")
    client.wait(2)
    client.pushed_out(session_kept=True)
    assert client.sessions == [False, False, True]
    assert client.wait(3) == [b"only one", b"second session", b"second session"]
    assert [message.connection.superseded for message in client.got] == [False, True, False]


def test_a_lost_session_is_subscribed_again(broker: Mosquitto, topic: str) -> None:
    client = Client(broker.settings, "client", topic)
    broker.kill()
    for file in broker.log.parent.glob("*.db"):
        file.unlink()
    until(lambda: not client.subscriber.connected, 10, "the loss is noticed")
    with pytest.raises(Unavailable):
        client.subscriber.unsubscribe([topic])
    broker.start()
    broker.wait()
    until(lambda: client.sessions == [False, False], 10, "it is back without session")
    client.confirmed((topic,))
    publish(broker, topic, b"a")
    assert client.wait(1) == [b"a"]
    client.subscriber.stop()


def test_no_message_is_read_that_there_is_no_room_for(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    client.room = 10
    with Listener(shared_broker.settings, topic) as other:
        publish(shared_broker, topic, *(b"%d" % number for number in range(50)))
        other.wait(50)
        assert len(client.wait(10)) == 10
        # Acknowledging makes no room: with each PUBACK the broker would send another window.
        client.acknowledge(*client.got)
        publish(shared_broker, topic, b"more")
        other.wait(51)
    assert len(client.got) == 10
    assert client.subscriber.connected
    client.room = 10_000
    client.subscriber.wake()
    assert client.wait(51) == [b"%d" % number for number in range(50)] + [b"more"]


def test_filters_can_be_added_and_ended(client: Client, shared_broker: Mosquitto, topic: str) -> None:
    client.subscriber.subscribe([topic, topic + "/+"])
    client.confirmed((topic, topic + "/+"))
    publish(shared_broker, topic + "/x", b"new")
    assert client.wait(1) == [b"new"]
    client.subscriber.unsubscribe([topic])
    assert client.subscriber.confirmed == {topic + "/+"}
    # What is confirmed after it says that the broker has ended the other one.
    client.subscriber.subscribe([topic + "/+/later"])
    client.confirmed((topic + "/+", topic + "/+/later"))
    publish(shared_broker, topic, b"unheard")
    publish(shared_broker, topic + "/x", b"heard")
    assert client.wait(2) == [b"new", b"heard"]


def test_a_message_at_qos_0_needs_no_acknowledgement(
    client: Client, shared_broker: Mosquitto, topic: str
) -> None:
    sender = tools.client(shared_broker.settings)
    tools.connect(sender, shared_broker.settings)
    sender.loop_start()
    until(sender.is_connected, 10, "connected")
    sender.publish(topic, b"a", qos=0)
    assert client.wait(1) == [b"a"]
    assert client.got[0].acknowledge()
    sender.disconnect()
    end_loop(sender)
    publish(shared_broker, topic, b"b")
    assert client.wait(2) == [b"a", b"b"]


def test_a_defect_in_the_callback_is_logged_and_loses_nothing(
    client: Client, shared_broker: Mosquitto, topic: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(message: Message) -> None:
        client.on_message = client.got.append
        raise ValueError("a defect")

    client.on_message = broken
    publish(shared_broker, topic, b"a", b"b")
    assert client.wait(2) == [b"a", b"b"]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["error"] for line in lines if line["level"] == "error"] == ["a defect"]


def test_a_confirmation_that_is_quicker_than_the_question_counts(
    client: Client, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link's thread reads the answer before the asking one has got the number of its question."""
    read = threading.Event()
    ask, handle = mqtt.Client.subscribe, mqtt.Client._handle_suback

    def slowly(self: mqtt.Client, *given: Any, **options: Any) -> Any:
        asked = ask(self, *given, **options)
        read.wait(0.3)
        return asked

    def handled(self: mqtt.Client) -> Any:
        done = handle(self)
        read.set()
        return done

    monkeypatch.setattr(mqtt.Client, "subscribe", slowly)
    monkeypatch.setattr(mqtt.Client, "_handle_suback", handled)
    client.subscriber.subscribe([f"{topic}/second"])
    client.confirmed((topic, f"{topic}/second"))
