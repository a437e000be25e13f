"""`train`: from a history file to a bundle directory. TensorFlow is imported once it is needed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.sensors import SENSORS
from training import card
from training import scores as score_files
from training.bundle_writer import TrainingError, check_target, directory, libraries, seal
from training.evaluate import probabilities_of
from training.metrics import Interval, Metrics, intervals, measured, plain
from training.rows import Progress
from training.scores import Costs, Scores
from training.split import Split, split
from training.table import COLUMNS, Table, check_learnable, read

if TYPE_CHECKING:
    from training.network import Recipe

__all__ = ["Trained", "TrainingError", "train"]

_COMPARED_ROWS: Final = 2000
"""Validation rows that a bundle carries, so that the next one can be compared with it anywhere."""


class Trained(NamedTuple):
    """What came out of a training."""

    path: Path
    digest: str
    """SHA-256 of model.json: the pin for stack.yml."""
    metadata: bundles.Metadata
    test: Metrics
    sure: dict[str, Interval]
    """95 % intervals of the test's metrics."""
    costs: Costs
    curve: list[tuple[float, float]]
    """Loss on training and on validation rows, by epoch."""
    best_epoch: int
    table: Table
    split: Split
    validation_scores: Scores
    test_scores: Scores
    test_probabilities: NDArray[np.float64]
    """To 4 decimals, of the rows `split.test`."""

    @property
    def threshold(self) -> float:
        """A reading is a fault from this probability on."""
        return self.metadata.threshold.value

    @property
    def epochs(self) -> int:
        """Passes over the training rows."""
        return len(self.curve)

    @property
    def notes(self) -> list[str]:
        """What a person should know about the history file."""
        return self.table.notes


def train(
    csv: Path, out: Path, *, version: int = 1, seed: int = 1, epochs: int = 60, costs: Costs = Costs(),  # noqa: B008
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
    on_bytes: Progress = lambda done, total: None,
) -> Trained:  # fmt: skip
    """Train on the history file `csv` and write the bundle to directory `out`, whole or not at all.

    The threshold follows `costs`. `on_bytes` is told how much of the file is read, `on_epoch` each epoch's
    number and validation loss. A bundle that was in `out` is replaced; TrainingError refuses any other content.
    HistoryError says what is wrong with the file.
    """
    check_target(out)
    table = read(csv, on_bytes)
    check_learnable(table, csv)
    network, export = _tensorflow()
    recipe = network.Recipe(seed=seed, epochs=epochs)
    parts = split(table.faulty)
    features, labels = table.features.astype(np.float32), table.faulty.astype(np.float32)
    fitted = network.fit(
        features[parts.train], labels[parts.train], (features[parts.validation], labels[parts.validation]),
        recipe, on_epoch,
    )  # fmt: skip

    def scored(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        probabilities: NDArray[np.float64] = export.score(fitted.network, features[rows]).astype(np.float64)
        return probabilities.round(4)

    validation = score_files.count(scored(parts.validation), table.faulty[parts.validation])
    probabilities = scored(parts.test)
    test = score_files.count(probabilities, table.faulty[parts.test])
    threshold = bundles.Threshold(
        score_files.cheapest(validation, costs),
        card.chosen_by_cost(validation, costs),
        costs.miss,
        costs.false_alarm,
    )
    metrics, sure = measured(test, threshold.value), intervals(test, threshold.value)
    with directory(out) as fresh:
        export.export(fitted.network, fresh)
        (fresh / bundles.SCORES_FILE).write_text(score_files.write(validation, test), encoding="ascii")
        (fresh / bundles.VALIDATION_FILE).write_text(_compared(table, parts), encoding="ascii")
        probe = _probe(table.features[parts.test], seed)
        metadata = bundles.Metadata(
            name=bundles.NAME,
            version=version,
            features=_features(table, parts.train),
            threshold=threshold,
            metrics=dict(plain(metrics, sure)),
            origin=_origin(table, parts, recipe),
            files={},
            test_vector=bundles.TestVector(
                [tuple(row) for row in probe.tolist()],
                [round(p, 7) for p in export.score(fitted.network, probe.astype(np.float32)).tolist()],
            ),
        )
        digest = seal(fresh, metadata, card.write(metadata))
        # The same check as at every start, by the other engine: a bundle that fails it is not kept.
        probabilities_of(bundles.load(fresh, digest), probe)
    return Trained(
        out, digest, metadata, metrics, sure, costs, fitted.curve, fitted.best_epoch, table, parts, validation, test,
        probabilities,
    )  # fmt: skip


def _tensorflow() -> tuple[Any, Any]:
    try:
        from training import export, network
    except ModuleNotFoundError as error:
        message = f"Training needs {error.name}, which is not installed: run `make install`."
        raise TrainingError(message) from error
    return network, export


def _features(table: Table, rows: NDArray[np.int64]) -> Any:
    values, healthy = table.features[rows], table.features[rows][~table.faulty[rows]]
    low, median, high = np.round(np.quantile(healthy, (0.01, 0.5, 0.99), axis=0), 3).tolist()
    lowest, highest = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    return tuple(
        bundles.Feature(
            sensor.name, sensor.described_unit, bundles.Healthy(low[i], median[i], high[i]), (lowest[i], highest[i]),
            sensor.plausible,
        )
        for i, sensor in enumerate(SENSORS)
    )  # fmt: skip


def _probe(test: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return test[np.random.default_rng(seed).choice(len(test), size=min(16, len(test)), replace=False)]


def _compared(table: Table, parts: Split) -> str:
    rows = parts.validation
    if len(rows) > _COMPARED_ROWS:
        rows = np.random.default_rng(1).choice(rows, _COMPARED_ROWS, replace=False)
    lines = (
        f"{','.join(map(repr, table.features[row].tolist()))},{table.faulty[row]:d}"
        for row in np.sort(rows).tolist()
    )
    return "\n".join([",".join(COLUMNS[2:]), *lines]) + "\n"


def _origin(table: Table, parts: Split, recipe: "Recipe") -> verified.Origin:
    rows = {name: len(part) for name, part in parts._asdict().items()}
    return verified.Origin(table.sha256, rows, recipe._asdict(), libraries())
