"""paho-mqtt, the field's standard client, for everything that is not on a reading's way: CLI, simulator, tests."""

import socket
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fanwatch.errors import Unavailable
from fanwatch.settings import BrokerSettings, secret


def client(settings: BrokerSettings, client_id: str = "", **options: Any) -> mqtt.Client:
    """An unconnected client with the broker's credentials and without Nagle's algorithm, which costs 40 ms a group."""
    made = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, **options
    )
    identify(made, settings)
    made.on_socket_open = _without_delay
    return made


def identify(made: mqtt.Client, settings: BrokerSettings) -> None:
    """Gives a client the broker's credentials, its CA and the timeout of a connect. SettingsError for a bad secret."""
    if settings.broker_user is not None:
        password = secret(settings.broker_password_file, "FANWATCH_BROKER_PASSWORD_FILE")
        made.username_pw_set(settings.broker_user, password)
    if settings.broker_ca_file is not None:
        made.tls_set(ca_certs=settings.broker_ca_file)
    made.connect_timeout = settings.broker_timeout


def connect(
    made: mqtt.Client, settings: BrokerSettings, *, session_expiry_s: int = 0, clean: bool = True
) -> None:
    """Connects `made`, MQTT 5 with the session's expiry; Unavailable where the broker cannot be reached."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = session_expiry_s
    try:
        made.connect(
            settings.broker_host, settings.broker_port, keepalive=30, clean_start=clean, properties=properties
        )
    except OSError as error:
        raise Unavailable(
            f"The broker at {settings.broker_host}:{settings.broker_port} cannot be reached ({error}): "
            "is it running, and are FANWATCH_BROKER_HOST and _PORT right?"
        ) from error


def _without_delay(_client: mqtt.Client, _userdata: object, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
