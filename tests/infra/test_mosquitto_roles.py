"""Who may do what at the broker of a deployment, with its own configuration, over TLS."""

from collections.abc import Iterator

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from fanwatch.errors import FanwatchError
from fanwatch.store import dead_letters
from tests.support.secure import DEVICES, GATEWAY, SERVICES, Deployment, Visitor
from tests.support.wait import until

READINGS = {"fan/messages", "fan/fan-07/messages", "fan/fan-08/messages"}
LETTERS = {"dead-letter/fan/messages", "dead-letter/fan/fan-07/messages"}
RESULTS, ALARM = {"fan/anomaly"}, {"fan/fan-07/alarm"}
OWN = {f"fan/{name}/messages" for name in SERVICES}
OTHER = {"fan/fan-07/else", "fan/fan-07", "elsewhere"} | OWN
TOPICS = READINGS | LETTERS | RESULTS | ALARM | OTHER
WRITES = {
    "fan-07": {"fan/fan-07/messages"},
    "fan-08": {"fan/fan-08/messages"},
    GATEWAY: READINGS | OWN,
    "connector": LETTERS,
    "score-fan": RESULTS,
    "forecast-fan": ALARM,
    "telegraf": set(),
    "console": set(),
    "operator": READINGS | OWN,
}
PUBLISHED = READINGS | LETTERS | RESULTS | ALARM
READS = {
    "connector": READINGS,
    "telegraf": PUBLISHED,
    "console": PUBLISHED,
    "operator": PUBLISHED,
}
WRITERS = {
    # Not a gateway: its one connection is the one that listens.
    **dict.fromkeys(READINGS, "operator"),
    **dict.fromkeys(LETTERS, "connector"),
    **dict.fromkeys(RESULTS, "score-fan"),
    **dict.fromkeys(ALARM, "forecast-fan"),
}
EVERYBODY = (*SERVICES, *DEVICES, GATEWAY)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One for all tests here: none changes who may do what."""
    made = Deployment(tmp_path_factory.mktemp("deployment"))
    yield made
    made.kill()


def publish(deployed: Deployment, name: str, topic: str) -> str:
    """The answer, on a connection of its own: Mosquitto 2.0.11 ends one after a refusal."""
    visitor = deployed.visit(name)
    assert not visitor.refused
    answer = visitor.publish(topic, name.encode())
    visitor.close()
    return answer


@pytest.mark.parametrize("name", EVERYBODY)
def test_each_writes_what_its_role_may_and_nothing_else(deployed: Deployment, name: str) -> None:
    assert set(WRITES) == set(EVERYBODY)
    watching = deployed.visit("operator").subscribe("#")
    taken = {topic for topic in sorted(TOPICS) if publish(deployed, name, topic) != "Not authorized"}
    assert taken == WRITES[name]
    watching.subscribe("x")  # answered after all that came before it
    assert {topic for topic, _ in watching.got} == WRITES[name]
    watching.close()


def test_each_reads_what_its_role_may_and_nothing_else(deployed: Deployment) -> None:
    """A subscription to anything is confirmed; what may not be read is never delivered on it."""
    readers = {name: deployed.visit(name).subscribe("#", "+/#", *sorted(TOPICS)) for name in EVERYBODY}
    for topic, writer in WRITERS.items():
        assert publish(deployed, writer, topic) == "Success"
    for name, reader in readers.items():
        reader.subscribe("x")
        assert {topic for topic, _ in reader.got} == READS.get(name, set()), name
        reader.close()


def test_telegraf_and_operators_see_the_brokers_own_figures(deployed: Deployment) -> None:
    readers = {name: deployed.visit(name).subscribe("$SYS/#", "$SYS/broker/version") for name in EVERYBODY}
    for name, reader in readers.items():
        reader.subscribe("x")
        assert bool(reader.got) == (name in ("telegraf", "operator")), name
        reader.close()


def test_a_retained_message_is_shown_to_nobody_new_who_may_not_read_it(deployed: Deployment) -> None:
    forecast = deployed.visit("forecast-fan")
    forecast.publish("fan/fan-09/alarm", b"{}", retain=True)
    forecast.close()
    for name, count in (("console", 1), ("fan-07", 0), ("score-fan", 0)):
        reader = deployed.visit(name).subscribe("fan/+/alarm").subscribe("x")
        assert len(reader.got) == count, name
        reader.close()


def test_nobody_comes_in_without_a_name_or_with_a_wrong_password(deployed: Deployment) -> None:
    for name in EVERYBODY:
        assert deployed.visit(name, password="wrong").refused == "Not authorized"
        assert deployed.visit(name, password="").refused == "Not authorized"
        assert deployed.visit(name, user="").refused == "Not authorized"
    assert deployed.visit("fan-07", user="nobody").refused == "Not authorized"


def test_on_the_outer_listener_one_of_our_own_users_takes_over_nothing_either(deployed: Deployment) -> None:
    session = deployed.visit("connector", client_id="fanwatch-connector-0")
    password = (deployed.secrets / "services/telegraf/password").read_text(encoding="ascii")
    thief = Visitor(
        deployed,
        deployed.ports["devices"],
        user="telegraf",
        password=password,
        client_id="fanwatch-connector-0",
    )
    assert not thief.refused
    assert session.publish("dead-letter/x") in ("Success", "No matching subscribers")
    assert not session.ended
    thief.close()
    session.close()


def test_nothing_listens_without_tls(deployed: Deployment) -> None:
    config = (deployed.directory / "config/mosquitto.conf").read_text(encoding="utf-8").split("\nlistener ")
    assert len(config) == 4
    assert "\nallow_anonymous false\n" in config[0]
    assert all("\ncertfile " in part and "\nkeyfile " in part for part in config[1:])


@pytest.mark.parametrize("way", ["password", "certificate"])
def test_no_device_takes_over_the_session_of_another_part(deployed: Deployment, way: str) -> None:
    """It may call itself what it likes; the broker calls it by its name."""
    sessions = {
        "fanwatch-connector-0": deployed.visit(
            "connector", client_id="fanwatch-connector-0", session_expiry_s=60
        ).subscribe("fan/+/messages"),
        "fanwatch-telegraf-telemetry": deployed.visit(
            "telegraf",
            client_id="fanwatch-telegraf-telemetry",
            version=MQTTProtocolVersion.MQTTv311,
        ).subscribe("fan/+/messages"),
        "fan-07": deployed.visit("fan-07"),
    }
    for count, client_id in enumerate(sessions, 1):
        visit = deployed.visit if way == "password" else deployed.visit_with_certificate
        thief = visit("fan-08", client_id=client_id, session_expiry_s=60)
        assert not thief.refused
        assert thief.publish("fan/fan-08/messages") == "Success"
        assert not thief.got
        thief.close()
        for name in ("fanwatch-connector-0", "fanwatch-telegraf-telemetry"):
            until(lambda name=name, count=count: len(sessions[name].got) == count, 10, f"{name} gets it")
    for session in sessions.values():
        assert not session.ended
        session.close()


def test_a_second_device_of_one_name_takes_over_the_first_and_nobody_else(deployed: Deployment) -> None:
    first, other = deployed.visit("fan-07"), deployed.visit("fan-08")
    second = deployed.visit("fan-07", client_id="whatever")
    until(lambda: first.ended, 10, "the first one's end")
    assert second.publish("fan/fan-07/messages") in ("Success", "No matching subscribers")
    assert other.publish("fan/fan-08/messages") in ("Success", "No matching subscribers")
    second.close()
    other.close()


def test_a_refused_message_vanishes_behind_a_success_for_mqtt_3(deployed: Deployment) -> None:
    """The protocol has no other answer: why docs/security.md asks for MQTT 5."""
    watching = deployed.visit("operator").subscribe("fan/+/messages")
    old = deployed.visit("fan-07", version=MQTTProtocolVersion.MQTTv311)
    assert old.publish("fan/fan-08/messages") == "Success"
    old.close()
    watching.subscribe("x")
    assert not watching.got
    watching.close()


def letter(topic: str) -> dead_letters.Letter:
    return dead_letters.Letter(time=1, id="0" * 64, reason="json", topic=topic, payload="e30=", length=2)


def test_an_operator_sends_dead_letters_again(deployed: Deployment) -> None:
    connector = deployed.visit("connector").subscribe("fan/messages", "fan/+/messages")
    for topic in ("fan/messages", "fan/fan-07/messages"):
        dead_letters.publish(deployed.settings("operator"), letter(topic))
    until(lambda: len(connector.got) == 2, 10, "both of them")
    with pytest.raises(FanwatchError, match="refused 000000000000: Not authorized"):
        dead_letters.publish(deployed.settings("operator"), letter("fan/anomaly"))
    connector.close()


def test_resending_says_who_was_refused(deployed: Deployment) -> None:
    console = deployed.settings("console")
    with pytest.raises(FanwatchError, match="Not authorized"):
        dead_letters.publish(console, letter("fan/messages"))
    wrong = deployed.settings("operator", broker_password_file=console.broker_password_file)
    with pytest.raises(FanwatchError, match=r"password of operator .*Nothing was sent"):
        dead_letters.publish(wrong, letter("fan/messages"))
    anonymous = deployed.settings("operator", broker_user=None)
    with pytest.raises(FanwatchError, match="FANWATCH_BROKER_USER"):
        dead_letters.publish(anonymous, letter("fan/messages"))
