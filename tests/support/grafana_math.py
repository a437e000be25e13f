"""What Grafana computes itself in an alert rule (`__expr__`): reduce, math and threshold, on numbers with labels.

Written after the documented behaviour: labels join where one side's are among the other's; "no data" on either side of
an operation with a single value is "no data"; null stays null.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

Labels = dict[str, str]


class Number(msgspec.Struct, frozen=True):
    """One value; None is null. `labels` None marks "no data"."""

    labels: Labels | None
    value: float | None


Numbers = list[Number]
NO_DATA: Final = Number(None, None)

_OPERATORS: Final[dict[type[Any], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else math.copysign(math.inf, a) if a else math.nan,
    ast.Mod: math.fmod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: lambda a, b: a != 0 and b != 0,
    ast.Or: lambda a, b: a != 0 or b != 0,
}
_THRESHOLDS: Final[dict[str, Callable[..., bool]]] = {
    "gt": lambda value, limit: value > limit,
    "lt": lambda value, limit: value < limit,
    "gte": lambda value, limit: value >= limit,
    "lte": lambda value, limit: value <= limit,
    "within_range": lambda value, low, high: low < value < high,
    "outside_range": lambda value, low, high: value < low or value > high,
}
_REDUCERS: Final[dict[str, Callable[[list[float]], float]]] = {
    "last": lambda values: values[-1],
    "min": min,
    "max": max,
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "count": lambda values: float(len(values)),
}


def reduced(series: list[tuple[Labels, list[float | None]]], reducer: str, mode: str) -> Numbers:
    """One number a series. `mode` must be dropNN: nulls and NaN are left out, and a series of nothing else is null."""
    if mode != "dropNN":
        raise ValueError(f"mode {mode!r} is not known here")
    found = []
    for labels, values in series:
        kept = [value for value in values if value is not None and not math.isnan(value)]
        found.append(
            Number(labels, _REDUCERS[reducer](kept) if kept or reducer in ("count", "sum") else None)
        )
    return found or [NO_DATA]


def threshold(numbers: Numbers, kind: str, params: list[float]) -> Numbers:
    """1 where the number is beyond it, 0 where it is not."""
    test = _THRESHOLDS[kind]
    return [
        number if number.value is None else Number(number.labels, float(test(number.value, *params)))
        for number in numbers
    ]


def computed(formula: str, variables: Mapping[str, Numbers]) -> Numbers:
    """A math expression. ValueError for what is not of Grafana's language, KeyError for an unknown variable."""
    text = formula.replace("&&", " and ").replace("||", " or ")
    names = re.sub(r"\$\{?(\w+)\}?", r"variable_\1", text)
    return _walk(ast.parse(names.strip(), mode="eval").body, variables)


def _walk(node: ast.expr, variables: Mapping[str, Numbers]) -> Numbers:
    match node:
        case ast.Constant(value=int() | float() as value):
            return [Number({}, float(value))]
        case ast.Name(id=name) if name.startswith("variable_"):
            return variables[name.removeprefix("variable_")]
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(_walk(left, variables), _walk(right, variables), type(op))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _joined(_walk(left, variables), _walk(right, variables), type(op))
        case ast.BoolOp(op=op, values=values):
            found = _walk(values[0], variables)
            for operand in values[1:]:
                found = _joined(found, _walk(operand, variables), type(op))
            return found
    raise ValueError(f"not of Grafana's math: {ast.unparse(node)}")


def _joined(left: Numbers, right: Numbers, kind: type[Any]) -> Numbers:
    if not left or not right:
        return []
    if (len(left) == 1 or len(right) == 1) and (left[0].labels is None or right[0].labels is None):
        return [NO_DATA]
    found = []
    for a in left:
        for b in right:
            assert a.labels is not None
            assert b.labels is not None
            if a.labels == b.labels or not a.labels or not b.labels:
                labels = a.labels or b.labels
            elif len(a.labels) == len(b.labels):
                continue
            elif b.labels.items() <= a.labels.items():
                labels = a.labels
            elif a.labels.items() <= b.labels.items():
                labels = b.labels
            else:
                continue
            found.append(Number(labels, _operated(kind, a.value, b.value)))
    if not found and len(left) == 1 and len(right) == 1:
        found.append(Number({}, _operated(kind, left[0].value, right[0].value)))
    return found


def _operated(kind: type[Any], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    if kind is ast.And and a == 0:
        return 0.0
    if kind is ast.Or and a != 0:
        return 1.0
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return float(_OPERATORS[kind](a, b))
