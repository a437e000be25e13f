"""Two clients with one id: told as that by both connectors, and not as a broker that loses sessions."""

import json
import socket
import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from fanwatch.broker import Subscriber
from fanwatch.broker.tools import end_loop
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings, ConnectorSettings
from local.health import connector_trouble
from tests.connectors.conftest import Bench
from tests.support.connector import CLIENT_ID, ConnectorProcess
from tests.support.ledger import reading
from tests.support.wait import until

SAID = (
    f"Another client uses the id {CLIENT_ID}, and each ends the other's connection: end it, or set "
    "FANWATCH_CONNECTOR_ID to an id of its own."
)


def errors(connector: ConnectorProcess) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in connector.output().splitlines() if line.startswith("{")]
    return [line for line in lines if line["level"] == "error"]


def test_two_connectors_with_one_id_name_each_other(bench: Bench) -> None:
    connectors = [bench.connect(), bench.connect(wait=False)]
    for connector in connectors:
        until(
            lambda connector=connector: connector.get("/readyz") == (503, SAID + "\n"), 30, "that it is told"
        )  # type: ignore[misc]
        assert connector_trouble(ConnectorSettings(connector_port=connector.port)) == SAID
        assert connector.metric("id_taken") == 1
        assert connector.metric("taken_over_total") >= 3
        # Once, however often it goes on.
        [error] = errors(connector)
        assert (error["event"], error["id"], error["hint"]) == (
            "another client uses this connector's id", CLIENT_ID, SAID,
        )  # fmt: skip
        assert connector.metric("sessions_lost_total") == 0
    # Nothing is lost by it: one session, whoever has it.
    bench.broker.publish("fan/messages", reading("a", 0))
    until(
        lambda: sum(each.metric("acknowledged_total") for each in connectors) >= 1, 60, "the acknowledgement"
    )
    connectors[1].kill()
    # It is over once two minutes have gone by; until then it is said, for nobody knows.
    assert connectors[0].get("/readyz")[0] == 503


def test_a_client_that_throws_the_session_away_is_no_lost_persistence(bench: Bench) -> None:
    connector = bench.connect()
    rival = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=CLIENT_ID,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    rival.connect("127.0.0.1", bench.broker.port, clean_start=True)
    rival.loop_start()
    wanted = "another client has begun this session anew, and what the broker held for it is gone"
    until(lambda: [error["event"] for error in errors(connector)] == [wanted], 20, "what has happened")
    end_loop(rival)
    assert errors(connector)[0]["hint"] == SAID
    assert connector.metric("sessions_lost_total") == 0
    # Once may have been an old connection of its own.
    until(lambda: connector.get("/readyz")[0] == 200, 20, "that it is ready again")


def test_a_connector_that_comes_back_meets_nobody(bench: Bench) -> None:
    for _ in range(4):
        connector = bench.connect()
        connector.kill()
    connector = bench.connect()
    assert (connector.metric("id_taken"), errors(connector)) == (0, [])
    assert "already connected" not in bench.broker.output()


def test_a_broker_that_says_so_is_believed_at_once() -> None:
    taken: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                # CONNACK, and DISCONNECT with 0x8E: session taken over. Mosquitto 2.0 sends none, later ones do.
                connection.sendall(b"\x20\x03\x00\x00\x00\xe0\x02\x8e\x00")
                connection.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        subscriber = Subscriber(
            BrokerSettings(broker_host="127.0.0.1", broker_port=server.getsockname()[1]),
            Log("test"),
            client_id="x",
            session_expiry_s=60,
            receive_maximum=10,
            on_message=lambda _message: None,
            on_opened=lambda _present: None,
            on_taken_over=lambda: taken.append(True),
            has_room=lambda: True,
        )
        subscriber.start()
        until(lambda: taken, 10, "that it is told")
        subscriber.stop()
