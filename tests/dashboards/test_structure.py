"""The committed dashboards as Grafana reads them: unique, complete, without overlap, and nothing points nowhere."""

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.grafana import panels
from dashboards.bundle import newest
from dashboards.page import FAN, FLEET, MODEL, PIPELINE, text
from dashboards.sdk import Dashboard, register_default_plugins
from tests.support import grafana
from tests.support.grafana import ROOT

ALL = grafana.dashboards()
NAMES = [found["uid"] for found in ALL]
# Filled in by Grafana itself.
BUILT_IN = {"timeFilter", "__interval", "__interval_ms", "__from", "__to", "__url_time_range", "__data"}

each = pytest.mark.parametrize("dashboard", ALL, ids=NAMES)


def test_there_are_four_dashboards_each_with_its_own_uid_and_title() -> None:
    assert sorted(NAMES) == sorted([FLEET, FAN, PIPELINE, MODEL])
    assert len({found["title"] for found in ALL}) == 4


@each
def test_it_is_what_file_provisioning_takes(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] == 42
    assert "id" not in dashboard
    assert not {"__inputs", "__requires", "__elements"} & dashboard.keys()
    assert dashboard["editable"] is False


@each
def test_panels_are_unique_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    everything = dashboard["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
    taken: dict[tuple[int, int], str] = {}
    for panel in everything:
        spot = panel["gridPos"]
        columns, lines = range(spot["x"], spot["x"] + spot["w"]), range(spot["y"], spot["y"] + spot["h"])
        assert columns.stop <= 24
        for cell in itertools.product(columns, lines):
            assert taken.setdefault(cell, panel["title"]) == panel["title"]


@each
def test_every_panel_has_unit_description_and_something_to_say_when_empty(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) > 10, panel["title"]
        assert defaults.get("unit"), panel["title"]
        assert defaults.get("noValue"), panel["title"]


@each
def test_targets_are_raw_queries_of_the_provisioned_data_source(dashboard: dict[str, Any]) -> None:
    path = ROOT / "infra/grafana/provisioning/datasources/fanwatch.yaml"
    provisioned = {(found["type"], found["uid"]) for found in yaml.safe_load(path.read_text())["datasources"]}
    used = [found for found in _values(dashboard, "datasource") if isinstance(found, dict)]
    assert {(found["type"], found["uid"]) for found in used} == provisioned
    for panel in panels(dashboard):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(set(refs)) == len(refs), panel["title"]
        assert all(target["rawQuery"] is True and target["query"] for target in panel["targets"])


@each
def test_every_variable_is_used_and_every_used_one_defined(dashboard: dict[str, Any]) -> None:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    queries = "\n".join(str(found) for found in _values(dashboard, "query"))
    used = {found[0] or found[1] for found in re.findall(r"\$(?:\{(\w+)[^}]*\}|(\w+))", queries)}
    assert used - BUILT_IN == defined


@each
def test_queries_name_a_retention_policy_that_is_set_up(dashboard: dict[str, Any]) -> None:
    policies = yaml.safe_load((ROOT / "infra/influxdb/policies.yaml").read_text())
    for query in _values(dashboard, "query"):
        measured = re.findall(r"FROM (?!\()(\S+)", str(query))
        assert measured
        for source in measured:
            found = re.fullmatch(r'"(\w+)"\."\w+"\)*,?', source)
            assert found, source
            assert found[1] in policies


@each
def test_links_lead_to_dashboards_and_set_variables_that_they_have(dashboard: dict[str, Any]) -> None:
    for url in (str(found) for found in _values(dashboard, "url")):
        found = re.match(r"/d/([\w-]+)\?var-(\w+)=", url)
        assert found, url
        variables = grafana.dashboard(found[1])["templating"]["list"]
        assert found[2] in {variable["name"] for variable in variables}
    tagged = [link["tags"] for link in dashboard["links"]]
    assert tagged == [["fanwatch"]]
    assert dashboard["tags"] == ["fanwatch"]


def test_the_fleets_table_links_to_the_fan() -> None:
    table = grafana.panel(grafana.dashboard(FLEET), "What needs a person first")
    assert any(f"/d/{FAN}?var-deviceID=" in str(url) for url in _values(table, "url"))


@pytest.mark.parametrize("uid", [FLEET, FAN])
def test_signals_are_banded_as_the_newest_model_has_learned(uid: str) -> None:
    for sensor in newest().sensors.values():
        shown = [
            found
            for found in panels(grafana.dashboard(uid))
            if found["title"].lower().startswith(sensor.name)
        ]
        steps = shown[0]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == [None, sensor.low, sensor.high]


@each
def test_the_sdks_own_classes_read_it_and_write_the_same(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    assert json.loads(text(Dashboard.from_json(json.loads(json.dumps(dashboard))))) == dashboard


@each
def test_it_meets_grafanas_schema(dashboard: dict[str, Any]) -> None:
    path = os.environ.get("GRAFANA_SCHEMA")
    if not path:
        pytest.skip(
            "GRAFANA_SCHEMA names no file; dashboard.jsonschema.json of grafana-foundation-sdk is one"
        )
    jsonschema = pytest.importorskip("jsonschema", reason="needs: pip install jsonschema")
    schema = json.loads(Path(path).read_text())
    # Its generator says "object" where Grafana takes anything: a series' name, a width, a unit.
    for definition, field in (("MatcherConfig", "options"), ("DynamicConfigValue", "value")):
        schema["definitions"][definition]["properties"][field] = {}
    problems = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(dashboard)]
    assert problems == []


def _values(content: Any, key: str) -> list[Any]:
    """Every value of that key, however deep."""
    if isinstance(content, dict):
        own = [content[key]] if key in content else []
        return own + [found for value in content.values() for found in _values(value, key)]
    if isinstance(content, list):
        return [found for value in content for found in _values(value, key)]
    return []
