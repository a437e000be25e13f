"""`evaluate`: a forecast through a history that it has not seen, by the code that serves, against what happened."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fanwatch.forecast import ForecastModel
from training.forecast import figures, truth
from training.forecast.figures import Figure
from training.forecast.history import History
from training.forecast.outcomes import Outcomes, compare, mistaken
from training.forecast.trace import Trace, alarms, follow, told
from training.forecast.train import FALSE_ALARMS, Say
from training.forecast.truth import Truth


class Followed(NamedTuple):
    """How a model followed the fans of a history, and what came of it."""

    history: History
    trace: Trace
    true: Truth
    outcomes: Outcomes
    figures: dict[str, Figure]
    costs: list[dict[str, float]]
    """See `figures.cost_curve`."""


class Evaluation(NamedTuple):
    """Of a model, and of its baselines if any, on a history."""

    model: ForecastModel
    followed: Followed
    figures: dict[str, dict[str, Figure]]
    """Model → name of the figure → figure; the model itself first."""
    notes: tuple[str, ...]
    """What a person should know of the baselines' training, a sentence each."""

    @property
    def months(self) -> float:
        """Fan-months of the history."""
        return self.followed.history.months

    @property
    def failures(self) -> int:
        """See `History.failures`."""
        return self.followed.history.failures

    def as_dict(self) -> dict[str, Any]:
        """For JSON: figures as [value, low, high], null where undefined."""
        found = {
            model: {
                name: [None if np.isnan(part) else round(part, 4) for part in figure]
                for name, figure in each.items()
            }
            for model, each in self.figures.items()
        }
        head = {"model": self.model.name, "fan_months": round(self.months, 2), "failures": self.failures}
        return head | {"figures": found, "cost_curve": self.followed.costs}


def evaluate(
    history: History, model: ForecastModel, *, against: Path | None = None, seed: int = 1,
    say: Say = lambda what, done, total: None,
) -> Evaluation:  # fmt: skip
    """Follow every fan of the history, and have baselines do so that learn from the history in directory `against`."""
    followed = followed_by(model, history, seed=seed, say=say)
    found = {model.name: followed.figures}
    notes: list[str] = []
    if against is not None:
        from training.forecast.baselines import baselines

        others, notes = baselines(against, history, FALSE_ALARMS, seed, say)
        found |= others
    return Evaluation(model, followed, found, tuple(notes))


def followed_by(
    model: ForecastModel, history: History, *, seed: int = 1, say: Say = lambda what, done, total: None
) -> Followed:
    """Let a fleet live through the history; `seed` draws the fans for the figures' intervals."""
    true = truth.of(history)
    trace = follow(history, model, lambda done, total: say(f"{model.name}: following fans", done, total))
    outcomes = compare(history, trace, told(trace))
    urgent = compare(history, trace, alarms(trace))
    fans, false = len(history.devices), mistaken(history, trace)
    found = figures.events(outcomes, fans, history.months, alarms=urgent, mistaken=false, seed=seed)
    found |= figures.coverage(trace, true, seed=seed)
    found |= {
        name: Figure(value, np.nan, np.nan) for name, value in figures.probabilities(trace, true).items()
    }
    return Followed(history, trace, true, outcomes, found, figures.cost_curve(history, trace))
