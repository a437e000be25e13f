"""How a value reads: Grafana's units, words for numbers, and colours, as far as these dashboards use them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

COLORS: Final = {
    "green": "#56A64B",
    "yellow": "#E0B400",
    "orange": "#FF780A",
    "red": "#E02F44",
    "dark-red": "#A3142B",
    "blue": "#3274D9",
    "dark-blue": "#1F60C4",
    "purple": "#A352CC",
}
PALETTE: Final = (
    "#56A64B",
    "#E0B400",
    "#3274D9",
    "#FF780A",
    "#E02F44",
    "#8F3BB8",
    "#0A99A3",
    "#7C2EA3",
    "#6E4A2E",
)
_SCALES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))
_BINARY: Final = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIMES: Final = ((604_800, "weeks"), (86_400, "days"), (3_600, "hours"), (60, "mins"), (1, "s"), (1e-3, "ms"))
_UNITS: Final = {"celsius": " °C", "rotrpm": " rpm", "dB": " dB", "percent": " %"}


def properties(panel: Mapping[str, Any], name: str, ref: str = "") -> dict[str, Any]:
    """Field options of a series or column: the panel's defaults, then its overrides in order."""
    config = panel["fieldConfig"]
    found: dict[str, Any] = dict(config["defaults"])
    custom = found.pop("custom", {})
    found |= {f"custom.{key}": value for key, value in custom.items()}
    for override in config["overrides"]:
        matcher, wanted = override["matcher"]["id"], override["matcher"]["options"]
        matches = {
            "byName": name == wanted,
            "byFrameRefID": ref == wanted,
            "byRegexp": matcher == "byRegexp" and re.search(str(wanted).strip("/"), name) is not None,
        }
        if matches.get(matcher):
            found |= {prop["id"]: prop.get("value") for prop in override["properties"]}
    return found


def mapped(value: Any, mappings: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Word and colour of a value, where a mapping has one."""
    for mapping in mappings:
        options = mapping["options"]
        if mapping["type"] == "value" and str(value) in options:
            result = options[str(value)]
            return result["text"], result["color"]
        if (
            mapping["type"] == "range"
            and isinstance(value, int | float)
            and options["from"] <= value <= options["to"]
        ):
            return options["result"]["text"], options["result"]["color"]
    return None


def threshold_color(value: float, thresholds: Mapping[str, Any]) -> str:
    """The colour of the highest step that the value reaches."""
    reached = [
        step["color"] for step in thresholds["steps"] if step["value"] is None or value >= step["value"]
    ]
    return str(reached[-1])


def text(value: Any, options: Mapping[str, Any], now_s: float) -> str:
    """The value as it reads in Grafana."""
    if value is None:
        return ""
    known = mapped(value, options.get("mappings", []))
    if known:
        return known[0]
    if isinstance(value, str):
        return value
    return _number(float(value), str(options.get("unit", "none")), options.get("decimals"), now_s)


def _number(value: float, unit: str, decimals: int | None, now_s: float) -> str:
    if unit == "dateTimeFromNow":
        age = now_s - value
        if abs(age) < 45:
            return "a few seconds ago"
        return _scaled_time(abs(age), 0) + (" ago" if age >= 0 else " ahead")
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
    if unit == "percentunit":
        return _plain(value * 100, decimals) + " %"
    if unit == "s":
        return _scaled_time(value, decimals if decimals is not None else 1)
    if unit == "bytes":
        return _scaled(value, _BINARY, " ", "B", decimals)
    if unit == "locale":
        return f"{value:,.{decimals or 0}f}"
    if unit == "short":
        return _scaled(value, _SCALES, " ", "", decimals)
    suffix = unit.removeprefix("suffix:") if unit.startswith("suffix:") else _UNITS.get(unit, "")
    return _plain(value, decimals) + suffix


def _plain(value: float, decimals: int | None) -> str:
    shown = f"{value:.{2 if decimals is None else decimals}f}"
    return shown.rstrip("0").rstrip(".") if decimals is None and "." in shown else shown


def _scaled(
    value: float, scales: tuple[tuple[float, str], ...], gap: str, base: str, decimals: int | None
) -> str:
    for factor, name in scales:
        if abs(value) >= factor:
            return _plain(value / factor, 1 if decimals is None else decimals) + gap + name
    return _plain(value, decimals) + (gap + base if base else "")


def _scaled_time(seconds: float, decimals: int) -> str:
    for factor, name in _TIMES:
        if seconds >= factor:
            return f"{_plain(seconds / factor, decimals)} {name}"
    return "0 s"
