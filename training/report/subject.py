"""What a report is about: the same for a training and for the evaluation of a model that exists."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles.anomaly import Metadata
from training.baselines import Baseline, Strangers, cost_of
from training.evaluate import Evaluation
from training.leakage import Leak
from training.metrics import Interval, Metrics
from training.scores import Costs, Scores
from training.table import Table
from training.train import Trained


class Subject(NamedTuple):
    """A model, the data that judged it, and what it was compared with."""

    metadata: Metadata
    source: str
    """Name of the history file."""
    table: Table
    rows: NDArray[np.int64]
    """Numbers of the table's rows that judged it."""
    probabilities: NDArray[np.float64]
    """Of these rows."""
    scores: Scores
    metrics: Metrics
    sure: dict[str, Interval]
    costs: Costs
    validation: Scores | None
    """Of the rows that chose the threshold; None where an existing model was evaluated."""
    leaks: list[Leak]
    baselines: list[Baseline]
    strangers: Strangers | None
    curve: list[tuple[float, float]]
    """Loss on training and validation rows by epoch; empty where nothing was trained."""
    best_epoch: int

    @property
    def model(self) -> str:
        """Such as fan-anomaly@2."""
        return f"{self.metadata.name}@{self.metadata.version}"

    @property
    def trained(self) -> bool:
        """Whether this is the report of a training."""
        return bool(self.curve)

    @property
    def threshold(self) -> float:
        """A reading is a fault from this probability on."""
        return self.metadata.threshold.value

    @property
    def false_alarms(self) -> float | None:
        """Share of healthy rows that were called faulty."""
        healthy = self.metrics.confusion.false_positive + self.metrics.confusion.true_negative
        return self.metrics.confusion.false_positive / healthy if healthy else None

    @property
    def cost(self) -> float:
        """Of errors in 1,000 readings."""
        return cost_of(self.metrics, self.costs)

    def as_dict(self) -> dict[str, object]:
        """All figures for JSON: metrics, intervals, leaks, baselines, unseen devices, costs."""
        return self.metrics.as_dict() | {
            "intervals": self.sure,
            "costs": self.costs._asdict() | {"per_1000_readings": self.cost},
            "leakage": [leak._asdict() for leak in self.leaks],
            "baselines": [
                baseline._asdict() | {"metrics": baseline.metrics.as_dict(), "verdict": baseline.verdict}
                for baseline in self.baselines
            ],
            "unseen_devices": self.strangers._asdict() if self.strangers else None,
        }


def of_training(
    trained: Trained, source: str, leaks: list[Leak], baselines: list[Baseline], strangers: Strangers | None
) -> Subject:
    """A training, judged by its test rows."""
    return Subject(
        trained.metadata, source, trained.table, trained.split.test, trained.test_probabilities, trained.test_scores,
        trained.test, trained.sure, trained.costs, trained.validation_scores, leaks, baselines, strangers,
        trained.curve,
        trained.best_epoch,
    )  # fmt: skip


def of_evaluation(evaluation: Evaluation, source: str, leaks: list[Leak]) -> Subject:
    """An existing model, judged by all rows of a file."""
    threshold = evaluation.metadata.threshold
    costs = Costs(threshold.miss_cost or 1.0, threshold.false_alarm_cost or 1.0)
    return Subject(
        evaluation.metadata, source, evaluation.table, np.arange(len(evaluation.table.faulty)),
        evaluation.probabilities, evaluation.scores, evaluation.metrics, evaluation.sure, costs, None, leaks, [], None,
        [], 0,
    )  # fmt: skip
