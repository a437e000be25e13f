"""A dashboard's queries as Grafana sends them, with its variables and macros put in, and run on a store."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fanwatch.store.influx import Store

_ROOT: Final = Path(__file__).resolve().parents[1]

# Grafana rounds an interval to the step of the first bound that it is below, both in milliseconds.
_STEPS: Final = (
    (10, 1),
    (15, 10),
    (35, 20),
    (75, 50),
    (150, 100),
    (350, 200),
    (750, 500),
    (1_500, 1_000),
    (3_500, 2_000),
    (7_500, 5_000),
    (12_500, 10_000),
    (17_500, 15_000),
    (25_000, 20_000),
    (45_000, 30_000),
    (90_000, 60_000),
    (210_000, 120_000),
    (450_000, 300_000),
    (750_000, 600_000),
    (1_050_000, 900_000),
    (1_500_000, 1_200_000),
    (2_700_000, 1_800_000),
    (5_400_000, 3_600_000),
    (9_000_000, 7_200_000),
    (16_200_000, 10_800_000),
    (32_400_000, 21_600_000),
    (86_400_000, 43_200_000),
    (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
)
_YEAR_MS: Final = 31_536_000_000
_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_REFERENCE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
# What Grafana escapes in a value that stands within a regular expression.
_SPECIAL: Final = re.compile(r"[\\^$*+?.()|\[\]{}/]")

Values = Mapping[str, str | Sequence[str]]


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as 10s or 6h; ValueError otherwise."""
    match = re.fullmatch(r"(\d+)(ms|[smhdw])", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 10s or 6h")
    return int(match[1]) * _UNITS_MS[match[2]]


def interval_ms(range_ms: int, points: int, least: str = "") -> int:
    """Width of $__interval for a panel of so many points, not below `least`."""
    wanted = range_ms / max(points, 1)
    rounded = next((step for bound, step in _STEPS if wanted < bound), _YEAR_MS)
    return max(rounded, duration_ms(least) if least else 1)


def _text(milliseconds: int) -> str:
    for unit in ("d", "h", "m", "s"):
        if milliseconds % _UNITS_MS[unit] == 0:
            return f"{milliseconds // _UNITS_MS[unit]}{unit}"
    return f"{milliseconds}ms"


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], value)


def _value(value: str | Sequence[str], query: str, name: str) -> str:
    if isinstance(value, str):
        in_pattern = re.search(rf"/[^/]*\$\{{?{name}\b[^/]*/", query)
        return _escaped(value) if in_pattern else value
    return f"({'|'.join(_escaped(part) for part in value)})"


def expand(
    query: str,
    *,
    start_ms: int,
    end_ms: int,
    max_points: int = 1000,
    min_interval: str = "10s",
    variables: Values | None = None,
    now_ms: int | None = None,
) -> str:
    """The InfluxQL that Grafana would send for a panel of `max_points` pixels over a range.

    A variable of several values is given as a sequence and becomes (a|b). With now_ms, now() is that time: for a store
    whose data ended a while ago. KeyError names a variable that has no value.
    """
    width = interval_ms(end_ms - start_ms, max_points, min_interval)
    known: dict[str, str | Sequence[str]] = {
        "timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms",
        "__interval": _text(width),
        "__interval_ms": str(width),
        "__from": str(start_ms),
        "__to": str(end_ms),
        **(variables or {}),
    }

    def replaced(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in known:
            raise KeyError(f"the query uses ${name}, which has no value: {query}")
        return _value(known[name], query, name)

    expanded = _REFERENCE.sub(replaced, query)
    return expanded if now_ms is None else expanded.replace("now()", f"{now_ms}ms")


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those in collapsed rows too; rows themselves are left out."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", [])
        if panel["type"] != "row":
            yield panel


def settings(panel: Mapping[str, Any]) -> dict[str, Any]:
    """What of a panel bears on $__interval, as `expand` takes it."""
    chosen: dict[str, Any] = {}
    if "maxDataPoints" in panel:
        chosen["max_points"] = int(panel["maxDataPoints"])
    if "interval" in panel:
        chosen["min_interval"] = panel["interval"]
    return chosen


Rows = Sequence[Mapping[str, Any]]


def committed() -> dict[str, dict[str, Any]]:
    """The committed dashboards by uid."""
    paths = sorted((_ROOT / "infra/grafana/dashboards").glob("*.json"))
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
