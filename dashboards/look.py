"""Colours, words for numbers, and thresholds: the same meaning on every dashboard."""

import itertools
from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DynamicConfigValue,
    RangeMap,
    Threshold,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards import queries
from dashboards.sdk import dashboard
from fanwatch.sensors import FEATURES

GREEN: Final = "green"
"""Fine."""
YELLOW: Final = "yellow"
"""Odd, but nothing that a person has to do now."""
ORANGE: Final = "orange"
"""Soon."""
RED: Final = "red"
"""Now."""
BLUE: Final = "blue"
"""Gone: nothing comes. Also what is neither good nor bad."""
PURPLE: Final = "purple"
"""A sensor, not a fan."""


def steps(*pairs: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Thresholds: from each value on, a colour; None is the base."""
    return dashboard.ThresholdsConfig().steps([Threshold(value=value, color=color) for value, color in pairs])


def band(low: float, high: float) -> dashboard.ThresholdsConfig:
    """Nothing between low and high, orange outside."""
    return steps((None, ORANGE), (low, "transparent"), (high, ORANGE))


def numbers(*meanings: tuple[float, float, str, str]) -> list[ValueMapping]:
    """Words for numbers: from, to (both included), word, colour."""
    return [
        RangeMap(DashboardRangeMapOptions(low, high, ValueMappingResult(text=word, color=color, index=index)))
        for index, (low, high, word, color) in enumerate(meanings)
    ]


def words(*meanings: tuple[str, str, str]) -> list[ValueMapping]:
    """Words for words: as it is stored, as it is shown, colour."""
    shown = {
        stored: ValueMappingResult(text=word, color=color, index=index)
        for index, (stored, word, color) in enumerate(meanings)
    }
    return [ValueMap(shown)]


def prop(name: str, value: object) -> DynamicConfigValue:
    """One property of an override."""
    return DynamicConfigValue(id_val=name, value=value)


def fixed(color: str) -> DynamicConfigValue:
    """A series in one colour."""
    return prop("color", {"mode": "fixed", "fixedColor": color})


_NEEDS = (
    # Whatever its readings would ask for.
    (queries.OUT, "out of service", BLUE),
    (queries.FINE, "fine", GREEN),
    (queries.UNJUDGED, "not judged", YELLOW),
    (queries.ODD, "odd readings", YELLOW),
    (queries.SENSOR, "sensor broken", PURPLE),
    (queries.WARNED, "warning", ORANGE),
    (queries.UNUSABLE, "not usable", PURPLE),
    (queries.SILENT, "silent", BLUE),
    (queries.FAULTY, "faulty", RED),
    (queries.ALARMED, "alarm", "dark-red"),
    (queries.STOPPED, "stopped", "dark-red"),
)
NEEDS: Final = numbers(
    *((level, level + (0.99 if level >= 0 else 9.99), word, color) for level, word, color in _NEEDS)
)
"""What a fan needs, of `queries.need`."""

FAULT_SHARES: Final = numbers(
    (-1, -1, "no verdict", PURPLE),
    (0, 0.0999, "fine", GREEN),
    (0.1, queries.FAULTY_SHARE - 0.0001, "some faults", YELLOW),
    (queries.FAULTY_SHARE, 1, "faulty", RED),
)
"""State of a fan by the share of its results that are faults."""

_STATES = (
    ("out-of-service", "out of service", BLUE),
    ("ok", "ok", GREEN),
    ("unknown", "not judged", YELLOW),
    ("instrument", "sensor broken", PURPLE),
    ("warning", "warning", ORANGE),
    ("alarm", "alarm", RED),
    ("stopped", "stopped", "dark-red"),
)
STATES: Final = words(*_STATES)
"""What forecast-fan says of a fan."""
SEVERITIES: Final = numbers(
    *(
        (number, number, word, color)
        for number, (_, word, color) in enumerate(_STATES, queries.OUT_OF_SERVICE)
    )
)
"""The same, by how bad it is."""

_OF_SENSORS: Final = (BLUE, RED, ORANGE, PURPLE, YELLOW, GREEN)

CAUSES: Final = words(
    *((name, name, color) for name, color in zip(FEATURES, itertools.cycle(_OF_SENSORS), strict=False)),
)

QUALITIES: Final = words(
    ("ok", "ok", GREEN),
    ("extrapolated", "extrapolated", YELLOW),
    ("implausible", "implausible", PURPLE),
)

UP: Final = numbers((0, 0, "away", RED), (1, 1, "up", GREEN))
SWITCH: Final = numbers((0, 0, "no", GREEN), (1, 9, "yes", RED))
