"""`evaluate`: a forecast through a history that it has not seen, by the code that serves, against what happened."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fanwatch.forecast import ForecastModel, open_model
from training.forecast import figures, truth
from training.forecast.figures import Figure
from training.forecast.history import History, read
from training.forecast.outcomes import compare
from training.forecast.trace import alarms, follow, told
from training.forecast.train import FALSE_ALARMS, Say


class Evaluation(NamedTuple):
    """Of a model, and of its rivals if any, on a history."""

    model: str
    months: float
    failures: int
    figures: dict[str, dict[str, Figure]]
    """Model → name of the figure → figure."""
    costs: list[dict[str, float]]
    """The model's cost curve."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: figures as [value, low, high], null where undefined."""
        found = {
            model: {
                name: [None if np.isnan(part) else round(part, 4) for part in figure]
                for name, figure in each.items()
            }
            for model, each in self.figures.items()
        }
        head = {"model": self.model, "fan_months": round(self.months, 2), "failures": self.failures}
        return head | {"figures": found, "cost_curve": self.costs}


def evaluate(
    source: Path, model: Path, *, engine: str | None = None, against: Path | None = None, seed: int = 1,
    say: Say = lambda what, done, total: None,
) -> Evaluation:  # fmt: skip
    """Follow every fan of the history in directory `source`. HistoryError or BundleError say what is wrong."""
    opened = open_model(model, engine=engine)
    history = read(source, lambda done, total: say("reading", done, total))
    true = truth.of(history)
    figure, costs = _one(history, opened, true, seed, say)
    found = {opened.name: figure}
    if against is not None:
        from training.forecast.rivals import rivals

        found |= rivals(against, history, FALSE_ALARMS, seed, say)
    failures = sum(fault.failure_ms is not None for fault in history.faults)
    return Evaluation(opened.name, history.months, failures, found, costs)


def _one(
    history: History, model: ForecastModel, true: truth.Truth, seed: int, say: Say
) -> tuple[dict[str, Figure], list[dict[str, float]]]:
    trace = follow(history, model, lambda done, total: say(f"{model.name}: following fans", done, total))
    outcomes = compare(history, trace, told(trace))
    urgent = compare(history, trace, alarms(trace))
    found = figures.events(outcomes, len(history.devices), history.months, alarms=urgent, seed=seed)
    found |= figures.coverage(trace, true, seed=seed)
    found |= {
        name: Figure(value, np.nan, np.nan) for name, value in figures.probabilities(trace, true).items()
    }
    return found, figures.cost_curve(history, trace)
