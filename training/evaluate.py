"""`evaluate`: how well a bundle does on a labelled history file. Needs LiteRT only."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles.anomaly import Bundle, Metadata
from fanwatch.bundles.engines import open_engine
from training.metrics import Interval, Metrics, intervals, measured
from training.rows import Progress
from training.scores import Scores, count
from training.table import HistoryError, Table, implausible, read

_ROWS_AT_ONCE: Final = 8192


class Evaluation(NamedTuple):
    """Of a bundle on a file."""

    model: str
    metadata: Metadata
    metrics: Metrics
    sure: dict[str, Interval]
    """95 % intervals of the metrics."""
    table: Table
    probabilities: NDArray[np.float64]
    """To 4 decimals, of the table's rows."""
    scores: Scores

    @property
    def threshold(self) -> float:
        """A reading is a fault from this probability on."""
        return self.metadata.threshold.value

    @property
    def implausible(self) -> int:
        """Rows with a value that no working sensor gives: they get no verdict and are not among the n."""
        return self.table.implausible

    @property
    def notes(self) -> list[str]:
        """What a person should know about the history file."""
        return self.table.notes

    def as_dict(self) -> dict[str, object]:
        """For JSON: accuracy, precision, recall, auroc, confusion, n, intervals; implausible, model, threshold."""
        rest = {"implausible": self.implausible, "model": self.model, "threshold": self.threshold}
        return self.metrics.as_dict() | {"intervals": self.sure} | rest


def evaluate(
    csv: Path,
    model: Path,
    *,
    engine: str | None = None,
    on_bytes: Progress = lambda done, total: None,
) -> Evaluation:
    """Score every row of the history file as infer-fan would, and compare with its label.

    Raises HistoryError for the file, BundleError for the bundle.
    """
    bundle = bundles.load(model)
    table = read(csv, on_bytes)
    if not len(table.faulty):
        raise HistoryError(
            f"{csv}: none of its {table.implausible:,} rows holds values that working sensors give:"
            f" {implausible(table.quality)}. See that each column has its own sensor's values, in the right unit."
        )
    probabilities = probabilities_of(bundle, table.features, engine=engine)
    scores = count(probabilities, table.faulty)
    threshold = bundle.metadata.threshold.value
    return Evaluation(
        bundle.model, bundle.metadata, measured(scores, threshold), intervals(scores, threshold), table,
        probabilities, scores,
    )  # fmt: skip


def probabilities_of(
    bundle: Bundle, features: NDArray[np.float64], *, engine: str | None = None
) -> NDArray[np.float64]:
    """Probabilities as published, to 4 decimals, shape (n,), for features, shape (n, sensors).

    Values beyond the trained ranges are clamped, as in service.
    """
    scorer = open_engine(bundle, engine)
    low, high = np.array([feature.trained for feature in bundle.metadata.features]).T
    clamped = np.clip(features, low, high).astype(np.float32)
    parts = [scorer.score(clamped[i : i + _ROWS_AT_ONCE]) for i in range(0, len(clamped), _ROWS_AT_ONCE)]
    probabilities: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return probabilities.round(4)
