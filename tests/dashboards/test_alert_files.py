"""Grafana's alerting files: as the code has them, of the form that Grafana reads, and with a runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import alerts
from tests.support.alerting import ROOT, RULES, groups, rules
from tests.support.messages import content, route

DIRECTORY = RULES.parent
# The fields of Grafana's provisioning format, version 1.
GROUP = {"orgId", "name", "folder", "interval", "rules"}
RULE = {
    "uid", "title", "condition", "data", "for", "noDataState", "execErrState", "labels", "annotations",
}  # fmt: skip
STEP = {"refId", "datasourceUid", "relativeTimeRange", "model"}


def expanded(text: str, environment: dict[str, str]) -> str:
    """A value as Grafana reads it: $NAME and ${NAME} from the environment, nothing for what is unset."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: environment.get(found[1], ""), text)


def test_the_committed_files_are_those_of_the_code() -> None:
    for path, text in alerts.files().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"write {path} anew: python -m dashboards"
    assert {path.name for path in alerts.files()} == {path.name for path in DIRECTORY.iterdir()}


def test_every_file_and_group_has_the_fields_that_grafana_reads() -> None:
    assert content("rules.yaml").keys() == {"apiVersion", "groups"}
    assert all(content(path.name)["apiVersion"] == 1 for path in DIRECTORY.iterdir())
    for group in groups():
        assert group.keys() == GROUP
        # Grafana's base interval.
        assert (
            int(re.fullmatch(r"(\d+)[sm]", group["interval"])[1])
            * (  # type: ignore[index]
                60 if group["interval"].endswith("m") else 1
            )
            % 10
            == 0
        )


def test_uids_and_titles_are_unique_and_fit() -> None:
    found = [rule for group in groups() for rule in group["rules"]]
    for key in ("uid", "title"):
        assert len({rule[key] for rule in found}) == len(found)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", rule["uid"]) for rule in found)
    assert len({group["name"] for group in groups()}) == len(groups())


