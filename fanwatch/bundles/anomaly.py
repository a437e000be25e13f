"""The bundle that scores single readings: what its `model.json` says."""

import math
from pathlib import Path
from typing import Final

import msgspec

from fanwatch.bundles import verified
from fanwatch.bundles.verified import Origin, Range, VerifiedBundle
from fanwatch.errors import BundleError
from fanwatch.sensors import Values

NAME: Final = "fan-anomaly"
SCORES_FILE: Final = "scores.csv"
"""How often the model gave each probability on its validation and test rows; moves the threshold without data."""
VALIDATION_FILE: Final = "validation.csv"
"""Some of the validation rows: on these, this model and another one are compared."""


class Healthy(msgspec.Struct, frozen=True):
    """What healthy fans show, in the feature's unit: the median, and the range of 98 in 100 readings."""

    low: float
    median: float
    high: float


class Feature(msgspec.Struct, frozen=True):
    """One input of the network."""

    name: str
    unit: str
    healthy: Healthy
    trained: Range
    """Lowest and highest value in the training rows; beyond it the network guesses."""
    plausible: tuple[float | None, float | None]
    """Lowest and highest value that a working sensor gives; None: any."""

    @property
    def limits(self) -> Range:
        """The same as numbers, infinite ones for any."""
        low, high = self.plausible
        return -math.inf if low is None else low, math.inf if high is None else high


class Threshold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reading is a fault where its probability, rounded to 4 decimals, is at least `value`."""

    value: float
    chosen: str
    """How it was chosen, in a sentence."""
    miss_cost: float | None = None
    """What an overlooked fault was taken to cost; None where the threshold was set by hand."""
    false_alarm_cost: float | None = None
    """What a false alarm was taken to cost."""


class TestVector(msgspec.Struct, frozen=True):
    """Inputs in the features' units, and the probabilities that every engine must give within 1e-5."""

    inputs: list[Values]
    outputs: list[float] = msgspec.field(name="probabilities")


class Metadata(msgspec.Struct, frozen=True):
    """The content of `model.json`."""

    name: str
    version: int
    features: tuple[Feature, ...]
    """The kind's sensors, in its order."""
    threshold: Threshold
    metrics: dict[str, int | float]
    """Of the test rows, which neither training nor the threshold has seen."""
    origin: Origin
    files: dict[str, str]
    """SHA-256 of every other file of the bundle, by its path within it."""
    test_vector: TestVector


class Bundle(VerifiedBundle[Metadata]):
    """A bundle that scores readings."""


def load(source: str | Path, pin: str | None = None) -> Bundle:
    """Check the bundle in directory `source` and return it; `pin` is the SHA-256 that `model.json` must have.

    Raises BundleError, naming the file, where the directory or a file is missing, altered or not vouched for.
    """
    return verified.load(Bundle, Metadata, source, pin, _check)


def _check(file: Path, metadata: Metadata) -> None:
    verified.check_sensors(file, [feature.name for feature in metadata.features])
    vector = metadata.test_vector
    if not vector.inputs or len(vector.inputs) != len(vector.outputs):
        raise BundleError(f"{file} has no usable test vector: train the bundle again.")
    for feature in metadata.features:
        lowest, highest = feature.limits
        trained_low, trained_high = feature.trained
        if not lowest <= trained_low <= feature.healthy.median <= trained_high <= highest:
            raise BundleError(f"{file} has ranges of {feature.name} that contradict each other.")
