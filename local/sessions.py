"""Creates the persistent sessions of connector and Telegraf before anyone publishes.

A broker queues for a session only from its first connect on. With the sessions there, readings may be published while
the connector still starts and Telegraf is still being built.
"""

import argparse
import sys
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fanwatch.broker.tools import end_loop, identify, unreachable
from fanwatch.errors import FanwatchError, Unavailable
from fanwatch.messages import topics
from fanwatch.settings import BrokerSettings, ConnectorSettings, load


class Session(msgspec.Struct, frozen=True):
    """A client's subscriptions at QoS 1; `expiry_s` is None for MQTT 3.1.1, whose sessions never expire."""

    client_id: str
    topics: tuple[str, ...]
    expiry_s: int | None = None


# The same ids and topics as in infra/telegraf/telegraf.conf, whose client speaks MQTT 3.1.1.
TELEGRAF = (
    Session("fanwatch-telegraf-telemetry", topics.EVERY_READING),
    Session("fanwatch-telegraf-anomaly", (topics.RESULTS,)),
    Session("fanwatch-telegraf-dead-letter", (topics.dead_letter("#"),)),
    Session("fanwatch-telegraf-alarm", ("fan/+/alarm",)),
)


def connector(settings: ConnectorSettings, annotated: Iterable[str]) -> Session:
    """The connector's session for the topics of the functions' annotations."""
    wanted = sorted(
        {topic for topic in annotated if topics.is_valid_filter(topic) and not topics.feeds_back(topic)}
    )
    if settings.connector_share:
        wanted = [f"$share/{settings.connector_share}/{topic}" for topic in wanted]
    return Session(settings.connector_id, tuple(wanted), settings.connector_session_expiry)


def create(settings: BrokerSettings, session: Session) -> bool:
    """Connects, subscribes and leaves; the session stays. True where the broker had it already.

    Takes the session over from a client that is connected under the same id: use it before that one starts.
    Unavailable where the broker does not answer in time, FanwatchError where it refuses.
    """
    where = f"{settings.broker_host}:{settings.broker_port}"
    five = session.expiry_s is not None
    present = False
    answers: SimpleQueue[str | None] = SimpleQueue()
    """Why it was refused; None where it was not."""
    # Queued messages may arrive during the visit; unacknowledged, they stay the session's.
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=session.client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        clean_session=None if five else False,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    identify(client, settings)

    def on_connect(_c: paho.Client, _d: Any, flags: paho.ConnectFlags, reason: ReasonCode, _p: Any) -> None:
        nonlocal present
        present = flags.session_present
        if session.topics and not reason.is_failure:
            client.subscribe([(topic, 1) for topic in session.topics])
        else:
            answers.put(str(reason) if reason.is_failure else None)

    def on_subscribe(_c: paho.Client, _d: Any, _mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        answers.put(next((str(reason) for reason in reasons if reason.is_failure), None))

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    options: dict[str, Any] = {}
    if five:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval, properties.ReceiveMaximum = session.expiry_s, 1
        options = {"clean_start": False, "properties": properties}
    try:
        client.connect(settings.broker_host, settings.broker_port, **options)
    except OSError as error:
        raise unreachable(error, settings) from error
    client.loop_start()
    try:
        refused = answers.get(timeout=settings.broker_timeout)
        client.disconnect()
    except Empty:
        raise Unavailable(
            f"The broker at {where} did not answer within {settings.broker_timeout:g} s."
        ) from None
    finally:
        end_loop(client)
    if refused:
        raise FanwatchError(f"The broker at {where} refused {session.client_id}: {refused}.")
    return present


def main() -> int:
    """`python -m local.sessions TOPIC…`: for benchmarks and other runtimes; before connector and Telegraf start."""
    parser = argparse.ArgumentParser(description=(main.__doc__ or "").split(":")[1])
    parser.add_argument("topics", nargs="*", default=list(topics.EVERY_READING), metavar="TOPIC")
    # A broker with users lets each make its own only, and gives a session what its maker may read.
    parser.add_argument("--of", choices=["connector", "telegraf"], help="one's only, under its own user")
    arguments = parser.parse_args()
    wanted = [] if arguments.of == "telegraf" else [connector(load(ConnectorSettings), arguments.topics)]
    if arguments.of != "connector":
        wanted += TELEGRAF
    try:
        for session in wanted:
            present = create(load(BrokerSettings), session)
            print(
                f"{session.client_id}: {'was there' if present else 'created'}, {', '.join(session.topics)}"
            )
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
