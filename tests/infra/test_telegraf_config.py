"""Telegraf's configuration files: what they set up is there, and they hold no secrets."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import sessions, stack, tools
from local.config import telegraf_configs, telegraf_environment
from local.layout import layout
from tests.support.influx import tool

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra/telegraf"
FILES = sorted(FOLDER.glob("*.conf"))


def check(*paths: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`telegraf config check` of several files at once, in an environment of these variables only."""
    configs = [argument for path in paths for argument in ("--config", str(path))]
    return subprocess.run(
        [tool(tools.TELEGRAF), "config", "check", "--strict-env-handling", *configs],
        env={"FANWATCH_TELEGRAF_DIR": str(FOLDER), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def service_of_faasd(name: str) -> dict[str, Any]:
    services = yaml.safe_load((ROOT / "infra/faasd/services.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = services[name]
    return found


def content(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_right_by_itself(path: Path, tmp_path: Path) -> None:
    needed = {"TELEGRAF_SECRETS_DIR": str(tmp_path), "TELEGRAF_CERTIFICATES": "file:///none.pem"}
    done = check(path, **needed)
    assert done.returncode == 0, done.stderr
    # With --strict-env-handling, a variable that is neither set nor has a default stays what it is.
    unset = set(re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8")))
    assert unset <= {"TELEGRAF_CERTIFICATES"}


def test_all_of_them_are_right_together(tmp_path: Path) -> None:
    needed = {"TELEGRAF_SECRETS_DIR": str(tmp_path), "TELEGRAF_CERTIFICATES": "file:///none.pem"}
    done = check(*sorted(FILES, key=lambda path: path.name != "telegraf.conf"), **needed)
    assert done.returncode == 0, done.stderr
    assert {Path(argument).name for argument in telegraf_configs() if argument != "--config"} == {
        "telegraf.conf",
        "metrics.conf",
        "influxdb.conf",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("telegraf.conf", "max_undelivered_messages", "max_undelivered"),
        ("metrics.conf", "[[inputs.cpu]]", "[[inputs.cpus]]"),
        ("metrics.conf", 'data_format = "prometheus"', 'data_format = "promtheus"'),
        ("points.star", "def apply(metric):", "def apply():"),
        ("parts.star", "NAMES = {", "OTHERS = {"),
    ],
)
def test_a_wrong_one_is_found(name: str, old: str, new: str, tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8")
        assert path.name != name or old in text
        (tmp_path / path.name).write_text(
            text.replace(old, new) if path.name == name else text, encoding="utf-8"
        )
    paths = [tmp_path / "telegraf.conf", tmp_path / "metrics.conf"]
    assert check(*paths, FANWATCH_TELEGRAF_DIR=str(tmp_path)).returncode != 0


def test_a_retention_that_is_none_is_refused() -> None:
    done = check(FOLDER / "telegraf.conf", FANWATCH_RAW_RETENTION="forever")
    assert done.returncode != 0
    assert "give a duration such as 30d or 12h" in done.stderr


def test_on_faasd_it_reads_times_as_score_fan_does() -> None:
    told = service_of_faasd("telegraf")["environment"]
    scoring = stack.read(ROOT / "stack.yml", {}).functions["score-fan"].environment
    for name in ("FANWATCH_TIMEZONE", "FANWATCH_RAW_RETENTION"):
        assert told[name] == scoring[name]


def test_on_faasd_it_knows_the_limit_that_the_broker_has_on_that_machine(tmp_path: Path) -> None:
    """The file is the operator's, so it is read at each start."""
    service = service_of_faasd("telegraf")
    mounts = {mount["target"]: mount["source"] for mount in service["volumes"]}
    assert mounts["/etc/mosquitto"] == "./fanwatch/config/mosquitto/conf.d"
    text = (ROOT / "infra/faasd/site.conf").read_text(encoding="utf-8")
    (tmp_path / "site.conf").write_text(text.replace("67108864", "90000000"), encoding="utf-8")
    (tmp_path / "telegraf").write_text(
        '#!/bin/sh\necho "$FANWATCH_BROKER_QUEUED_BYTES" "$1"\n', encoding="utf-8"
    )
    (tmp_path / "telegraf").chmod(0o755)
    argv = [word.replace("$$", "$").replace("/etc/mosquitto", str(tmp_path)) for word in service["command"]]
    assert argv[:2] == ["sh", "/keep.sh"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(argv[2:], env=environment, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "90000000 --strict-env-handling\n"


@pytest.mark.parametrize("chosen", [{}, {"FANWATCH_BROKER_QUEUED_BYTES": "70000000"}])
def test_in_make_run_it_knows_the_limit_that_the_broker_gets(chosen: dict[str, str], tmp_path: Path) -> None:
    told = telegraf_environment(chosen, layout(str(tmp_path), str(tmp_path / "stack.yml")))
    assert told["FANWATCH_BROKER_QUEUED_BYTES"] == chosen.get("FANWATCH_BROKER_QUEUED_BYTES", str(512 << 20))


def test_its_sessions_are_those_that_runtimes_make_beforehand() -> None:
    inputs = [
        section
        for path in FILES
        for section in content(path).get("inputs", {}).get("mqtt_consumer", [])
        if section.get("persistent_session")
    ]
    assert {(section["client_id"], tuple(section["topics"])) for section in inputs} == {
        (session.client_id, session.topics) for session in sessions.TELEGRAF
    }
    assert {section["qos"] for section in inputs} == {1}


def test_no_file_holds_a_secret() -> None:
    found = {
        (key, value)
        for path in FILES
        for key, value in re.findall(r"(\w*(?:password|token|username|secret)\w*) *= *(.*)", path.read_text())
        if not key.startswith("TELEGRAF_")
    }
    assert found == {
        ("username", '"${TELEGRAF_BROKER_USER:-}"'),
        ("password", '"${TELEGRAF_BROKER_PASSWORD:-}"'),
        ("token", '"${INFLUX_TOKEN:-}"'),
    }


def test_the_buffer_of_points_holds_all_that_can_be_unacknowledged() -> None:
    """A point that is pushed out of it leaves its message unacknowledged until the next reconnect."""
    config = content(FOLDER / "telegraf.conf")
    windows = sum(section["max_undelivered_messages"] for section in config["inputs"]["mqtt_consumer"])
    assert config["agent"]["metric_buffer_limit"] >= 2 * windows
    health, metrics, points = [
        *config["outputs"]["health"],
        *config["outputs"]["influxdb_v2"],
    ]
    assert "metric_buffer_limit" not in points
    assert metrics["namedrop"] == points["namepass"]
    assert health["namepass"] == ["telegraf"]


def test_the_days_that_a_certificate_has_left_are_measured(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing: it makes the certificate")
    for name in ("broker", "page"):
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out {name}.pem -subj /CN=same"
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    places = {name: f"file://{tmp_path}/{name}.pem" for name in ("broker", "page")}
    both = {"TELEGRAF_CERTIFICATES": places["broker"], "TELEGRAF_PAGE_CERTIFICATE": places["page"]}
    assert measured(both) == set(places.values())
    del both["TELEGRAF_PAGE_CERTIFICATE"]
    assert measured(both) == {places["broker"]}


def measured(environment: dict[str, str]) -> set[str]:
    """The places whose certificates Telegraf has looked at, each rightly."""
    done = subprocess.run(
        [
            tool(tools.TELEGRAF),
            "--strict-env-handling",
            "--test",
            "--config",
            str(FOLDER / "certificates.conf"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    places = set()
    for line in [line for line in done.stdout.splitlines() if "x509_cert" in line]:
        names = re.fullmatch(r"> x509_cert,([^ ]*) ([^ ]*) \d+", line)
        assert names, line
        tags = dict(tag.split("=") for tag in names[1].split(","))
        assert set(tags) == {"common_name", "source"}
        values = dict(field.split("=") for field in names[2].split(","))
        assert set(values) == {"age", "expiry", "verification_code"}
        assert 0 < int(values["expiry"].rstrip("i")) <= 2 * 86_400
        places.add(tags["source"])
    return places
