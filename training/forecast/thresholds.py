"""From validation fans: at which risk people are told, and how wide the interval of the failure's time must be."""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from fanwatch.forecast.bins import Floats
from fanwatch.forecast.model import Machine
from training.forecast.history import History
from training.forecast.outcomes import compare
from training.forecast.trace import Trace, at_threshold
from training.forecast.truth import Truth

COVERAGE: Final = 0.8
_LOWEST, _HIGHEST = 0.03, 0.97
ALARMS: Final = 0.01
"""Alarms a fan-month that a broken sensor, or nothing, may cause on validation fans: a warning may look into what is
not sure yet, an alarm asks somebody to act."""


class Choice(NamedTuple):
    """What was chosen, and why."""

    machine: Machine
    reason: str


def provisional() -> Machine:
    """A machine by which the risk of validation fans is followed; its thresholds change nothing of the risk."""
    return Machine(warning=0.5, alarm=0.8, exit=0.25)


def machine(history: History, trace: Trace, false_alarms: float) -> Choice:
    """The lowest thresholds at which no more than `false_alarms` episodes a fan-month have no fan's fault for a reason.

    Instruments' faults count as false alarms here, for whoever is told of them for nothing does not care. No more
    than ALARMS of them go on to an alarm.
    """
    warning = _lowest(history, trace, trace.risk, false_alarms)
    alarm = _lowest(history, trace, trace.borne, ALARMS)
    fans = len(history.devices)
    reason = f"lowest risk with at most {false_alarms:g} false alarms a fan-month on {fans} validation fans"
    chosen = msgspec.structs.replace(provisional(), warning=warning, alarm=alarm, exit=round(warning / 2, 4))
    return Choice(chosen, reason)


def _lowest(history: History, trace: Trace, risk: Floats, false_alarms: float) -> float:
    low, high = _LOWEST, _HIGHEST
    for _ in range(10):
        middle = (low + high) / 2
        outcomes = compare(history, trace, at_threshold(risk, middle))
        if (len(outcomes.false) + len(outcomes.by_instrument)) / history.months > false_alarms:
            low = middle
        else:
            high = middle
    return round(high, 4)


def wider(trace: Trace, hours: Floats, true: Truth, warning: float, failures: int) -> Floats:
    """By how much, in logarithms of 1 + hours, to move the 10 % and the 90 % quantile apart, shape (2,).

    Chosen so that the failure lies beyond either in one of ten bins with a risk of at least `warning`, on fans that
    the network has not learned from (conformal quantile regression, each side for itself). `hours` are the network's
    quantiles, shape (bins, fans, 3); `failures` is how many failures they are of.
    """
    rows = (np.nan_to_num(trace.risk) >= warning) & np.isfinite(true.hours)
    if rows.sum() < 100:
        return np.zeros(2, np.float32)
    actual, told = np.log1p(true.hours[rows]), np.log1p(hours[rows])
    # A quantile of few failures lies too far in on average: the correction of conformal prediction, by failures, for
    # the bins of one resemble each other.
    beyond = min(1.0, (1 + COVERAGE) / 2 * (1 + 1 / max(failures, 1)))
    sides = (np.quantile(told[:, 0] - actual, beyond), np.quantile(actual - told[:, 2], beyond))
    return np.array(sides, np.float32)
