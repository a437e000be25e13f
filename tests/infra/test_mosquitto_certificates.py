"""Certificates at the broker of a deployment: whom it believes, who believes it, and rotation while it runs."""

import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from credentials import authority
from credentials.authority import Pair
from credentials.certificates import Certificates
from fanwatch.broker import Publisher
from fanwatch.logs import Log
from tests.support.secure import GATEWAY, Deployment, Visitor
from tests.support.wait import until

TAKEN = ("Success", "No matching subscribers")


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployment]:
    """A broker of the test's own."""
    made = Deployment(tmp_path)
    yield made
    made.kill()


def signer(deployed: Deployment, generation: str = "current") -> Pair:
    path = deployed.secrets / "ca" / generation
    return Pair.parse(path.with_suffix(".crt").read_bytes(), path.with_suffix(".key").read_bytes())


def store(pair: Pair, path: Path) -> Path:
    path.with_suffix(".crt").write_bytes(pair.certificate_pem)
    path.with_suffix(".key").write_bytes(pair.key_pem)
    return path


def served(deployed: Deployment) -> int:
    """The serial number of what a new connection is shown; 0 for one that SIGHUP caught before it said its name."""
    try:
        text = ssl.get_server_certificate(("127.0.0.1", deployed.ports["services"]), timeout=10)
    except ConnectionError:
        return 0
    return x509.load_pem_x509_certificate(text.encode()).serial_number


def on_disk(deployed: Deployment) -> int:
    content = (deployed.secrets / "mosquitto/server.crt").read_bytes()
    return x509.load_pem_x509_certificate(content).serial_number


def reload(deployed: Deployment) -> None:
    """SIGHUP; returns when new connections get the certificate that is on disk."""
    deployed.process.send_signal(signal.SIGHUP)
    until(lambda: served(deployed) == on_disk(deployed), 10, "the new certificate")


def test_a_device_with_a_certificate_writes_what_its_name_may(deployed: Deployment) -> None:
    connector = deployed.visit("connector").subscribe("fan/messages", "fan/+/messages")
    device = deployed.visit_with_certificate("fan-08", client_id="fan-07")
    assert device.publish("fan/fan-08/messages", b"own") == "Success"
    assert device.publish("fan/fan-07/messages") == "Not authorized"
    gateway = deployed.visit_with_certificate(GATEWAY)
    assert gateway.publish("fan/messages", b"any") == "Success"
    assert gateway.publish("fan/anomaly") == "Not authorized"
    until(lambda: len(connector.got) == 2, 10, "both")
    assert [payload for _, payload in connector.got] == [b"own", b"any"]
    for visitor in (connector, device, gateway):
        visitor.close()


@pytest.mark.parametrize("case", ["none", "expired", "unknown CA", "a server's", "self-made", "revoked"])
def test_a_certificate_that_does_not_count_opens_nothing(
    deployed: Deployment, case: str, tmp_path: Path
) -> None:
    path = tmp_path / "pair"
    if case == "expired":
        store(authority.client(signer(deployed), "fan-08", days=0), path)
    elif case == "unknown CA":
        store(authority.client(authority.authority(), "fan-08"), path)
    elif case == "a server's":
        store(authority.server(signer(deployed), ["fan-08"]), path)
    elif case == "self-made":
        store(authority.authority(), path)
    elif case == "revoked":
        kept = Pair.parse(
            *(
                (deployed.secrets / "devices/fan-08" / name).read_bytes()
                for name in ("client.crt", "client.key")
            )
        )
        deployed.certificates.revoke("fan-08")
        deployed.certificates.rotate()
        reload(deployed)
        store(kept, path)
    pair = None if case == "none" else path
    assert Visitor(deployed, deployed.ports["certificates"], pair=pair).refused
    good = deployed.visit_with_certificate(GATEWAY)
    assert not good.refused
    assert good.publish("fan/messages") in TAKEN
    good.close()


