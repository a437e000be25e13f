"""infra/faasd/install.sh on a machine below a directory: what it asks for, that it may be run twice, and removal."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.process import Process
from tests.support.wait import patience, until

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {
    "mosquitto",
    "influxdb",
    "telegraf",
    "rollup",
    "grafana",
    "console",
    "model-store",
    "cron-connector",
    "connector",
}
# As faasd 0.19 brings it, less what does not matter here; indented by somebody else in the second form.
COMPOSE = """version: "3.7"
services:

  gateway:
    image: ghcr.io/openfaas/gateway:0.27.5
    ports:
       - "127.0.0.1:8080:8080"
    depends_on:
      - nats

# Mine.
  nats:
    image: docker.io/library/nats-streaming:0.25.6
"""
# There is no containerd here: this ctr has the images that $IMAGES matches, and notes what it was told.
CTR = """#!/bin/sh
echo "$*" >> "$ROOT/ctr.log"
case "$*" in
    version) [ -z "${NO_CONTAINERD:-}" ] ;;
    *"images pull"*) case "$*" in *"${NO_IMAGE:-nothing}"*) exit 1 ;; esac ;;
    *"run -d"*fanwatch-broker*) echo "fanwatch-broker 4711 RUNNING" > "$ROOT/tasks" ;;
    *"tasks kill fanwatch-broker"*)
        sed -i /fanwatch-broker/d "$ROOT/tasks"
        : > "$ROOT/var/lib/faasd/fanwatch/data/mosquitto/mosquitto.db"
        ;;
    *"tasks ls"*) cat "$ROOT/tasks" ;;
