"""Creates the persistent sessions of connector and Telegraf before anyone publishes.

A broker queues for a session only from its first connect on. With the sessions there, readings may be published while
the connector still starts and Telegraf is still being built.
"""

import argparse
import sys
import threading
from collections.abc import Iterable

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
    return _Visit(settings, session).run()


class _Visit:
    def __init__(self, settings: BrokerSettings, session: Session) -> None:
        self._settings = settings
        self._session = session
        self._done = threading.Event()
        self._present = False
        self._failure: str | None = None
        protocol = MQTTProtocolVersion.MQTTv311 if session.expiry_s is None else MQTTProtocolVersion.MQTTv5
        # Queued messages may arrive during the visit; unacknowledged, they stay the session's.
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=session.client_id,
            protocol=protocol,
            clean_session=False if session.expiry_s is None else None,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        identify(self._client, settings)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe

    def run(self) -> bool:
        settings = self._settings
        where = f"{settings.broker_host}:{settings.broker_port}"
        try:
            if self._session.expiry_s is None:
                self._client.connect(settings.broker_host, settings.broker_port)
            else:
                properties = Properties(PacketTypes.CONNECT)
                properties.SessionExpiryInterval = self._session.expiry_s
                properties.ReceiveMaximum = 1
                self._client.connect(
                    settings.broker_host, settings.broker_port, clean_start=False, properties=properties
                )
        except OSError as error:
            raise unreachable(error, settings) from error
        self._client.loop_start()
        try:
            if not self._done.wait(settings.broker_timeout):
                raise Unavailable(
                    f"The broker at {where} did not answer within {settings.broker_timeout:g} s."
                )
            self._client.disconnect()
        finally:
            end_loop(self._client)
        if self._failure:
            raise FanwatchError(f"The broker at {where} refused {self._session.client_id}: {self._failure}.")
        return self._present

    def _on_connect(
        self, client: paho.Client, _data: object, flags: paho.ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        self._present = flags.session_present
        if reason.is_failure:
            self._failure = str(reason)
        elif self._session.topics:
            client.subscribe([(topic, 1) for topic in self._session.topics])
            return
        self._done.set()

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._failure = refused[0] if refused else None
        self._done.set()


def main() -> int:
    """`python -m local.sessions TOPIC…`: for benchmarks and other runtimes; before connector and Telegraf start."""
    parser = argparse.ArgumentParser(description=(main.__doc__ or "").split(":")[1])
    parser.add_argument("topics", nargs="*", default=list(topics.EVERY_READING), metavar="TOPIC")
    # A broker with users lets each make its own only, and gives a session what its maker may read.
    parser.add_argument("--of", choices=["connector", "telegraf"], help="one's only, under its own user")
    parser.add_argument("--without-telegraf", action="store_true", help="so that nothing queues for it")
    arguments = parser.parse_args()
    wanted = [] if arguments.of == "telegraf" else [connector(load(ConnectorSettings), arguments.topics)]
    if arguments.of != "connector" and not arguments.without_telegraf:
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