def test_a_revoked_certificate_keeps_the_connection_that_is_there(deployed: Deployment) -> None:
    """Mosquitto asks at the start of each; docs/security.md says to restart it."""
    staying = deployed.visit_with_certificate("fan-08")
    deployed.certificates.revoke("fan-08")
    deployed.certificates.rotate()
    reload(deployed)
    assert staying.publish("fan/fan-08/messages") in TAKEN
    deployed.stop()
    until(lambda: staying.ended, 10, "its end")


def test_a_client_does_not_speak_to_a_broker_of_another_ca(deployed: Deployment, tmp_path: Path) -> None:
    (tmp_path / "other.crt").write_bytes(authority.pem(authority.authority().certificate))
    assert "CERTIFICATE_VERIFY_FAILED" in deployed.visit("fan-07", ca=tmp_path / "other.crt").refused


def test_the_brokers_certificate_is_replaced_under_connections_that_stay(deployed: Deployment) -> None:
    staying = [
        deployed.visit("connector"),
        deployed.visit("fan-07"),
        deployed.visit_with_certificate("fan-08"),
    ]
    first = served(deployed)
    deployed.certificates.rotate()
    assert served(deployed) == first, "before SIGHUP nothing changes"
    reload(deployed)
    assert served(deployed) != first
    assert staying[1].publish("fan/fan-07/messages") in TAKEN
    assert staying[2].publish("fan/fan-08/messages") in TAKEN
    assert staying[0].publish("dead-letter/x") in TAKEN
    for visitor in staying:
        assert not visitor.ended
        visitor.close()


def test_the_ca_is_replaced_with_nobody_told_first(deployed: Deployment, tmp_path: Path) -> None:
    """Every ca.crt holds the next CA already, and so does the running broker."""
    old = tmp_path / "as-set-up.crt"
    old.write_bytes((deployed.secrets / "mosquitto/ca.crt").read_bytes())
    staying = deployed.visit("fan-07", ca=old)
    deployed.certificates.rotate_authority()
    reload(deployed)
    assert staying.publish("fan/fan-07/messages") in TAKEN
    assert not staying.ended
    # Clients that have only what they were set up with, and devices with certificates of the CA before.
    for visitor in (deployed.visit("connector", ca=old), deployed.visit_with_certificate("fan-08", ca=old)):
        assert not visitor.refused
        visitor.close()
    # Devices that got new ones, before anything was restarted.
    deployed.certificates.rotate("fan-08")
    new = deployed.visit_with_certificate("fan-08")
    assert new.publish("fan/fan-08/messages") in TAKEN
    new.close()
    # The second change is one too many for those that were not given the new bundle after the first.
    deployed.certificates.rotate_authority()
    reload(deployed)
    assert "CERTIFICATE_VERIFY_FAILED" in deployed.visit("connector", ca=old).refused
    assert not deployed.visit("connector").refused


def test_after_a_restart_devices_of_the_ca_before_are_still_believed(deployed: Deployment) -> None:
    deployed.certificates.rotate_authority()
    deployed.stop()
    deployed.start()
    deployed.wait()
    assert not deployed.visit_with_certificate("fan-08").refused
    deployed.certificates.rotate_authority()
    deployed.stop()
    deployed.start()
    deployed.wait()
    assert deployed.visit_with_certificate("fan-08").refused


def test_an_expired_broker_certificate_is_named_in_one_line(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = authority.server(signer(deployed), ["127.0.0.1"], days=0)
    store(pair, deployed.secrets / "mosquitto/server")
    reload(deployed)
    publisher = Publisher(deployed.settings("score-fan"), Log("score-fan"), name="score-fan")
    try:
        said = ""

        def reported() -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return "certificate has expired" in said

        until(reported, 10, "a line about it")
        assert not publisher.connected
        [line] = [line for line in said.splitlines() if "broker away" in line]
        assert "fanwatch certs rotate" in line
        # It comes back by itself, and nothing has to be restarted.
        Certificates(deployed.secrets).rotate()
        deployed.process.send_signal(signal.SIGHUP)
        assert publisher.wait_connected(15)
    finally:
        publisher.stop()
