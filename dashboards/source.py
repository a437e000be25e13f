"""A dashboard's queries, run on a store as Grafana would run them."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.bundle import ROOT
from dashboards.expansion import duration_ms, expand, settings
from fanwatch.store.influx import Store

Rows = Sequence[Mapping[str, Any]]


def committed() -> dict[str, dict[str, Any]]:
    """The committed dashboards by uid."""
    paths = sorted((ROOT / "infra/grafana/dashboards").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


class Source:
    """One dashboard on one store, over its own default range or `span` (24h), with all variables given a value.

    `fans` are the chosen ones, by default the first; now_ms is what now() means, for a store whose data has ended.
    """

    def __init__(
        self,
        store: Store,
        dashboard: Mapping[str, Any],
        *,
        fans: Sequence[str] = (),
        now_ms: int | None = None,
        span: str = "",
    ) -> None:
        self._store = store
        self._dashboard = dashboard
        self._now_ms = now_ms
        self.end_ms = now_ms or time.time_ns() // 1_000_000
        self.start_ms = self.end_ms - duration_ms(span or dashboard["time"]["from"].removeprefix("now-"))
        self.variables: dict[str, list[str]] = {}
        for variable in dashboard["templating"]["list"]:
            self.variables[variable["name"]] = self._options(variable, fans)

    def rows(self, panel: Mapping[str, Any]) -> dict[str, Rows]:
        """Of each target, by refId."""
        width = settings(panel)
        return {target["refId"]: self.query(target["query"], **width) for target in panel["targets"]}

    def query(self, text: str, **width: Any) -> Rows:
        """The rows of one query; `width` as `expand` takes it."""
        chosen: dict[str, Any] = {"variables": self.variables, "now_ms": self._now_ms, **width}
        return self._store.query(expand(text, start_ms=self.start_ms, end_ms=self.end_ms, **chosen))

    def _options(self, variable: Mapping[str, Any], fans: Sequence[str]) -> list[str]:
        if fans and variable["name"] == "deviceID":
            return list(fans)
        rows = self.query(variable["query"])
        found = list(dict.fromkeys(row.get("value") or row.get("deviceID") for row in rows))
        # Grafana chooses the first where nobody has chosen, and all where the variable says so.
        return [str(value) for value in (found if variable["includeAll"] else found[:1])]
