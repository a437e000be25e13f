"""paho-mqtt, the field's standard client, for everything that is not on a reading's way: CLI, simulator, tests."""

import contextlib
import socket
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fanwatch.broker.trouble import trouble
from fanwatch.errors import SettingsError, Unavailable
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
        try:
            made.tls_set(ca_certs=settings.broker_ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise SettingsError(
                f"FANWATCH_BROKER_CA_FILE names {settings.broker_ca_file}, which holds no certificate "
                f"that can be read: {error.strerror or error}."
            ) from error
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
        raise unreachable(error, settings) from error


def end_loop(made: mqtt.Client) -> None:
    """Ends the client's thread. paho does not expect that it ends by itself at this very moment."""
    with contextlib.suppress(AttributeError):
        made.loop_stop()


def unreachable(error: OSError, settings: BrokerSettings) -> Unavailable:
    """What a connect raised, as a sentence that says where and what to do."""
    why, hint = trouble(error, settings)
    return Unavailable(
        f"The broker at {settings.broker_host}:{settings.broker_port} cannot be reached ({why}): {hint}."
    )


def _without_delay(_client: mqtt.Client, _userdata: object, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