@pytest.mark.parametrize("rule", rules().values(), ids=rules().keys())
def test_each_rule_is_whole(rule: dict[str, Any]) -> None:
    assert rule.keys() == RULE
    assert rule["noDataState"] in ("OK", "Alerting", "NoData", "KeepLast")
    assert rule["execErrState"] == ("Alerting" if rule["labels"]["rule"] == "store-away" else "KeepLast")
    assert re.fullmatch(r"\d+[smhd]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["labels"]["scope"] in ("fan", "pipeline")
    assert {"summary", "description", "runbook"} <= rule["annotations"].keys()
    known: set[str] = set()
    for step in rule["data"]:
        assert step.keys() == STEP
        model, name = step["model"], step["refId"]
        assert re.fullmatch(r"\w+", name)
        assert model["refId"] == name
        assert model["datasource"]["uid"] == step["datasourceUid"]
        if step["datasourceUid"] == "__expr__":
            used = re.findall(r"\$(\w+)", model["expression"]) or [model["expression"]]
            assert set(used) <= known, "a step uses what comes before it"
        else:
            assert step["relativeTimeRange"]["from"] > step["relativeTimeRange"]["to"] == 0
            assert model["rawQuery"] is True
        known.add(name)
    assert rule["condition"] == rule["data"][-1]["refId"]


@pytest.mark.parametrize("rule", rules().values(), ids=rules().keys())
def test_each_query_is_complete_without_grafana_and_has_an_end(rule: dict[str, Any]) -> None:
    for step in rule["data"]:
        query = step["model"].get("query", "now()")
        assert "$" not in query
        assert query.count("time > now()") == query.count("time <= now()")


def test_nothing_that_grafana_would_replace_stands_where_it_does_so() -> None:
    """Its models are left alone, everything else is not: there, a $ would vanish with what follows it."""
    for rule in rules().values():
        rest = {key: value for key, value in rule.items() if key != "data"}
        assert "$" not in yaml.safe_dump(rest)
    assert "$" not in (DIRECTORY / "policies.yaml").read_text(encoding="utf-8")


def test_the_data_source_is_the_provisioned_one() -> None:
    path = DIRECTORY.parent / "datasources"
    known = {
        source["uid"]
        for file in path.glob("*.yaml")
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    }
    used = {step["datasourceUid"] for rule in rules().values() for step in rule["data"]}
    assert used - {"__expr__"} <= known


def test_addresses_come_from_the_environment_and_may_be_missing() -> None:
    """Grafana refuses a receiver without an address, and does not start."""
    points = content("contact-points.yaml")["contactPoints"]
    receivers = [receiver for point in points for receiver in point["receivers"]]
    assert len({receiver["uid"] for receiver in receivers}) == len(receivers) == 4
    email, webhook, *others = (receiver["settings"] for receiver in receivers)
    assert others == [email, webhook]
    assert expanded(email["addresses"], {})
    assert expanded(webhook["url"], {})
    given = {
        "FANWATCH_ALERT_EMAIL": "a@example.org,b@example.org",
        "FANWATCH_ALERT_WEBHOOK": "http://h/x?y=1",
    }
    addresses = re.split("[,;\n]", expanded(email["addresses"], given))
    assert [address for address in addresses if address] == ["a@example.org", "b@example.org"]
    assert expanded(webhook["url"], given).split("#") == ["http://h/x?y=1", ""]


def messages(name: str, fans: int) -> int:
    """How many first messages there are when a rule fires for so many fans at once."""
    (policy,) = content("policies.yaml")["policies"]
    rule = rules()[name]
    alerts_ = [
        {**rule["labels"], "alertname": rule["title"], "deviceID": f"fan-{number}"} for number in range(fans)
    ]
    return len(
        {tuple(labels.get(label, "") for label in route(policy, labels)["group_by"]) for labels in alerts_}
    )


def test_a_thousand_silent_fans_are_one_message_and_faulty_ones_each_their_own() -> None:
    assert messages("fan-silent", 1000) == messages("readings-not-usable", 1000) == 1
    assert messages("fan-needs-you", 3) == 3


def test_who_is_told_is_told_early_and_not_again_and_again() -> None:
    (policy,) = content("policies.yaml")["policies"]
    points = {point["name"] for point in content("contact-points.yaml")["contactPoints"]}
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

    def of(text: str) -> int:
        return int(text[:-1]) * seconds[text[-1]]

    for rule in rules().values():
        chosen = route(policy, rule["labels"])
        assert chosen["receiver"] in points
        assert of(chosen["group_wait"]) <= 60
        assert of(chosen["group_wait"]) <= of(chosen["group_interval"]) < of(chosen["repeat_interval"])
        # Grafana forgets after five days whom it has told.
        assert 4 * 3600 <= of(chosen["repeat_interval"]) < 5 * 86_400
    for child in policy["routes"]:
        for name, _, value in child["object_matchers"]:
            assert any(rule["labels"][name] == value for rule in rules().values())


def test_each_rule_has_its_entry_in_the_runbook_and_each_entry_its_rule() -> None:
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    runbook = text.split("\n## Runbook\n")[1].split("\n## ")[0]
    anchors = {
        re.sub(r"\W+", "-", title.strip().lower()) for title in re.findall(r"^### (.+)$", runbook, re.M)
    }
    named = {rule["annotations"]["runbook"] for rule in rules().values()}
    assert {f"docs/operate.md#{anchor}" for anchor in anchors} == named
    for entry in runbook.split("\n### ")[1:]:
        title = entry.splitlines()[0]
        assert title in {rule["title"] for rule in rules().values()}
        for part in ("**Means:**", "**Look at:**", "**Do:**"):
            assert part in entry, f"{title} lacks {part}"


def test_what_the_guide_points_to_is_there() -> None:
    text = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / "docs" / target).exists(), target


def test_slower_sensors_get_longer_windows(tmp_path: Path) -> None:
    text = next(text for path, text in alerts.files(tmp_path, 600).items() if path.name == "rules.yaml")
    silent, faulty = (
        rule
        for rule in yaml.safe_load(text)["groups"][0]["rules"]
        if rule["labels"]["rule"] in ("fan-silent", "fan-needs-you")
    )
    assert silent["for"] == "600s"
    assert "now() - 600s" in silent["data"][0]["model"]["query"]
    assert "now() - 1200s" in faulty["data"][2]["model"]["query"]