esac
"""
SYSTEMCTL = (
    '#!/bin/sh\necho "$*" >> "$ROOT/systemctl.log"\ncase "$*" in "${FAILING:-nothing}") exit 1 ;; esac\n'
)
SS = '#!/bin/sh\nfor port in ${LISTENING:-}; do echo "LISTEN 0 128 0.0.0.0:$port 0.0.0.0:*"; done\n'


class Machine:
    """A copy of what install.sh reads, a root directory to install into, and tools that only take notes."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "checkout"
        shutil.copytree(ROOT / "infra", self.checkout / "infra", ignore=shutil.ignore_patterns("files"))
        shutil.copytree(ROOT / "connectors/openfaas", self.checkout / "connectors/openfaas")
        shutil.copy(ROOT / "stack.yml", self.checkout)
        (self.checkout / ".venv").symlink_to(ROOT / ".venv")
        self.root = directory / "root"
        self.faasd = self.root / "var/lib/faasd"
        self.own = self.faasd / "fanwatch"
        self.compose = self.faasd / "docker-compose.yaml"
        (self.faasd / "secrets").mkdir(parents=True)
        (self.faasd / "secrets/basic-auth-password").write_text("secret", encoding="utf-8")
        self.compose.write_text(COMPOSE, encoding="utf-8")
        (self.root / "tasks").touch()
        self.bin = directory / "bin"
        self.bin.mkdir()
        for name, script in (("ctr", CTR), ("systemctl", SYSTEMCTL), ("ss", SS)):
            (self.bin / name).write_text(script, encoding="utf-8")
            (self.bin / name).chmod(0o755)

    def run(
        self, *arguments: str, path: str = "/usr/bin:/bin", host: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """install.sh; the first time with --host, unless that is not wanted."""
        if host and not (self.own / "secrets/ca").exists():
            arguments = ("--host", "nuc.local", *arguments)
        return subprocess.run(
            ["/bin/sh", str(self.checkout / "infra/faasd/install.sh"), *arguments],
            env={**os.environ, "PATH": f"{self.bin}:{path}", "ROOT": str(self.root), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def install(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def watch(self, listening: str) -> None:
        """One run of the timer's script while these ports are listened on."""
        subprocess.run(
            ["/bin/sh", str(self.own / "watch.sh")],
            env={
                **os.environ,
                "PATH": f"{self.bin}:/usr/bin:/bin",
                "ROOT": str(self.root),
                "LISTENING": listening,
            },
            timeout=20,
            check=True,
        )

    def told(self, **environment: str) -> dict[str, str]:
        """What faas-cli is told in a shell that has these variables already."""
        done = subprocess.run(
            ["/bin/sh", "-c", '. "$FILE" && env -0 && printf "FUNCTIONS=%s" "$FUNCTIONS"'],
            env={"PATH": "/usr/bin:/bin", "FILE": str(self.own / "faas-cli.env"), **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return dict(line.split("=", 1) for line in done.stdout.split("\0"))

    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.compose.read_text(encoding="utf-8"))["services"]
        return found

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Everything installed, with modes."""
        return {
            str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mode)
            for top in ("var", "etc")
            for path in (self.root / top).rglob("*")
            if path.is_file()
        }

    def log(self, name: str) -> list[str]:
        path = self.root / f"{name}.log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first run makes, which takes most of its time."""
    machine = Machine(tmp_path_factory.mktemp("first"))
    machine.install()
    return machine.own / "secrets"


@pytest.fixture
def machine(tmp_path: Path, secrets: Path) -> Machine:
    """A machine with faasd and nothing of ours but secrets."""
    machine = Machine(tmp_path)
    shutil.copytree(secrets, machine.own / "secrets")
    return machine


@pytest.fixture
def fresh(tmp_path: Path) -> Machine:
    """A machine with faasd and nothing of ours."""
    return Machine(tmp_path)


def test_services_are_put_beside_those_that_are_there(machine: Machine) -> None:
    machine.install()
    services = machine.services()
    assert services.keys() == SERVICES | {"gateway", "nats"}
    before = yaml.safe_load(COMPOSE)["services"]
    assert {name: services[name] for name in before} == before
    known = {"image", "command", "environment", "volumes", "ports", "cap_add", "user", "depends_on"}
    for name in SERVICES:
        service = services[name]
        assert service.keys() <= known, "faasd ignores everything else"
        assert service["user"].partition(":")[0] not in ("", "0", "root"), name
        assert service["command"][:2] == ["sh", "/keep.sh"], "faasd starts nothing twice"
        assert not re.search(r":(latest)?$", service["image"]), name
        assert set(service.get("depends_on", [])) <= services.keys()
        for volume in service["volumes"]:
            source = volume["source"].removeprefix("./")
            assert (machine.faasd / source).exists() or source == "secrets/basic-auth-user", source
    assert machine.log("systemctl")[-1] == "restart faasd"


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.install()
    before = machine.files()
    restarts = machine.log("systemctl").count("restart faasd")
    assert "Nothing has changed" in machine.install()
    assert machine.files() == before
    assert machine.log("systemctl").count("restart faasd") == restarts == 1
    assert "-n openfaas tasks kill --signal SIGHUP mosquitto" in machine.log("ctr")


def test_secrets_are_made_and_nobody_elses(fresh: Machine) -> None:
    machine = fresh
    machine.install()
    secrets = machine.own / "secrets"
    found = [path for path in secrets.rglob("*") if path.is_file() and path.name != ".gitignore"]
    assert {"password", "server.key", "admin-password"} <= {path.name for path in found}
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    compose = machine.compose.read_text(encoding="utf-8")
    for path in found:
        if "password" in path.name and path.stat().st_size:
            assert path.read_text(encoding="utf-8").strip() not in compose
    if os.getuid() == 0:
        owners = {
            "mosquitto": 1883,
            "services/connector": 10001,
            "services/console": 10001,
            "services/operator": 10001,
            "services/telegraf": 999,
            "grafana": 472,
        }
        for folder, owner in owners.items():
            assert {path.stat().st_uid for path in (secrets / folder).iterdir()} == {owner}


def test_sessions_and_database_are_made_before_faasd_is_restarted(machine: Machine) -> None:
    machine.install()
    runs = [line for line in machine.log("ctr") if " run " in line]
    assert [line.split(" fanwatch-")[1] for line in runs] == [
        "broker mosquitto -c /mosquitto/config/mosquitto.conf",
        "once python -m local.sessions --of connector",
        "once python -m local.sessions --of telegraf",
        "store influxd -config /etc/influxdb/influxdb.conf",
        "once python -m history setup",
    ]
    assert all("--with-ns network:/proc/4711/ns/net" in line for line in runs[1:])
    assert not any("--net-host" in line for line in runs), "no fan can reach that broker"


def test_another_indentation_and_what_follows_the_services_are_kept(machine: Machine) -> None:
    text = "services:\n    gateway:\n        image: g:1\nx-mine:\n    a: 1\n"
    machine.compose.write_text(text, encoding="utf-8")
    machine.install()
    found = yaml.safe_load(machine.compose.read_text(encoding="utf-8"))
    assert found["x-mine"] == {"a": 1}
    assert found["services"].keys() == SERVICES | {"gateway"}
    machine.install("--remove")
    assert machine.compose.read_text(encoding="utf-8") == text


def test_one_connector_or_the_other(machine: Machine) -> None:
    machine.install("--connector", "stock")
    services = machine.services()
    assert services["connector"]["image"] == "ghcr.io/openfaas/mqtt-connector:0.4.3"
    assert sum("connectors.mqtt" in str(service) for service in services.values()) == 0
    assert "local.sessions --of connector" not in str(machine.log("ctr"))
    # Our session is made now, in the broker that runs: nothing is lost until our connector has connected.
    (machine.root / "tasks").write_text("mosquitto 815 RUNNING\ninfluxdb 816 RUNNING\n", encoding="utf-8")
    before = len(machine.log("ctr"))
    machine.install("--connector", "ours")
    services = machine.services()
    assert services["connector"]["image"] == "docker.io/fanwatch/connector:0.1.0"
    assert sum("mqtt-connector" in str(service) for service in services.values()) == 0
    [run] = [line for line in machine.log("ctr")[before:] if " run " in line]
    assert "--with-ns network:/proc/815/ns/net" in run
    assert run.endswith("python -m local.sessions --of connector")


def test_a_check_lists_the_images_and_changes_nothing(machine: Machine) -> None:
    before = machine.files()
    listed = machine.install("--check").splitlines()[1:]
    assert machine.files() == before
    # Where images are fetched for a machine without the internet, there is no faasd.
    machine.compose.unlink()
    assert machine.install("--images", NO_CONTAINERD="1").splitlines() == listed
    machine.compose.write_text(COMPOSE, encoding="utf-8")
    machine.install()
    assert listed == sorted({machine.services()[name]["image"] for name in SERVICES})


def test_what_is_left_out_and_where_images_lie(machine: Machine) -> None:
    machine.install(
        "--lite", "--without", "grafana", "--without", "cron-connector", REGISTRY="example.com/f", TAG="2"
    )
    services = machine.services()
    assert services.keys() == (SERVICES | {"gateway", "nats"}) - {"grafana", "cron-connector"}
    assert services["connector"]["image"] == services["rollup"]["image"] == "example.com/f/connector:2"
    telegraf = services["telegraf"]["environment"]
    assert telegraf["FANWATCH_INFER_FUNCTION"] == "infer-fan-lite"
    assert telegraf["TELEGRAF_PAGE_CERTIFICATE"] == "tcp://console:8093"
    machine.install("--without", "console", "--with", "grafana", "--tensorflow")
    services = machine.services()
    assert services.keys() == (SERVICES | {"gateway", "nats"}) - {"cron-connector", "console"}
    assert services["connector"]["image"] == "example.com/f/connector:2"
    telegraf = services["telegraf"]["environment"]
    assert telegraf["FANWATCH_INFER_FUNCTION"] == "infer-fan"
    assert "TELEGRAF_PAGE_CERTIFICATE" not in telegraf


def test_what_was_chosen_once_holds_for_the_runs_after_it(machine: Machine) -> None:
    chosen = ["--lite", "--without", "grafana", "--without", "console", "--connector", "stock"]
    # Also where the first run ended halfway.
    assert machine.run(*chosen, REGISTRY="example.com/f", TAG="2", FAILING="daemon-reload").returncode == 1
    machine.install()
    before, restarts = machine.files(), machine.log("systemctl").count("restart faasd")
    services = machine.services()
    assert services.keys() == (SERVICES | {"gateway", "nats"}) - {"grafana", "console"}
    assert "mqtt-connector" in services["connector"]["image"]
    assert services["rollup"]["image"] == "example.com/f/connector:2"
    assert services["telegraf"]["environment"]["FANWATCH_INFER_FUNCTION"] == "infer-fan-lite"
    told = machine.told()
    assert (told["REGISTRY"], told["TAG"], told["FANWATCH_INFER_FUNCTION"]) == (
        "example.com/f",
        "2",
        "infer-fan-lite",
    )
    # Step 5 of docs/faasd.md, after every new fan.
    assert "Nothing has changed" in machine.install()
    assert machine.files() == before
    machine.install("--remove")
    machine.install()
    assert machine.files() == before
    assert machine.log("systemctl").count("restart faasd") == restarts + 2


def test_settings_of_the_machine_reach_services_and_functions_and_stay(machine: Machine) -> None:
    machine.install()
    difficult = 'a "b" $c \\d & it\'s=x'
    settings = machine.own / "site/settings"
    with settings.open("a", encoding="utf-8") as file:
        file.write(
            "all FANWATCH_TIMEZONE=Europe/Berlin\nall FANWATCH_RAW_RETENTION=90d\n"
            "connector FANWATCH_CONNECTOR_BATCH_LANES=6\nconnector FANWATCH_CONNECTOR_BATCH_LANES=8\n"
            f"mosquitto MINE={difficult}\ninfluxdb GOGC=70\n"
            "functions FANWATCH_BUNDLE=http://model-store:8080/fan-anomaly/2\n"
            f"functions FANWATCH_WEBHOOK_URL={difficult}\n"
        )
    rules = machine.own / "site/config/grafana/provisioning/alerting/rules.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("# Mine.\n", encoding="utf-8")
    assert "Installed" in machine.install()
    assert "Nothing has changed" in machine.install()
    services = machine.services()
    for name in ("connector", "telegraf", "rollup", "console"):
        environment = services[name]["environment"]
        found = (environment["FANWATCH_TIMEZONE"], environment["FANWATCH_RAW_RETENTION"])
        assert found == ("Europe/Berlin", "90d"), name
    assert services["connector"]["environment"]["FANWATCH_CONNECTOR_BATCH_LANES"] == "8"
    assert services["influxdb"]["environment"] == {"INFLUXDB_HTTP_BIND_ADDRESS": ":8086", "GOGC": "70"}
    # Compose files write $$ for $.
    assert services["mosquitto"]["environment"] == {"MINE": difficult.replace("$", "$$")}
    assert Path(str(rules).replace("/site/", "/")).read_text(encoding="utf-8") == "# Mine.\n"
    told = machine.told()
    assert told["FANWATCH_TIMEZONE"] == "Europe/Berlin"
    assert told["FANWATCH_BUNDLE"] == "http://model-store:8080/fan-anomaly/2"
    assert told["FANWATCH_WEBHOOK_URL"] == difficult

    before = machine.files()
    with settings.open("a", encoding="utf-8") as file:
        file.write("GF_SMTP_PASSWORD=hidden\ntelegaf A=1\nfunctions max_inflight=3\nfunctions TAG=3\n")
    done = machine.run()
    assert done.returncode == 1
    for line, said in zip(
        done.stderr.splitlines(),
        (
            '"GF_SMTP_PASSWORD " is no setting',
            'there is no "telegaf"',
            "functions take no max_inflight",
            "TAG follows from the options",
        ),
        strict=True,
    ):
        assert said in line
    assert "hidden" not in done.stderr
    changed = {name for name, content in machine.files().items() if before[name] != content}
    assert changed == {"var/lib/faasd/fanwatch/site/settings"}


def test_faas_cli_is_told_the_same_in_any_shell(machine: Machine) -> None:
    machine.install()
    assert (machine.own / "faas-cli.env").stat().st_mode & 0o777 == 0o600
    told = machine.told(TAG="9", FANWATCH_BUNDLE="models/other", FANWATCH_INFER_DIRECT="0")
    assert {name: value for name, value in told.items() if name not in ("PATH", "PWD", "FILE", "_")} == {
        "REGISTRY": "docker.io/fanwatch",
        "TAG": "0.1.0",
        "FANWATCH_BROKER_HOST": "mosquitto",
        "FANWATCH_GATEWAY_URL": "http://gateway:8080",
        "FANWATCH_INFLUX_URL": "http://influxdb:8086",
        "FANWATCH_INFER_FUNCTION": "infer-fan",
        "FANWATCH_INFER_DIRECT": "1",
        "FUNCTIONS": "^(score-fan|forecast-fan|infer-fan)$",
    }
    functions = yaml.safe_load((ROOT / "stack.yml").read_text(encoding="utf-8"))["functions"]
    chosen = {name for name in functions if re.search(told["FUNCTIONS"], name)}
    assert chosen == {"score-fan", "forecast-fan", "infer-fan"}


def test_an_upgrade_gives_roles_the_rights_of_the_release(machine: Machine) -> None:
    machine.install()
    rules = machine.own / "secrets/mosquitto/acl"
    fresh = rules.read_bytes()
    rules.write_bytes(fresh.replace(b"topic read fan/anomaly\n", b""))
    assert rules.read_bytes() != fresh
    machine.install()
    assert rules.read_bytes() == fresh


def test_a_gateway_that_everybody_reaches_is_put_up_with_only_when_told(machine: Machine) -> None:
    machine.compose.write_text(COMPOSE.replace("127.0.0.1:8080:", "8080:"), encoding="utf-8")
    done = machine.run()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "127.0.0.1:8080:8080 for 8080:8080" in done.stderr
    machine.install("--open-gateway")
    machine.install()
    # Closed once, it is not to be opened again by an update of faasd.
    closed = machine.compose.read_text(encoding="utf-8")
    machine.compose.write_text(closed.replace('"8080:8080"', '"127.0.0.1:8080:8080"'), encoding="utf-8")
    machine.install()
    machine.compose.write_text(closed, encoding="utf-8")
    assert machine.run().returncode == 1


def test_lines_of_the_alerts_file_are_taken_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "alerts"
    file.write_text(
        "# Mine.\n\nFANWATCH_ALERT_WEBHOOK=https://h/x?a=1&b=2\nGF_SMTP_PASSWORD=p$ss w`id` 'q'\nGF SMTP=oops\n"
        "FANWATCH_ALERT_EMAIL=a@example.org",
        encoding="utf-8",
    )
    services = yaml.safe_load((ROOT / "infra/faasd/services.yaml").read_text(encoding="utf-8"))
    [*command, inside, run] = services["grafana"]["command"][2:]
    assert (command, inside, run) == (["sh", "/alerts.sh"], "/run/secrets/grafana/alerts", "/run.sh")
    done = subprocess.run(
        ["sh", str(ROOT / "infra/faasd/alerts.sh"), str(file), "env"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert {"FANWATCH_ALERT_WEBHOOK", "GF_SMTP_PASSWORD", "FANWATCH_ALERT_EMAIL"} <= {
        line.partition("=")[0] for line in done.stdout.splitlines()
    }
    assert "FANWATCH_ALERT_WEBHOOK=https://h/x?a=1&b=2\n" in done.stdout
    assert "GF_SMTP_PASSWORD=p$ss w`id` 'q'\n" in done.stdout
    assert "line 5" in done.stderr
    assert "oops" not in done.stdout + done.stderr


def test_an_upgrade_applies_what_has_changed_and_keeps_the_rest(machine: Machine) -> None:
    machine.install()
    before = machine.files()
    site = machine.own / "config/mosquitto/conf.d/site.conf"
    site.write_text("max_queued_bytes 1000000\n", encoding="utf-8")
    config = machine.checkout / "infra/telegraf/telegraf.conf"
    config.write_text(config.read_text(encoding="utf-8") + "# New.\n", encoding="utf-8")
    assert "Installed" in machine.install(TAG="0.2.0")
    after = machine.files()
    changed = {name for name in before if before[name] != after[name]}
    own = "var/lib/faasd/fanwatch/config"
    assert changed == {
        "var/lib/faasd/docker-compose.yaml",
        f"{own}/telegraf/telegraf.conf",
        f"{own}/mosquitto/conf.d/site.conf",
        "var/lib/faasd/fanwatch/options",
        "var/lib/faasd/fanwatch/faas-cli.env",
    }
    assert site.read_text(encoding="utf-8") == "max_queued_bytes 1000000\n"


def test_what_a_run_that_ended_halfway_has_changed_is_applied_by_the_next(machine: Machine) -> None:
    machine.install()
    config = machine.checkout / "infra/telegraf/telegraf.conf"
    config.write_text(config.read_text(encoding="utf-8") + "# New.\n", encoding="utf-8")
    for failing, said in (
        ("daemon-reload", "systemd could not read its units again"),
        ("enable --now fanwatch-watch.timer", "fanwatch-watch.timer could not be started"),
        ("restart faasd", "faasd could not be restarted"),
    ):
        done = machine.run(FAILING=failing)
        assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (1, True, 1), done.stderr
    before = machine.log("systemctl").count("restart faasd")
    assert "Installed" in machine.install()
    assert machine.log("systemctl").count("restart faasd") == before + 1


def test_removal_keeps_data_and_secrets_unless_told(machine: Machine) -> None:
    machine.install()
    machine.install("--remove")
    assert machine.compose.read_text(encoding="utf-8") == COMPOSE
    assert {path.name for path in machine.own.iterdir()} == {"data", "secrets", "site", "options"}
    assert not list((machine.root / "etc/systemd/system").iterdir())
    machine.install()
    machine.install("--remove", "--data")
    assert not machine.own.exists()
    assert machine.compose.read_text(encoding="utf-8") == COMPOSE


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {"NO_CONTAINERD": "1"}, "containerd does not answer"),
        ([], {"NO_IMAGE": "grafana"}, "the image docker.io/grafana/grafana:12.3.1 is neither here"),
        ([], {"LISTENING": "22 8883"}, "something listens on port 8883 already"),
        (["--connector", "both"], {}, "--connector is ours or stock"),
        (["--without", "mosquitto"], {}, "only grafana, console, model-store"),
        (["--connector"], {}, "--connector takes a value"),
        (["--data"], {}, "--data goes with --remove"),
        (["--upgrade"], {}, "there is no option --upgrade"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    machine: Machine, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    done = machine.run(*arguments, **environment)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert machine.compose.read_text(encoding="utf-8") == COMPOSE
    assert "restart faasd" not in machine.log("systemctl")


def test_the_name_that_fans_know_is_asked_for_the_first_time(fresh: Machine) -> None:
    done = fresh.run(host=False)
    assert done.returncode == 1
    assert done.stderr.startswith("install.sh: --host is missing: ")
    assert not fresh.own.exists()


def test_everything_that_is_missing_is_named_at_once(machine: Machine) -> None:
    tools = machine.bin / "few"
    tools.mkdir()
    for name in ("dirname", "id", "grep", "cat", "sh"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (machine.bin / "ctr").unlink()
    machine.compose.unlink()
    done = machine.run("--check", path=str(tools))
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    for what in ("awk is missing", "sed is missing", "ctr is missing", "docker-compose.yaml is missing"):
        assert sum(what in line for line in lines) == 1, what


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("  influxdb:\n    image: mine:1\n", "has a service 'influxdb' already"),
        ('  mine:\n    image: mine:1\n    ports:\n      - "3000:80"\n', "has port 3000 already"),
    ],
)
def test_services_of_others_are_never_replaced(machine: Machine, service: str, said: str) -> None:
    text = COMPOSE + service
    machine.compose.write_text(text, encoding="utf-8")
    done = machine.run()
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr
    assert machine.compose.read_text(encoding="utf-8") == text


def test_faasd_is_restarted_where_a_port_is_not_listened_on(machine: Machine) -> None:
    machine.install()
    before = len(machine.log("systemctl"))
    for listening, restarts in (("3000 8093 8883 8885", 0), ("3000 8093 8883", 1)):
        machine.watch(listening)
        assert machine.log("systemctl")[before:] == ["restart faasd"] * restarts


def test_addresses_of_the_dead_are_given_back(machine: Machine) -> None:
    machine.install()
    folder = machine.root / "var/run/cni/openfaas-cni-bridge"
    folder.mkdir(parents=True)
    with subprocess.Popen(["true"]) as dead:
        pass
    # As CNI's host-local plugin writes them.
    for address, owner in (
        ("10.62.0.8", f"score-fan-{os.getpid()}"),
        ("10.62.0.9", f"infer-fan-lite-{dead.pid}"),
    ):
        (folder / address).write_text(f"{owner}\r\neth1", encoding="utf-8")
    for other in ("lock", "last_reserved_ip.0"):
        (folder / other).write_text("10.62.0.9", encoding="utf-8")
    machine.watch("3000 8093 8883 8885")
    assert sorted(path.name for path in folder.iterdir()) == ["10.62.0.8", "last_reserved_ip.0", "lock"]


def test_keep_starts_again_what_ends_and_passes_signals_on(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f'trap "echo hup >> {told}" HUP; trap "exit 3" TERM; echo started >> {told}; while :; do sleep 0.05; done'
    # A shell cannot trap what was ignored before it started, as SIGHUP is under nohup.
    fresh = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv('/bin/sh', sys.argv[1:])"
    argv = [sys.executable, "-c", fresh, "sh", str(ROOT / "infra/faasd/keep.sh"), "sh", "-c", script]
    keep = Process(argv, tmp_path / "log", {}, tmp_path)

    def lines() -> list[str]:
        return told.read_text(encoding="utf-8").split() if told.exists() else []

    try:
        until(lambda: lines() == ["started"], 10, "the command")
        keep.process.send_signal(signal.SIGHUP)
        until(lambda: lines() == ["started", "hup"], 10, "SIGHUP to be passed on")
        child = int(subprocess.check_output(["pgrep", "-P", str(keep.process.pid)], text=True).split()[0])
        os.kill(child, signal.SIGTERM)
        until(lambda: lines() == ["started", "hup", "started"], 10, "the command once more")
        assert "ended with 3" in keep.output()
        assert keep.stop() < 5 * patience()
        assert keep.process.returncode == 0
    finally:
        keep.kill()


def test_no_call_to_containerd_lasts_for_ever() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra/faasd").rglob("*.sh"))
    calls = re.findall(r"(\S+ \S+) ctr (?:-n|version)", text)
    assert len(calls) == 3
    assert all(re.fullmatch(r"timeout \d+", before) for before in calls), calls


def test_scripts_are_plain_posix_shell() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck.")
    scripts = sorted(str(path) for path in (ROOT / "infra/faasd").rglob("*.sh"))
    done = subprocess.run(
        ["shellcheck", "-s", "sh", *scripts], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
