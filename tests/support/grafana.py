"""Grafana's dashboards without Grafana: their targets, expanded as it does and run on a real store."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboards.expansion import Values, expand, panels, settings
from fanwatch.store import Store

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "infra/grafana/dashboards"

Rows = list[dict[str, Any]]
HOUR_MS = 3_600_000


def dashboards(directory: Path = DASHBOARDS) -> list[dict[str, Any]]:
    """The committed dashboards."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))]


def dashboard(uid: str) -> dict[str, Any]:
    """The committed dashboard of this uid."""
    return next(found for found in dashboards() if found["uid"] == uid)


def panel(of: dict[str, Any], title: str) -> dict[str, Any]:
    """The panel of this title."""
    return next(found for found in panels(of) if found["title"] == title)


def targets(of: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every target with its panel."""
    for each in panels(of):
        for target in each["targets"]:
            yield each, target


def run(
    store: Store,
    shown: dict[str, Any],
    *,
    end_ms: int | None = None,
    range_ms: int = 3 * HOUR_MS,
    variables: Values | None = None,
) -> dict[str, Rows]:
    """The rows of a panel's targets by refId, for a range that ends at end_ms (now) and this width.

    Raises FanwatchError where the store refuses a query, KeyError where a variable has no value.
    """
    end = end_ms or time.time_ns() // 1_000_000
    width = settings(shown)
    return {
        target["refId"]: store.query(
            expand(target["query"], start_ms=end - range_ms, end_ms=end, variables=variables, **width)
        )
        for target in shown["targets"]
    }


def values(store: Store, of: dict[str, Any], name: str, *, range_ms: int = 3 * HOUR_MS) -> list[str]:
    """What a query variable of the dashboard offers, as Grafana reads it: the first column that is text, once each."""
    variable = next(found for found in of["templating"]["list"] if found["name"] == name)
    end = time.time_ns() // 1_000_000
    found: dict[str, None] = {}
    for row in store.query(expand(variable["query"], start_ms=end - range_ms, end_ms=end)):
        texts = [value for key, value in row.items() if isinstance(value, str) and key != "key"]
        found.update(dict.fromkeys(texts[:1]))
    return list(found)


def annotations(
    store: Store, of: dict[str, Any], *, range_ms: int = 3 * HOUR_MS, variables: Values | None = None
) -> dict[str, Rows]:
    """The rows of the dashboard's annotations by name."""
    end = time.time_ns() // 1_000_000
    return {
        each["name"]: store.query(
            expand(each["target"]["query"], start_ms=end - range_ms, end_ms=end, variables=variables)
        )
        for each in of["annotations"]["list"]
    }
