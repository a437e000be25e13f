"""What would change the verdict: each sensor is varied alone over the range that the model was trained on.

Everything comes from score-fan itself, in two requests: a curve for each sensor, then the places where the verdict
changes once more, closer. So it holds for whatever model is deployed.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from console.scoring import Answer, Refused, score
from fanwatch.bundles.anomaly import Feature
from fanwatch.errors import FanwatchError
from fanwatch.gateway.client import Gateway
from fanwatch.messages.fields import DEVICE
from fanwatch.messages.result import Result
from fanwatch.sensors import FEATURES

POINTS: Final = 41
"""Values of each sensor in the first request."""
_CLOSER: Final = 16
"""Values between two of those where the verdict changes, in the second."""
_MOST_CHANGES = 8
"""Changes of one sensor that are looked at closer."""

Values = Mapping[str, float]
Point = tuple[float, float]


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Values of one sensor, from `low` to `high`, that give one verdict while the others stay as they are."""

    low: float
    high: float
    fault: int


class Curve(msgspec.Struct, frozen=True):
    """One sensor varied alone."""

    sensor: str
    unit: str
    now: float
    points: list[Point]
    """Value and probability, by value."""
    spans: list[Span]


class WhatIf(msgspec.Struct, frozen=True):
    """The verdict on one reading and what would change it; `curves` is empty where it was not judged."""

    answer: Answer
    curves: list[Curve] = []

    @property
    def sentences(self) -> list[str]:
        """What would change the verdict, a sentence a sensor that could alone."""
        if isinstance(self.answer, Refused) or self.answer.fault is None:
            return []
        told = [_sentence(curve, self.answer.fault) for curve in self.curves]
        found = [sentence for sentence in told if sentence]
        if found:
            return found
        other = "healthy" if self.answer.fault else "a fault"
        return [f"No single sensor, within what the model has seen, would make it {other}."]


def ask(gateway: Gateway, values: Values, features: Sequence[Feature], device: str = "try") -> WhatIf:
    """Scores `values` (units as FEATURES) and varies them. Unavailable or UpstreamFailed where scoring is away."""
    ranges = {feature.name: feature for feature in features}
    grids = {name: _grid(ranges[name], values[name]) for name in FEATURES}
    rows = [dict(values), *({**values, name: value} for name in FEATURES for value in grids[name])]
    answer, *varied = score(gateway, [as_line(device, row) for row in rows])
    if isinstance(answer, Refused) or answer.fault is None:
        return WhatIf(answer)
    found: dict[str, list[tuple[float, Result]]] = {}
    for name in FEATURES:
        some, varied = varied[: len(grids[name])], varied[len(grids[name]) :]
        found[name] = _judged(grids[name], some)
    _closer(gateway, values, found, device)
    return WhatIf(answer, [_curve(ranges[name], values[name], found[name]) for name in FEATURES])


def _closer(
    gateway: Gateway, values: Values, found: dict[str, list[tuple[float, Result]]], device: str
) -> None:
    """Adds values between those where the verdict changes."""
    wanted: list[tuple[str, float]] = []
    for name, judged in found.items():
        changes = [(low, high) for (low, one), (high, other) in pairwise(judged) if one.fault != other.fault]
        for low, high in changes[:_MOST_CHANGES]:
            step = (high - low) / (_CLOSER + 1)
            wanted += [(name, round(low + step * number, 3)) for number in range(1, _CLOSER + 1)]
    if not wanted:
        return
    answers = score(gateway, [as_line(device, {**values, name: value}) for name, value in wanted])
    for (name, value), answer in zip(wanted, answers, strict=True):
        found[name] += _judged([value], [answer])
    for judged in found.values():
        judged.sort(key=lambda each: each[0])


def _judged(grid: Sequence[float], answers: Sequence[Answer]) -> list[tuple[float, Result]]:
    """Those that were judged; a sensor's end may lie outside what is plausible."""
    found = []
    for value, answer in zip(grid, answers, strict=True):
        if isinstance(answer, Refused):
            raise FanwatchError(f"Scoring gave up half way: {answer.sentence}")
        if answer.probability is not None:
            found.append((value, answer))
    return found


def _grid(feature: Feature, now: float) -> list[float]:
    """Even steps over the trained range, with the value itself among them."""
    low, high = feature.trained
    step = (high - low) / (POINTS - 1)
    return sorted({round(low + step * number, 3) for number in range(POINTS)} | {now})


def as_line(device: str, row: Values) -> bytes:
    """A reading without a time, as score-fan takes it."""
    return msgspec.json.encode({DEVICE: device, **row})


def _curve(feature: Feature, now: float, judged: Sequence[tuple[float, Result]]) -> Curve:
    points = [(value, result.probability or 0.0) for value, result in judged]
    spans: list[Span] = []
    for value, result in judged:
        if spans and spans[-1].fault == result.fault:
            spans[-1] = Span(spans[-1].low, value, spans[-1].fault)
        else:
            spans.append(Span(value, value, result.fault or 0))
    return Curve(feature.name, feature.unit, now, points, spans)


def _sentence(curve: Curve, fault: int) -> str:
    """Where the nearest other verdict begins, or nothing where there is none."""
    others = [(index, span) for index, span in enumerate(curve.spans) if span.fault != fault]
    if not others:
        return ""
    index, span = min(others, key=lambda each: max(each[1].low - curve.now, curve.now - each[1].high, 0))
    unit = f" {curve.unit}" if len(curve.unit) < 5 else ""
    # Rounded to its own side, so that what is said holds.
    digits = 0 if curve.points[-1][0] - curve.points[0][0] >= 50 else 1
    scale = 10**digits
    low, high = math.ceil(span.low * scale) / scale, math.floor(span.high * scale) / scale
    if index == len(curve.spans) - 1:
        where = f"at {low:g}{unit} or more"
    elif index == 0:
        where = f"at {high:g}{unit} or less"
    else:
        where = f"between {low:g} and {high:g}{unit}"
    verdict = "healthy" if fault else "a fault"
    return f"With {curve.sensor} {where} it would be {verdict}. It is {curve.now:g}{unit} now."
