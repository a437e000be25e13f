"""`evaluate`: how well a bundle does on a labelled history file. Needs LiteRT only."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch import bundle as bundles
from fanwatch.bundle import Bundle
from fanwatch.scorers import open_scorer
from training.metrics import Metrics, measure
from training.table import read

_ROWS_AT_ONCE: Final = 8192


class Evaluation(NamedTuple):
    """Of a bundle on a file."""

    model: str
    threshold: float
    metrics: Metrics
    implausible: int
    """Rows with a value that no working sensor gives: they get no verdict and are not among the n."""
    notes: list[str]
    """What a person should know about the history file."""

    def as_dict(self) -> dict[str, object]:
        """For JSON: accuracy, precision, recall, auroc, confusion, n; implausible, model, threshold."""
        rest = {"implausible": self.implausible, "model": self.model, "threshold": self.threshold}
        return self.metrics.as_dict() | rest


def evaluate(csv: Path, model: Path, *, engine: str | None = None) -> Evaluation:
    """Score every row of the history file as infer-fan would, and compare with its label.

    Raises HistoryError for the file, BundleError for the bundle.
    """
    bundle = bundles.load(model)
    table = read(csv)
    threshold = bundle.metadata.threshold.value
    metrics = measure(probabilities_of(bundle, table.features, engine=engine), table.faulty, threshold)
    return Evaluation(bundle.model, threshold, metrics, table.implausible, table.notes)


def probabilities_of(
    bundle: Bundle, features: NDArray[np.float64], *, engine: str | None = None
) -> NDArray[np.float64]:
    """Probabilities as published, to 4 decimals, shape (n,), for features, shape (n, 4).

    Values beyond the trained ranges are clamped, as in service.
    """
    scorer = open_scorer(bundle, engine)
    low, high = np.array([feature.trained for feature in bundle.metadata.features]).T
    clamped = np.clip(features, low, high).astype(np.float32)
    parts = [scorer.score(clamped[i : i + _ROWS_AT_ONCE]) for i in range(0, len(clamped), _ROWS_AT_ONCE)]
    probabilities: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return probabilities.round(4)
