"""Sessions that exist before their clients do."""

import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fanwatch.broker.tools import end_loop
from fanwatch.errors import Unavailable
from fanwatch.settings import BrokerSettings, ConnectorSettings
from local import sessions
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.wait import until


def taken_over(
    broker: Mosquitto, client_id: str, protocol: MQTTProtocolVersion, count: int
) -> tuple[bool, set[bytes]]:
    """What a client with this id finds: whether its session was there, and the messages that had queued."""
    received: set[bytes] = set()
    present: list[bool] = []
    five = protocol is MQTTProtocolVersion.MQTTv5
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=protocol,
        clean_session=None if five else False,
    )
    client.on_connect = lambda _c, _d, flags, _r, _p: present.append(flags.session_present)
    client.on_message = lambda _c, _d, message: received.add(message.payload)
    if five:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
    else:
        client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        until(lambda: present and len(received) >= count, 10, f"{count} messages for {client_id}")
    finally:
        client.disconnect()
        end_loop(client)
    return present[0], received


@pytest.mark.parametrize(
    ("session", "protocol", "topic"),
    [
        (
            sessions.connector(ConnectorSettings(), ["fan/messages"]),
            MQTTProtocolVersion.MQTTv5,
            "fan/messages",
        ),
        (sessions.TELEGRAF[0], MQTTProtocolVersion.MQTTv311, "fan/fan-01/messages"),
        (sessions.TELEGRAF[1], MQTTProtocolVersion.MQTTv311, "fan/anomaly"),
        (sessions.TELEGRAF[2], MQTTProtocolVersion.MQTTv311, "dead-letter/fan/messages"),
    ],
    ids=lambda value: value.client_id if isinstance(value, sessions.Session) else "",
)
def test_what_is_published_before_a_client_comes_waits_for_it(
    broker: Mosquitto, session: sessions.Session, protocol: MQTTProtocolVersion, topic: str
) -> None:
    assert sessions.create(broker.settings, session) is False
    broker.publish(topic, b"one")
    # A second start finds it, and takes nothing out of it.
    assert sessions.create(broker.settings, session) is True
    broker.publish(topic, b"two")
    assert taken_over(broker, session.client_id, protocol, 2) == (True, {b"one", b"two"})


def test_sessions_and_their_messages_survive_a_restart_of_the_broker(broker: Mosquitto) -> None:
    session = sessions.TELEGRAF[1]
    sessions.create(broker.settings, session)
    broker.publish("fan/anomaly", b"one")
    broker.stop()
    broker.start()
    broker.wait()
    assert taken_over(broker, session.client_id, MQTTProtocolVersion.MQTTv311, 1) == (True, {b"one"})


def test_the_connectors_session_takes_readings_only() -> None:
    wanted = ["fan/messages", "fan/+/messages", "fan/#", "fan/anomaly", "dead-letter/#", "fan/a#"]
    session = sessions.connector(ConnectorSettings(), wanted)
    assert session.topics == ("fan/+/messages", "fan/messages")
    shared = sessions.connector(ConnectorSettings(connector_share="all"), wanted)
    assert shared.topics == ("$share/all/fan/+/messages", "$share/all/fan/messages")


def test_a_broker_that_is_away_or_silent_is_named() -> None:
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be reached"):
        sessions.create(BrokerSettings(broker_port=port), sessions.TELEGRAF[0])


def test_a_broker_that_never_answers_is_given_up() -> None:
    import socket

    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = BrokerSettings(broker_port=port, broker_timeout=0.5)
        with pytest.raises(Unavailable, match=r"did not answer within 0.5 s"):
            sessions.create(settings, sessions.TELEGRAF[0])
    assert threading.active_count() <= before
