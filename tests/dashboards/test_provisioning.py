"""Files that tell Grafana where its data and its dashboards are, against the structure that its documentation gives."""

import re
from typing import Any

import yaml

from tests.support.grafana import ROOT

PROVISIONING = ROOT / "infra/grafana/provisioning"
# Grafana replaces these and knows no defaults, so a runtime sets all of them.
ENVIRONMENT = {"FANWATCH_INFLUX_URL", "INFLUX_TOKEN", "FANWATCH_GRAFANA_DASHBOARDS"}


def _read(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((PROVISIONING / path).read_text()))


def test_the_data_source_asks_influxdb_in_influxql_with_a_token_from_the_environment() -> None:
    content = _read("datasources/fanwatch.yaml")
    assert content["apiVersion"] == 1
    (source,) = content["datasources"]
    assert source.keys() <= {
        "name", "uid", "type", "access", "orgId", "url", "isDefault", "editable", "jsonData", "secureJsonData"
    }  # fmt: skip
    assert (source["type"], source["access"], source["uid"]) == ("influxdb", "proxy", "fanwatch")
    assert source["url"] == "${FANWATCH_INFLUX_URL}"
    settings = source["jsonData"]
    assert settings["version"] == "InfluxQL"
    assert settings["dbName"] == "fanwatch"
    assert settings["httpMode"] == "POST"
    # The header's name is in the open, its value is not.
    assert settings["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token ${INFLUX_TOKEN}"}


def test_the_provider_reads_the_generated_dashboards_and_lets_nobody_change_them() -> None:
    content = _read("dashboards/fanwatch.yaml")
    assert content["apiVersion"] == 1
    (provider,) = content["providers"]
    assert provider.keys() <= {
        "name", "orgId", "type", "folder", "folderUid", "allowUiUpdates", "disableDeletion",
        "updateIntervalSeconds", "options",
    }  # fmt: skip
    assert (provider["type"], provider["folder"]) == ("file", "Fanwatch")
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"] == "${FANWATCH_GRAFANA_DASHBOARDS}"


def test_only_the_documented_environment_is_asked_for() -> None:
    files = [*(PROVISIONING / "datasources").glob("*"), *(PROVISIONING / "dashboards").glob("*")]
    asked = {name for path in files for name in re.findall(r"\$\{?(\w+)", path.read_text())}
    assert asked == ENVIRONMENT
