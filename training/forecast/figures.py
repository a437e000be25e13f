"""The figures that a maintenance engineer reads, with intervals from drawing the fans anew."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.forecast.history import History
from training.forecast.outcomes import Outcomes, compare
from training.forecast.trace import Trace, at_threshold
from training.forecast.truth import HEAVIEST, Truth

_DRAWS: Final = 1000
_LEVELS: Final = (0.025, 0.975)
COSTS: Final = (3, 10, 30, 100)
"""What a failure that nobody foresaw costs in false alarms."""


class Figure(NamedTuple):
    """A figure, and its 95 % interval; NaN where nothing gave it."""

    value: float
    low: float
    high: float


def events(
    outcomes: Outcomes, fans: int, months: float, *, alarms: Outcomes | None = None,
    mistaken: list[int] | None = None, seed: int = 1,
) -> dict[str, Figure]:  # fmt: skip
    """Figures of events and episodes; `months` are fan-months. `alarms`: the outcomes where warnings are not heard.

    `mistaken`: what `outcomes.mistaken` gives, of what tells instruments' faults at all.
    """
    lead = np.array([each.lead_h for each in outcomes.foreseen])
    owner = np.array([each.fan for each in outcomes.foreseen], np.int64)
    draws = np.random.default_rng(seed).multinomial(fans, np.full(fans, 1 / fans), size=_DRAWS)

    def share(owners: list[int], holds: list[bool]) -> Figure:
        return _interval(_shares(np.array(owners, np.int64), np.array(holds), draws), _share(np.array(holds)))

    def rate(owners: list[int]) -> Figure:
        per_fan = np.bincount(np.array(owners, np.int64), minlength=fans)
        return _interval(draws @ per_fan / months, len(owners) / months)

    def over(hours: float) -> Figure:
        return share(owner.tolist(), (lead >= hours).tolist())

    found = {
        "recall, 1 h notice": over(1),
        "recall, 24 h notice": over(24),
        "recall, 24 h notice, at most": share(
            owner.tolist(), [each.life_h >= 24 for each in outcomes.foreseen]
        ),
        "median lead h": _median(lead, owner, draws),
        "false alarms a fan-month": rate(outcomes.false),
        "warnings by instruments a fan-month": rate(outcomes.by_instrument),
    }
    if alarms is not None:
        found |= _of_alarms(alarms, share, rate, draws)
    if mistaken is not None:
        found["false instrument episodes a fan-month"] = rate(mistaken)
    caused = [each for each in outcomes.foreseen if each.cause_right is not None]
    found["right cause"] = share([each.fan for each in caused], [bool(each.cause_right) for each in caused])
    found["right cause at first"] = share(
        [e.fan for e in caused], [bool(e.first_cause_right) for e in caused]
    )
    recognised = outcomes.recognised
    found["instruments recognised"] = share([e.fan for e in recognised], [e.found for e in recognised])
    found["instruments named"] = share([e.fan for e in recognised], [e.named for e in recognised])
    for cause in sorted({each.cause for each in recognised}):
        some = [each for each in recognised if each.cause == cause]
        found[f"recognised: {cause}"] = share([e.fan for e in some], [e.found for e in some])
    for mode in HEAVIEST:
        those = [each for each in outcomes.foreseen if each.mode == mode]
        for hours in (1, 24):
            found[f"recall, {hours} h notice: {mode}"] = share(
                [e.fan for e in those], [e.lead_h >= hours for e in those]
            )
    return found


def _of_alarms(
    alarms: Outcomes, share: Callable[[list[int], list[bool]], Figure], rate: Callable[[list[int]], Figure],
    draws: NDArray[np.int64],
) -> dict[str, Figure]:  # fmt: skip
    lead = np.array([each.lead_h for each in alarms.foreseen])
    owner = [each.fan for each in alarms.foreseen]
    return {
        "alarm, 1 h notice": share(owner, (lead >= 1).tolist()),
        "alarm, 24 h notice": share(owner, (lead >= 24).tolist()),
        "alarm, median lead h": _median(lead, np.array(owner, np.int64), draws),
        "false at alarm level a fan-month": rate(alarms.false),
        "alarms by instruments a fan-month": rate(alarms.by_instrument),
    }


def probabilities(trace: Trace, true: Truth) -> dict[str, float]:
    """Brier score and expected calibration error of the risk against whether a fault is under way."""
    judged = np.isfinite(trace.risk) & ~true.down
    risk, worn = trace.risk[judged].astype(np.float64), true.worn[judged]
    bucket = np.minimum((risk * 10).astype(np.int64), 9)
    count = np.bincount(bucket, minlength=10)
    off = np.abs(np.bincount(bucket, risk, 10) - np.bincount(bucket, worn, 10))
    return {"Brier": float(((risk - worn) ** 2).mean()), "ECE": float(off.sum() / max(count.sum(), 1))}


def coverage(trace: Trace, true: Truth, *, seed: int = 1) -> dict[str, Figure]:
    """How often the failure came within the interval that was told, of all bins of true episodes that told one."""
    told = np.isfinite(trace.expected[:, :, 0]) & np.isfinite(true.hours)
    inside = told & (trace.expected[:, :, 0] <= true.hours) & (true.hours <= trace.expected[:, :, 1])
    fans = told.shape[1]
    draws = np.random.default_rng(seed).multinomial(fans, np.full(fans, 1 / fans), size=_DRAWS)
    all_of, inside_of = draws @ told.sum(axis=0), draws @ inside.sum(axis=0)
    width = (trace.expected[:, :, 1] - trace.expected[:, :, 0])[told]
    middle = float(np.median(width)) if len(width) else np.nan
    value = inside.sum() / told.sum() if told.any() else np.nan
    return {
        "interval covers": _interval(inside_of / np.maximum(all_of, 1), float(value)),
        "interval median width h": Figure(middle, np.nan, np.nan),
    }


def cost_curve(history: History, trace: Trace, steps: int = 25) -> list[dict[str, float]]:
    """At each threshold: failures told too late or never, false alarms of all kinds, the cost for each of COSTS."""
    curve = []
    for threshold in np.linspace(0.02, 0.98, steps).round(3).tolist():
        outcomes = compare(history, trace, at_threshold(trace.risk, threshold))
        missed = sum(each.lead_h < 1 for each in outcomes.foreseen)
        late = sum(each.lead_h < 24 for each in outcomes.foreseen)
        false = len(outcomes.false) + len(outcomes.by_instrument)
        costs = {f"cost {cost}": (cost * missed + false) / history.months for cost in COSTS}
        curve.append({"threshold": threshold, "missed": missed, "late": late, "false": false, **costs})
    return curve


def _median(values: NDArray[np.float64], owner: NDArray[np.int64], draws: NDArray[np.int64]) -> Figure:
    if not len(values):
        return Figure(np.nan, np.nan, np.nan)
    order = np.argsort(values)
    weights = np.cumsum(draws[:, owner[order]], axis=1)
    at = (weights >= np.maximum(weights[:, -1:], 1) / 2).argmax(axis=1)
    return _interval(values[order][at], float(np.median(values)))


def _shares(
    owner: NDArray[np.int64], holds: NDArray[np.bool_], draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    if not len(owner):
        return np.full(len(draws), np.nan)
    weights = draws[:, owner]
    shares: NDArray[np.float64] = (weights * holds).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    return shares


def _share(holds: NDArray[np.bool_]) -> float:
    return float(holds.mean()) if len(holds) else np.nan


def _interval(drawn: NDArray[np.float64], value: float) -> Figure:
    low, high = np.quantile(drawn, _LEVELS) if np.isfinite(value) else (np.nan, np.nan)
    return Figure(value, float(low), float(high))


OnBin = Callable[[int, int], None]
