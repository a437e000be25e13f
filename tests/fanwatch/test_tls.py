"""The broker over TLS, with a certificate of one's own."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fanwatch.broker import PUBLISHED, Publisher
from fanwatch.errors import Unavailable
from fanwatch.logs import Log
from fanwatch.settings import BrokerSettings
from local import tools
from tests.support.listener import Listener
from tests.support.ports import free_port, listens
from tests.support.process import Process
from tests.support.wait import until


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSettings]:
    """A Mosquitto that speaks TLS only."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: it makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=localhost"
    )
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    for path in (folder, *folder.iterdir(), *list(folder.parents)[:2]):
        path.chmod(0o755 if path.is_dir() else 0o644)
    port = free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\ncertfile cert.pem\nkeyfile key.pem\nmax_queued_messages 0\n"
        "user root\n",
        encoding="utf-8",
    )
    broker = Process([tools.mosquitto(), "-c", "mosquitto.conf"], folder / "mosquitto.log", {}, folder)
    until(lambda: broker.alive() and listens(port), 10, "mosquitto with TLS")
    yield BrokerSettings(broker_host="127.0.0.1", broker_port=port, broker_ca_file=str(folder / "cert.pem"))
    broker.kill()


def test_large_groups_pass_in_order(settings: BrokerSettings) -> None:
    """More than the socket takes at once: TLS asks to write the rest later in its own way."""
    publisher = Publisher(settings, Log("test"), name="tls")
    payloads = [b"%06d" % number + b"x" * 20_000 for number in range(1000)]
    with Listener(settings, "tls") as listener:
        assert publisher.wait_connected(10)
        assert publisher.publish([("tls", payload) for payload in payloads]) == [PUBLISHED] * len(payloads)
        assert listener.payloads(len(payloads), 20) == payloads
    publisher.stop()


def test_a_broker_with_another_certificate_is_not_spoken_to(settings: BrokerSettings, tmp_path: Path) -> None:
    from_elsewhere = msgspec.structs.replace(settings, broker_ca_file=None)
    publisher = Publisher(from_elsewhere, Log("test"), name="plain")
    assert not publisher.wait_connected(0.5)
    with pytest.raises(Unavailable):
        publisher.publish([("tls", b"")])
    publisher.stop()
