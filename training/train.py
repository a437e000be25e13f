"""`train`: from a history file to a bundle directory. TensorFlow is imported once it is needed."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch import bundle as bundles
from fanwatch.errors import FanwatchError
from training import card
from training.evaluate import probabilities_of
from training.metrics import Metrics, cheapest_threshold, measure
from training.sensors import SENSORS
from training.table import Table, check_learnable, read

if TYPE_CHECKING:
    from training.network import Recipe

_CODE: Final = (
    "sensors.py",
    "table.py",
    "tensorflow.py",
    "network.py",
    "export.py",
    "metrics.py",
    "train.py",
)
"""The modules that decide what a bundle holds; their hash goes into it."""


class TrainingError(FanwatchError):
    """Training cannot start or cannot keep its result; the message says what to do."""


class Trained(NamedTuple):
    """What came out of a training."""

    path: Path
    digest: str
    """SHA-256 of model.json: the pin for stack.yml."""
    threshold: float
    test: Metrics
    epochs: int
    notes: list[str]
    """What a person should know about the history file."""


class _Split(NamedTuple):
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def train(
    csv: Path, out: Path, *, version: int = 1, seed: int = 1, epochs: int = 60, cost_of_miss: float = 1.0,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Trained:  # fmt: skip
    """Train on the history file `csv` and write the bundle to directory `out`, whole or not at all.

    `cost_of_miss` is what an overlooked fault costs in false alarms; the threshold follows it. `on_epoch` is
    told each epoch's number and validation loss. A bundle that was in `out` is replaced; TrainingError
    refuses any other content. HistoryError says what is wrong with the file.
    """
    _check_target(out)
    table = read(csv)
    check_learnable(table, csv)
    network, export = _tensorflow()
    recipe = network.Recipe(seed=seed, epochs=epochs)
    split = _split(table.faulty, seed)
    features, labels = table.features.astype(np.float32), table.faulty.astype(np.float32)
    fitted = network.fit(
        features[split.train], labels[split.train], (features[split.validation], labels[split.validation]),
        recipe, on_epoch,
    )  # fmt: skip
    validation = export.score(fitted.network, features[split.validation])
    threshold = bundles.Threshold(
        cheapest_threshold(validation, table.faulty[split.validation], cost_of_miss),
        f"lowest cost on {len(split.validation):,} validation rows, a miss costing as much as "
        f"{cost_of_miss:g} false alarm{'' if cost_of_miss == 1 else 's'}",
    )
    test = measure(
        np.round(export.score(fitted.network, features[split.test]).astype(np.float64), 4),
        table.faulty[split.test], threshold.value,
    )  # fmt: skip
    with _directory(out) as directory:
        export.export(fitted.network, directory)
        probe = _probe(table.features[split.test], seed)
        metadata = bundles.Metadata(
            name=bundles.NAME,
            version=version,
            features=_features(table, split.train),
            threshold=threshold,
            metrics={name: round(value, 6) for name, value in _plain(test)},
            origin=_origin(table, split, recipe, cost_of_miss),
            files={},
            test_vector=bundles.TestVector(
                [tuple(row) for row in probe.tolist()],
                [round(p, 7) for p in export.score(fitted.network, probe.astype(np.float32)).tolist()],
            ),
        )
        digest = _seal(directory, metadata)
        # The same check as at every start, by the other engine: a bundle that fails it is not kept.
        probabilities_of(bundles.load(directory, digest), probe)
    return Trained(out, digest, threshold.value, test, fitted.epochs, table.notes)


def _tensorflow() -> tuple[Any, Any]:
    try:
        from training import export, network
    except ModuleNotFoundError as error:
        message = f"Training needs {error.name}, which is not installed: run `make install`."
        raise TrainingError(message) from error
    return network, export


def _split(faulty: NDArray[np.bool_], seed: int) -> _Split:
    # Each kind is split 70 : 15 : 15, so that all three parts hold the same share of faults.
    random = np.random.default_rng(seed)
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for kind in (False, True):
        rows = random.permutation(np.flatnonzero(faulty == kind))
        ends = [round(len(rows) * share) for share in (0.7, 0.85)]
        for part, chosen in zip(parts, np.split(rows, ends), strict=True):
            part.append(chosen)
    return _Split(*(np.concatenate(part) for part in parts))


def _features(table: Table, rows: NDArray[np.int64]) -> Any:
    values, healthy = table.features[rows], table.features[rows][~table.faulty[rows]]
    low, median, high = np.round(np.quantile(healthy, (0.01, 0.5, 0.99), axis=0), 3).tolist()
    lowest, highest = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    return tuple(
        bundles.Feature(
            sensor.name, sensor.unit, bundles.Healthy(low[i], median[i], high[i]), (lowest[i], highest[i]),
            sensor.plausible,
        )
        for i, sensor in enumerate(SENSORS)
    )  # fmt: skip


def _probe(test: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return test[np.random.default_rng(seed).choice(len(test), size=min(16, len(test)), replace=False)]


def _plain(test: Metrics) -> Iterator[tuple[str, float]]:
    for name in ("accuracy", "precision", "recall", "auroc"):
        if (value := getattr(test, name)) is not None:
            yield name, value
    yield from test.confusion._asdict().items()
    yield "n", test.n


def _origin(table: Table, split: _Split, recipe: "Recipe", cost_of_miss: float) -> bundles.Origin:
    here = Path(__file__).parent
    code = hashlib.sha256(b"".join((here / name).read_bytes() for name in _CODE)).hexdigest()
    rows = {name: len(part) for name, part in split._asdict().items()}
    return bundles.Origin(table.sha256, code, rows, {**recipe._asdict(), "cost_of_miss": cost_of_miss})


def _seal(directory: Path, metadata: bundles.Metadata) -> str:
    """Write the card, hash every file, write model.json and return its SHA-256."""
    (directory / "MODEL_CARD.md").write_text(card.write(metadata), encoding="utf-8")
    files = {
        file.relative_to(directory).as_posix(): bundles.sha256(file.read_bytes())
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }
    content = bundles.encode(bundles.with_files(metadata, files))
    (directory / bundles.METADATA).write_bytes(content)
    return bundles.sha256(content)


def _check_target(out: Path) -> None:
    if not out.exists() or (out / bundles.METADATA).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise TrainingError(f"{out} exists and is no model bundle: name another directory.")


@contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """A directory beside `out` that takes its place at the end; interrupted, it leaves what was there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        if out.exists():
            os.rename(out, work / "old")
        os.rename(fresh, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
