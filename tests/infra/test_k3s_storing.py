"""What Telegraf's pod gets is taken by a real Telegraf: it logs in at the broker, stores, and sees certificates.

Names, files, environment and command are those of the rendered manifests; only addresses are of this machine.
"""

import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from fanwatch.messages.timestamps import format_ms
from local import sessions, tools
from tests.support.influx import Influx, tool
from tests.support.kustomize import ROOT, cluster, contents
from tests.support.pods import Broker, Pod
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.tls import Presenter, shake_hands
from tests.support.wait import until

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)

_SOURCES = ("TELEGRAF_CERTIFICATES", "TELEGRAF_PAGE_CERTIFICATE")


class Cluster:
    """Broker and Telegraf on what their pods get, an InfluxDB, and something that presents the page's certificate."""

    def __init__(self, directory: Path, ends: ExitStack) -> None:
        rendered = cluster("local-path")
        self.broker = Broker(directory / "broker", rendered)
        ends.callback(self.broker.kill)
        self.influx = Influx(directory / "influxdb")
        ends.callback(self.influx.kill)
        page = Pod(directory / "console", rendered, "console").environment
        self.page = Presenter(page["FANWATCH_CONSOLE_CERT_FILE"], page["FANWATCH_CONSOLE_KEY_FILE"])
        ends.callback(self.page.close)
        pod = Pod(directory / "telegraf", rendered, "telegraf")
        pod.reach(
            {
                "mosquitto.fanwatch:8884": f"127.0.0.1:{self.broker.ports[8884]}",
                "influxdb.fanwatch:8086": f"127.0.0.1:{self.influx.port}",
                "console-lan.fanwatch:8093": f"127.0.0.1:{self.page.port}",
                "connector.fanwatch:8091": f"127.0.0.1:{free_port()}",
                "gateway.openfaas:8080": f"127.0.0.1:{free_port()}",
                "gateway-metrics.openfaas:8082": f"127.0.0.1:{free_port()}",
            }
        )
        assert not [
            value for value in pod.environment.values() if ".fanwatch" in value or ".openfaas" in value
        ]
        held = contents(rendered.generated("Secret", "telegraf"))
        for session in sessions.TELEGRAF:
            user = pod.environment["TELEGRAF_BROKER_USER"]
            sessions.create(self.broker.settings(user, held["password"], held["ca.crt"]), session)
        here = {
            "FANWATCH_TELEGRAF_PORT": str(free_port()),
            "FANWATCH_TELEGRAF_DIR": pod.here("/etc/telegraf"),
            "TELEGRAF_INTERVAL": "1s",
        }
        self.telegraf = Process(
            [tool(tools.TELEGRAF), *pod.arguments],
            directory / "telegraf.log",
            pod.environment | here,
            directory,
        )
        ends.callback(self.telegraf.kill)

    def publish(self, device: str) -> None:
        """A result, as score-fan's user with the secrets of its pod."""
        rendered = cluster("local-path")
        name = "fanwatch-score-fan-password"
        files = {
            key: contents(found)[key]
            for key in (name, "fanwatch-ca")
            if (found := rendered.find("Secret", key, "openfaas-fn"))
        }
        settings = self.broker.settings("score-fan", files[name], files["fanwatch-ca"])
        now = format_ms(time.time_ns() // 1_000_000)
        command = [
            "mosquitto_pub", "-h", "127.0.0.1", "-p", str(settings.broker_port), "-V", "5", "-q", "1",
            "--cafile", str(settings.broker_ca_file), "-u", "score-fan", "-P", files[name].decode(),
            "-t", "fan/anomaly", "-m", f'{{"deviceID":"{device}","timeStamp":"{now}","quality":"ok"}}',
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=20)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests here."""
    with ExitStack() as ends:
        yield Cluster(tmp_path_factory.mktemp("k3s"), ends)


def test_telegraf_logs_in_and_stores_on_what_its_pod_gets(place: Cluster) -> None:
    place.publish("fan-07")
    until(
        lambda: place.telegraf.alive() and place.influx.store.query("SELECT * FROM anomaly"),
        30,
        "the stored result",
    )
    [row] = place.influx.store.query("SELECT * FROM anomaly")
    assert row["deviceID"] == "fan-07"


def test_certificates_that_are_in_use_count_as_valid(place: Cluster) -> None:
    def seen() -> dict[str, int]:
        rows = place.influx.store.query(
            'SELECT last("verification_code") AS code FROM x509_cert GROUP BY source'
        )
        return {row["source"]: row["code"] for row in rows}

    until(lambda: place.telegraf.alive() and len(seen()) == 2, 30, "both certificates")
    assert set(seen().values()) == {0}, seen()


def asked(runtime: str) -> dict[str, str]:
    """What Telegraf looks for certificates at, in a runtime; its variables."""
    if runtime == "k3s":
        manifests = (ROOT / "infra/k3s/base/telegraf.yaml").read_text(encoding="utf-8")
        [deployment] = [each for each in yaml.safe_load_all(manifests) if each["kind"] == "Deployment"]
        entries = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        return {entry["name"]: entry["value"] for entry in entries}
    services = yaml.safe_load((ROOT / "infra/faasd/services.yaml").read_text(encoding="utf-8"))
    return dict(services["telegraf"]["environment"])


@pytest.mark.parametrize("runtime", ["k3s", "faasd"])
def test_certificates_are_for_the_names_by_which_telegraf_asks(place: Cluster, runtime: str) -> None:
    environment = asked(runtime)
    trusted = contents(cluster("local-path").generated("Secret", "telegraf"))["ca.crt"].decode()
    ports = dict(zip(_SOURCES, (place.broker.ports[8884], place.page.port), strict=True))
    for source, port in ports.items():
        host = environment[source].removeprefix("tcp://").partition(":")[0]
        shake_hands(port, host, trusted)
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(port, "somebody.else", trusted)


@pytest.mark.parametrize("runtime", ["k3s", "faasd"])
def test_every_reference_to_a_secret_is_one_to_telegraf(runtime: str) -> None:
    """It takes anything else for the password itself."""
    references = [value for value in asked(runtime).values() if "@{" in value]
    assert references
    for value in references:
        assert re.fullmatch(r"@\{\w+:\w+\}", value), value
    told = (ROOT / "infra/telegraf/secrets.conf").read_text(encoding="utf-8")
    for value in re.findall(r"@\{[^}]*\}", told):
        assert re.fullmatch(r"@\{\w+:\w+\}", value), value


def test_what_stands_before_telegraf_waits_for_the_store(tmp_path: Path) -> None:
    """A pod whose first container ends without success is started again later and later."""
    pod = Pod(tmp_path / "pod", cluster("local-path"), "telegraf", "setup")
    port = free_port()
    pod.reach({"influxdb.fanwatch:8086": f"127.0.0.1:{port}"})
    early = Process(
        [sys.executable, *pod.arguments],
        tmp_path / "log",
        {**pod.environment, "PYTHONPATH": str(ROOT)},
        tmp_path,
    )
    try:
        until(lambda: early.alive() and "Waiting" in early.output(), 30, "it to wait")
        store = Influx(tmp_path / "influxdb", port=port)
        try:
            until(lambda: early.process.poll() is not None, 30, "its end")
        finally:
            store.kill()
    finally:
        early.kill()
    assert early.process.returncode == 0, early.output()
