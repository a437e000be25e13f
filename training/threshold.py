"""`threshold`: a bundle with another threshold, as a new version, without training and without data."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles.anomaly import Bundle, Metadata, Threshold
from fanwatch.errors import BundleError
from training import card, scores
from training.bundle_writer import TrainingError, check_target, directory, seal
from training.metrics import Metrics, intervals, measured, plain
from training.scores import Costs, Scores


class Moved(NamedTuple):
    """A bundle with another threshold."""

    path: Path
    digest: str
    """SHA-256 of its model.json: the pin for stack.yml."""
    metadata: Metadata
    before: Metadata
    validation: Scores
    test: Scores

    def tests(self) -> tuple[Metrics, Metrics]:
        """On the test rows, before and after."""
        return measured(self.test, self.before.threshold.value), measured(
            self.test, self.metadata.threshold.value
        )


def move(model: Path, out: Path, version: int, to: Costs | float) -> Moved:
    """Copy the bundle `model` to `out` as `version`, its threshold being the cheapest at these costs, or a value.

    BundleError where the bundle is not whole or has no record of its scores; TrainingError where `out` holds
    something else, or the version would stay the same.
    """
    bundle = bundles.load(model)
    before = bundle.metadata
    if version == before.version:
        raise TrainingError(
            f"{model} is version {version} already: give the moved threshold another, as by --version {version + 1}."
        )
    validation, test = recorded(bundle)
    check_target(out)
    metadata = msgspec.structs.replace(before, version=version, threshold=_threshold(validation, to))
    value = metadata.threshold.value
    metrics = dict(plain(measured(test, value), intervals(test, value)))
    metadata = msgspec.structs.replace(metadata, metrics=metrics)
    with directory(out) as fresh:
        for name in bundle.names():
            if name == card.FILE:
                continue
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(bundle.read(name))
        digest = seal(fresh, metadata, card.write(metadata))
        bundles.load(fresh, digest)
    return Moved(out, digest, metadata, before, validation, test)


def recorded(bundle: Bundle) -> tuple[Scores, Scores]:
    """Scores of the bundle's validation and test rows. BundleError where it has none."""
    if bundles.SCORES_FILE not in bundle.names():
        raise BundleError(
            f"{bundle.path} keeps no record of its scores ({bundles.SCORES_FILE}), which moving a threshold needs:"
            " train the model again."
        )
    return scores.read(bundle.read(bundles.SCORES_FILE))


def _threshold(validation: Scores, to: Costs | float) -> Threshold:
    if isinstance(to, Costs):
        return Threshold(
            scores.cheapest(validation, to), card.chosen_by_cost(validation, to), to.miss, to.false_alarm
        )
    value = round(to, 4)
    if not 0 < value < 1:
        raise TrainingError(f"{to:g} is no threshold: it lies between 0.0001 and 0.9999.")
    return Threshold(value, "hand")
