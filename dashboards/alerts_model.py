"""An alert rule, and the form in which Grafana's provisioning files hold it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dashboards.influxql import UID

FOLDER: Final = "Fanwatch"
RUNBOOK: Final = "docs/operate.md"
# How Grafana names what it computes itself.
_EXPRESSION: Final = "__expr__"


class Above(msgspec.Struct, frozen=True):
    """Fires for each series whose value is greater."""

    value: float


class Below(msgspec.Struct, frozen=True):
    """Fires for each series whose value is smaller."""

    value: float


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: queries that each give one number a series, and what is asked of the numbers.

    With one query, `fires` is a threshold on its number, or with any of them a formula as Grafana computes it, in which
    a query's number goes by its name: "$a == 0 && $b > 3" fires for each series for which it is not 0. A query without
    labels goes with every series of the others; one without rows makes the whole rule "no data".
    """

    name: str
    """Names the rule in files, in its label `rule` and, as an anchor, in the runbook."""
    title: str
    queries: Mapping[str, str]
    fires: Above | Below | str
    reach_s: int
    """Seconds that the queries look back at most; Grafana asks for it, they have their own."""
    lasting: str = "0s"
    """For how long it must be so before anybody is told."""
    severity: str
    """critical: now, at night too; warning: today; info: with the next round."""
    scope: str
    """fan or pipeline: who looks at it."""
    summary: str
    description: str
    on_error: str = "KeepLast"
    """While the store is away, what was known stays: `store-away` alone speaks of it."""

    @property
    def uid(self) -> str:
        """Grafana's, never to change: silences and history hang on it."""
        return f"fanwatch-{self.name}"

    def content(self) -> dict[str, Any]:
        """As it stands in a provisioning file."""
        stages, condition = self._stages()
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": condition,
            "for": self.lasting,
            # A query that finds nothing finds nothing wrong: each is written so that trouble is a row.
            "noDataState": "OK",
            "execErrState": self.on_error,
            "labels": {"rule": self.name, "severity": self.severity, "scope": self.scope},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": f"{RUNBOOK}#{self.name}",
            },
            "data": stages,
        }

    def _stages(self) -> tuple[list[dict[str, Any]], str]:
        stages = []
        for letter, query in self.queries.items():
            source = f"Q{letter}"
            stages.append(self._query(source, query))
            # Grafana takes series to pieces before it compares; each here has one row.
            stages.append(
                _expression(
                    letter, type="reduce", expression=source, reducer="last", settings={"mode": "dropNN"}
                )
            )
        condition = "fires"
        if isinstance(self.fires, str):
            stages.append(_expression(condition, type="math", expression=self.fires))
        else:
            (letter,) = self.queries
            kind = "gt" if isinstance(self.fires, Above) else "lt"
            test = {"evaluator": {"type": kind, "params": [self.fires.value]}}
            stages.append(_expression(condition, type="threshold", expression=letter, conditions=[test]))
        return stages, condition

    def _query(self, letter: str, query: str) -> dict[str, Any]:
        return {
            "refId": letter,
            "datasourceUid": UID,
            "relativeTimeRange": {"from": self.reach_s, "to": 0},
            "model": {
                "refId": letter,
                "datasource": {"type": "influxdb", "uid": UID},
                "query": query,
                "rawQuery": True,
                "resultFormat": "time_series",
            },
        }


def _expression(letter: str, **model: Any) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasourceUid": _EXPRESSION,
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": {"refId": letter, "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION}, **model},
    }


def pipeline_rule(
    name: str, title: str, queries: Mapping[str, str], fires: Above | Below | str, **more: Any
) -> Rule:
    """One about the pipeline."""
    return Rule(name=name, title=title, queries=queries, fires=fires, scope="pipeline", **more)


class Group(msgspec.Struct, frozen=True):
    """Rules that Grafana evaluates together, every `interval`."""

    name: str
    interval: str
    rules: tuple[Rule, ...]

    def content(self) -> dict[str, Any]:
        """As it stands in a provisioning file."""
        return {
            "orgId": 1,
            "name": self.name,
            "folder": FOLDER,
            "interval": self.interval,
            "rules": [rule.content() for rule in self.rules],
        }
