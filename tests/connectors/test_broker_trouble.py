"""A broker that cannot be used, as each part and command says it: one line that names what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanwatch.broker import Publisher
from fanwatch.logs import Log
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.secure import Deployment
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "connector": (["-m", "connectors.mqtt"], 2),
    "score-fan": (["-m", "function_server"], 1),
    "forecast-fan": (["-m", "function_server"], 1),
    "console": (["-m", "console"], 2),
    "command": (["-m", "cli.main", "simulate", "live", "--fans", "1"], 2),
    "sessions": (["-m", "local.sessions"], 1),
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Shared: no test here changes it."""
    made = Deployment(tmp_path_factory.mktemp("deployment"))
    yield made
    made.kill()


def command(part: str, folder: Path, settings: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of one of PARTS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANWATCH_")}
    environment = {
        "PYTHONPATH": f"{ROOT}:{ROOT}/template/python3-fan",
        "HANDLER_DIR": str(ROOT / "functions" / ("forecast_fan" if part == "forecast-fan" else "score_fan")),
        "LISTEN_UDS": str(folder / "s"),
        "FANWATCH_CONNECTOR_PORT": str(free_port()),
        "FANWATCH_CONSOLE_PORT": str(free_port()),
        "FANWATCH_STATE_DIR": str(folder),
        **settings,
    }
    return [sys.executable, *PARTS[part][0]], kept | environment


def own(output: str) -> list[str]:
    """Its lines, less the one of LiteRT that forecast-fan's model brings along."""
    return [line for line in output.splitlines() if not line.startswith("INFO: Created TensorFlow Lite")]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("setting", ["FANWATCH_BROKER_PASSWORD_FILE", "FANWATCH_BROKER_CA_FILE"])
def test_a_missing_secret_is_refused_at_start(part: str, setting: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    argv, environment = command(part, tmp_path, {"FANWATCH_BROKER_USER": "x", setting: str(missing)})
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == PARTS[part][1]
    [line] = own(done.stderr)
    assert setting in line
    assert str(missing) in line
    assert "No such file" in line


@pytest.mark.parametrize("part", ["connector", "score-fan", "forecast-fan", "console"])
def test_a_wrong_address_is_reported_once_and_tried_again(part: str, tmp_path: Path) -> None:
    argv, environment = command(part, tmp_path, {"FANWATCH_BROKER_HOST": "nowhere.invalid"})
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)

    def reports() -> list[dict[str, str]]:
        lines = [json.loads(line) for line in own(log.read_text(encoding="utf-8"))]
        return [line for line in lines if line["event"].startswith("broker away")]

    try:
        until(reports, 15, "a line about it")
        assert process.poll() is None
        [report] = reports()
        assert report["broker"] == "nowhere.invalid:1883"
        assert "FANWATCH_BROKER_HOST" in report["hint"]
    finally:
        process.kill()
        process.wait(10)


def test_a_command_that_needs_it_once_names_a_wrong_address(tmp_path: Path) -> None:
    argv, environment = command("sessions", tmp_path, {"FANWATCH_BROKER_PORT": str(port := free_port())})
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "reason", "hint"),
    [
        ({"broker_user": None}, "Not authorized", "FANWATCH_BROKER_USER"),
        ({"broker_user": "telegraf"}, "Not authorized", "password of telegraf"),
        ({"broker_ca_file": None}, "the connection ended", "FANWATCH_BROKER_CA_FILE"),
        # Another way to write 127.0.0.1, which the certificate does not have.
        ({"broker_host": "127.1"}, "not valid for '127.1'", "--host"),
    ],
    ids=["no name", "wrong password", "no TLS", "another name"],
)
def test_why_a_connection_fails_is_said(
    deployed: Deployment,
    changes: dict[str, str | None],
    reason: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = deployed.settings("score-fan", **changes)
    assert_reported(Publisher(settings, Log("test"), name="test"), reason, hint, capsys)


def test_a_ca_that_did_not_sign_is_named(
    deployed: Deployment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = Deployment(tmp_path)
    other.kill()
    ca = str(other.secrets / "mosquitto/ca.crt")
    publisher = Publisher(deployed.settings("score-fan", broker_ca_file=ca), Log("test"), name="test")
    assert_reported(publisher, "unable to get local issuer", ca, capsys)


def test_tls_with_a_broker_that_speaks_none_is_said(
    deployed: Deployment, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain = Mosquitto(tmp_path)
    settings = deployed.settings("score-fan", broker_port=plain.port)
    assert_reported(Publisher(settings, Log("test"), name="test"), "", "speak TLS", capsys)
    plain.kill()


def test_a_ca_file_that_goes_while_it_runs_is_reported_and_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = Deployment(tmp_path)
    settings = deployed.settings("score-fan")
    publisher = Publisher(settings, Log("test"), name="test")
    ca = Path(str(settings.broker_ca_file))
    try:
        assert publisher.wait_connected(10)
        hidden = ca.rename(ca.with_name("hidden"))
        deployed.stop()
        deployed.start()
        deployed.wait()
        until(lambda: "FANWATCH_BROKER_CA_FILE" in capsys.readouterr().err, 10, "a line about it")
        hidden.rename(ca)
        assert publisher.wait_connected(10)
    finally:
        publisher.stop()
        deployed.kill()


def assert_reported(publisher: Publisher, reason: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, however often it is tried."""
    said: list[dict[str, str]] = []

    def reported() -> bool:
        said.extend(map(json.loads, capsys.readouterr().err.splitlines()))
        return bool(said)

    try:
        until(reported, 10, "a line about it")
        assert not publisher.connected
        assert reason in said[0]["reason"]
        assert hint in said[0]["hint"]
    finally:
        publisher.stop()
