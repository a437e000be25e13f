"""What pods of infra/k3s are given: configurations, secrets and settings, tried on the real parts."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from fanwatch.errors import FanwatchError
from fanwatch.settings import (
    AccessSettings,
    BrokerSettings,
    ConnectorSettings,
    ConsoleSettings,
    GatewaySettings,
    HistorySettings,
    StoreSettings,
    load,
)
from local import sessions, tools
from local import stack as stacks
from tests.support.influx import tool
from tests.support.kustomize import (
    OVERLAYS,
    ROOT,
    cluster,
    containers,
    contents,
    environment,
    mounted,
    workload,
)
from tests.support.pods import PROBED, Broker, Pod

# kustomize is built on first use.
pytestmark = pytest.mark.timeout(600)

CONFIG_MAP_BYTES = 1024 * 1024


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_container_is_told_of_is_mounted(overlay: str) -> None:
    rendered = cluster(overlay)
    looked_at = set()
    for _, template in rendered.pods():
        for container in containers(template):
            files = mounted(rendered, template, container)
            folders = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
            told = [
                *container.get("command", []),
                *(entry.get("value", "") for entry in container.get("env", [])),
            ]
            for text in told:
                path = text.rpartition("=")[2]
                if path.startswith("/") and path not in folders and Path(path).name != "provisioning":
                    assert path in files, (container["name"], path)
                    looked_at.add(path)
    assert {
        "/etc/telegraf/metrics.conf",
        "/etc/fanwatch/policies.yaml",
        "/opt/companion/companion.sh",
    } <= looked_at


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_broker_gets_every_file_that_its_configuration_names(overlay: str) -> None:
    rendered = cluster(overlay)
    template = workload(rendered, "mosquitto")["spec"]["template"]
    files = mounted(rendered, template, template["spec"]["containers"][0])
    config = files["/mosquitto/config/mosquitto.conf"].decode()
    named = set(re.findall(r"^\w+ (/mosquitto/secrets/\S+)$", config, re.M))
    assert len(named) == 6
    assert named <= files.keys()
    assert "/mosquitto/config/conf.d/common.conf" in files
    ports = {port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    assert ports == set(map(int, re.findall(r"^listener (\d+)$", config, re.M)))


@pytest.mark.parametrize(
    ("name", "folder", "patterns"),
    [
        ("mosquitto", "infra/mosquitto", ("mosquitto.conf", "conf.d/*.conf")),
        ("influxdb", "infra/influxdb", ("*.conf", "policies.yaml")),
        ("telegraf", "infra/telegraf", ("*.conf", "*.star")),
        ("grafana-datasources", "infra/grafana/provisioning/datasources", ("*.yaml",)),
        ("grafana-providers", "infra/grafana/provisioning/dashboards", ("*.yaml",)),
        ("grafana-alerting", "infra/grafana/provisioning/alerting", ("*.yaml",)),
        ("grafana-dashboards", "infra/grafana/dashboards", ("*.json",)),
    ],
)
def test_configurations_are_those_of_every_runtime(name: str, folder: str, patterns: tuple[str, ...]) -> None:
    held = contents(cluster("local-path").generated("ConfigMap", name))
    held.pop("site.conf", None)
    files = [path for pattern in patterns for path in (ROOT / folder).glob(pattern)]
    assert files
    # One that was added there and not to its kustomization.yaml would be missing on clusters only.
    assert held == {path.name: path.read_bytes() for path in files}
    assert sum(map(len, held.values())) < CONFIG_MAP_BYTES, "more than a ConfigMap may hold"


def test_functions_find_their_secrets_under_the_names_that_stack_yml_gives_them() -> None:
    rendered = cluster("portworx")
    for function in stacks.read(ROOT / "stack.yml", {}).functions.values():
        for name in function.secrets:
            found = rendered.find("Secret", name, "openfaas-fn")
            assert found, name
            assert found["data"].keys() == {name}


def test_no_secret_is_in_a_config_map_or_in_the_environment() -> None:
    rendered = cluster("portworx")
    values = {value for manifest in rendered.of("Secret") for value in contents(manifest).values()}
    passwords = {value.decode() for value in values if 0 < len(value) < 64}
    rest = yaml.safe_dump([manifest for manifest in rendered.manifests if manifest["kind"] != "Secret"])
    assert len(passwords) == 9, "six users', OpenFaaS's two and Grafana's"
    assert not [password for password in passwords if password in rest]
    keys = {key for manifest in rendered.of("Secret") for key in contents(manifest) if key.endswith(".key")}
    assert keys == {"server.key", "page.key"}, "the CA's keys stay where they were made"


def test_settings_are_known_and_sessions_belong_to_the_pods_that_use_them() -> None:
    rendered = cluster("portworx")
    environments = {}
    for _, template in rendered.pods():
        for container in containers(template):
            if container["image"].startswith("fanwatch/"):
                values = environment(rendered, container)
                for cls in (
                    AccessSettings,
                    BrokerSettings,
                    ConnectorSettings,
                    ConsoleSettings,
                    GatewaySettings,
                    HistorySettings,
                    StoreSettings,
                ):
                    load(cls, values)
                environments[container["name"]] = values
    own = environments["connector"]
    name = f"{workload(rendered, 'connector')['metadata']['name']}-0"
    assert own["FANWATCH_CONNECTOR_ID"].replace("$(POD_NAME)", name) == ConnectorSettings().connector_id
    # The companion makes the sessions where the connector will look for them.
    for setting in ("FANWATCH_BROKER_HOST", "FANWATCH_BROKER_PORT"):
        assert environments["companion"][setting] == own[setting]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_several_pods_must_know_alike_is_what_the_broker_and_the_store_have(overlay: str) -> None:
    """Fans' local times are read in one zone, and the alerts before loss measure by the limits that there are."""
    rendered = cluster(overlay)
    site = rendered.generated("ConfigMap", "site")["data"]
    broker = contents(rendered.generated("ConfigMap", "mosquitto"))["site.conf"].decode()
    claim = workload(rendered, "influxdb")["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]
    functions = stacks.read(ROOT / "stack.yml", {}).functions["score-fan"].environment
    assert site == {
        "FANWATCH_TIMEZONE": functions["FANWATCH_TIMEZONE"],
        "FANWATCH_RAW_RETENTION": functions["FANWATCH_RAW_RETENTION"],
        "FANWATCH_BROKER_QUEUED_BYTES": re.findall(r"^max_queued_bytes (\d+)$", broker, re.M)[0],
        "TELEGRAF_STORE_BYTES": str(int(claim["storage"].removesuffix("Gi")) << 30),
    }
    told = {
        container["name"]
        for _, template in rendered.pods()
        for container in containers(template)
        if environment(rendered, container).items() >= site.items()
    }
    assert told == {"telegraf", "setup", "rollup"}


def checked(command: list[str], pod: Pod) -> str:
    """What a part says of the pod's configuration; AssertionError where it does not take it."""
    done = subprocess.run(
        [*command, *pod.arguments],
        env={**os.environ, **pod.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_telegraf_takes_what_its_pod_gives_it(tmp_path: Path) -> None:
    telegraf = tool(tools.TELEGRAF)
    checked([telegraf, "config", "check"], Pod(tmp_path, cluster("portworx"), "telegraf"))


def test_influxd_takes_what_its_pod_gives_it_and_writes_to_its_volume_only(tmp_path: Path) -> None:
    influxd = tool(tools.INFLUXD)
    said = checked([influxd, "config"], Pod(tmp_path, cluster("portworx"), "influxdb"))
    assert 'bind-address = ":8086"' in said
    written = set(re.findall(r'^\s*(?:wal-)?dir = "(.*)"$', said, re.M))
    assert written == {f"{tmp_path}/var/lib/influxdb/{name}" for name in ("meta", "data", "wal")}


def test_the_broker_lets_the_connector_in_on_what_their_pods_give_them(tmp_path: Path) -> None:
    rendered = cluster("portworx")
    broker = Broker(tmp_path, rendered)
    try:
        held = contents(rendered.generated("Secret", "connector"))
        wanted = sessions.connector(ConnectorSettings(), ["fan/messages"])
        assert not sessions.create(broker.settings("connector", held["password"], held["ca.crt"]), wanted)
        # What is there for probes lets nobody in.
        with pytest.raises(FanwatchError, match="refused"):
            sessions.create(BrokerSettings(broker_port=broker.ports[PROBED]), wanted)
    finally:
        broker.stop()
    assert (broker.data / "mosquitto.db").exists()
