"""Grafana's dashboards without Grafana: their targets, expanded as it does and run on a real store."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.grafana import Values, expand, panels, settings
from fanwatch.store.influx import Store

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
    now_ms: int | None = None,
) -> dict[str, Rows]:
    """The rows of a panel's targets by refId, for a range of this width that ends at end_ms, by default now.

    now_ms is what now() means, for a store whose data ended a while ago; end_ms is the same by default.

    Raises FanwatchError where the store refuses a query, KeyError where a variable has no value.
    """
    end = end_ms or now_ms or time.time_ns() // 1_000_000
    chosen = {"start_ms": end - range_ms, "end_ms": end, "variables": variables, "now_ms": now_ms}
    return {
        target["refId"]: store.query(expand(target["query"], **chosen, **settings(shown)))
        for target in shown["targets"]
    }


def options(
    store: Store, of: dict[str, Any], name: str, *, range_ms: int = 3 * HOUR_MS, now_ms: int | None = None
) -> list[str]:
    """What a query variable of the dashboard offers, as Grafana reads it: the column that is text, each value once."""
    variable = next(found for found in of["templating"]["list"] if found["name"] == name)
    end = now_ms or time.time_ns() // 1_000_000
    rows = store.query(expand(variable["query"], start_ms=end - range_ms, end_ms=end, now_ms=now_ms))
    return list(dict.fromkeys(value for row in rows for value in _texts(row)))


def _texts(row: dict[str, Any]) -> list[str]:
    # SHOW TAG VALUES answers `key` and `value`.
    return [value for column, value in row.items() if isinstance(value, str) and column != "key"]


def events(
    store: Store,
    of: dict[str, Any],
    *,
    range_ms: int = 3 * HOUR_MS,
    variables: Values | None = None,
    now_ms: int | None = None,
) -> dict[str, Rows]:
    """The rows of the dashboard's annotations by name."""
    end = now_ms or time.time_ns() // 1_000_000
    chosen = {"start_ms": end - range_ms, "end_ms": end, "variables": variables, "now_ms": now_ms}
    return {
        each["name"]: store.query(expand(each["target"]["query"], **chosen))
        for each in of["annotations"]["list"]
    }
