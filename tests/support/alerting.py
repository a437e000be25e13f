"""Alert rules as Grafana evaluates them: the committed files, their queries on a real store, then Grafana's own steps.

`evaluate` is one look; `Watch` is what Grafana makes of several: pending for as long as `for` says, then alerting.
"""

import functools
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from tests.support.grafana_math import NO_DATA, Labels, Number, Numbers, computed, reduced, threshold

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "infra/grafana/provisioning/alerting/rules.yaml"
_TIMEOUT_S = 30.0
_UNITS_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Series = list[tuple[Labels, list[float | None]]]


class Evaluation(msgspec.Struct, frozen=True):
    """One look at a rule.

    `state`: Normal, Alerting, NoData or Error, as the condition has it. `firing`: the labels for which an alert is
    raised, after noDataState and execErrState, for which the one label set is {}. `values`: each step's numbers.
    """

    state: str
    firing: list[Labels]
    values: dict[str, Numbers]
    error: str = ""
    keeps: bool = False
    """Nothing is known, and the rule says that alerts stay as they were."""

    def devices(self) -> list[str]:
        """The fans for which it fires, by name."""
        return sorted(labels["deviceID"] for labels in self.firing)


@functools.cache
def groups(path: Path = RULES) -> list[dict[str, Any]]:
    """The groups of a provisioning file."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return found


def rules(path: Path = RULES) -> dict[str, dict[str, Any]]:
    """The committed rules, by the name in their label `rule`."""
    return {rule["labels"]["rule"]: rule for group in groups(path) for rule in group["rules"]}


def evaluate(url: str, rule: dict[str, Any], at_ms: int | None = None) -> Evaluation:
    """Asks the InfluxDB at `url` as Grafana would now, or would have at `at_ms` (milliseconds since the epoch)."""
    numbers: dict[str, Numbers] = {}
    queries = {step["refId"]: step["model"]["query"] for step in rule["data"] if "query" in step["model"]}
    try:
        series = dict(zip(queries, _answers(url, list(queries.values()), at_ms), strict=True))
        for step in rule["data"]:
            if step["datasourceUid"] == "__expr__":
                numbers[step["refId"]] = _expression(step["model"], series, numbers)
    except (OSError, http.client.HTTPException, StoreError, ValueError) as error:
        return _unknown(rule, "Error", rule["execErrState"], numbers, str(error))
    condition = numbers[rule["condition"]]
    found = [number for number in condition if number.value is not None]
    names = [json.dumps(number.labels, sort_keys=True) for number in found]
    if len(set(names)) != len(names):
        return _unknown(rule, "Error", rule["execErrState"], numbers, "several results have the same labels")
    if not found:
        return _unknown(rule, "NoData", rule["noDataState"], numbers, "")
    firing = [number.labels for number in found if number.value != 0 and number.labels is not None]
    return Evaluation("Alerting" if firing else "Normal", firing, numbers)


class Watch:
    """One rule over time: `look` in the order of the times, at the group's interval or wider apart."""

    def __init__(self, url: str, rule: dict[str, Any]) -> None:
        self._url = url
        self._rule = rule
        self._lasting_ms = _duration_ms(rule["for"])
        self._since: dict[str, int] = {}
        self.alerting: list[Labels] = []

    def look(self, at_ms: int) -> list[Labels]:
        """The label sets of which people are told at `at_ms`; the store must be there unless the rule is about it."""
        seen = evaluate(self._url, self._rule, at_ms)
        if not seen.keeps:
            firing = {json.dumps(labels, sort_keys=True): labels for labels in seen.firing}
            self._since = {name: self._since.get(name, at_ms) for name in firing}
            self.alerting = [
                firing[name] for name, since in self._since.items() if at_ms - since >= self._lasting_ms
            ]
        return self.alerting


class StoreError(Exception):
    """InfluxDB refused a query."""


def _unknown(
    rule: dict[str, Any], state: str, wanted: str, numbers: dict[str, Numbers], error: str
) -> Evaluation:
    assert wanted in ("OK", "Alerting", "KeepLast"), f"{rule['title']}: {wanted} makes alerts of another name"
    return Evaluation(state, [{}] if wanted == "Alerting" else [], numbers, error, keeps=wanted == "KeepLast")


def _answers(url: str, queries: list[str], at_ms: int | None) -> list[Series]:
    """What InfluxDB says to each query; in one request, for there are many."""
    text = "; ".join(queries)
    if at_ms is not None:
        text = text.replace("now()", f"{at_ms}ms")
    form = urllib.parse.urlencode({"db": "fanwatch", "epoch": "ms", "q": text}).encode()
    try:
        with urllib.request.urlopen(f"{url}/query", data=form, timeout=_TIMEOUT_S) as response:
            results = json.load(response)["results"]
    except urllib.error.HTTPError as error:
        raise StoreError(error.read(500).decode(errors="replace")) from error
    for result in results:
        if "error" in result:
            raise StoreError(f"{result['error']}: {text}")
    return [_series(result) for result in results]


def _series(result: dict[str, Any]) -> Series:
    """Each column of each row of an answer is a series with the row's tags; what is no number is left out."""
    series: Series = []
    for row in result.get("series", []):
        for index, column in enumerate(row["columns"]):
            values = [point[index] for point in row["values"]]
            if column != "time" and not any(isinstance(value, str | bool) for value in values):
                series.append((row.get("tags", {}), values))
    return series


def _expression(model: dict[str, Any], series: dict[str, Series], numbers: dict[str, Numbers]) -> Numbers:
    source = model["expression"]
    match model["type"]:
        case "reduce":
            return reduced(series[source], model["reducer"], model["settings"]["mode"])
        case "math":
            return computed(source, numbers)
        case "threshold":
            (test,) = model["conditions"]
            return threshold(numbers[source], test["evaluator"]["type"], test["evaluator"]["params"])
    raise AssertionError(f"an alert rule has a step of type {model['type']!r}, which is not known here")


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    assert match, f"{text!r} is no duration that Grafana reads"
    return int(match[1]) * _UNITS_MS[match[2]]


__all__ = ["NO_DATA", "Evaluation", "Number", "Watch", "evaluate", "groups", "rules"]
