"""A model bundle: a directory with the network in two forms and `model.json`, which vouches for every file in
it.

Nothing of a bundle is parsed before its checksum was compared: `model.json` against the pin, every other file
against `model.json`. A bundle that was altered, half copied or belongs to another pin is refused with one
line.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from fanwatch.bundles.verified import VerifiedBundle
from fanwatch.errors import BundleError
from fanwatch.messages.refusals import in_words
from fanwatch.sensors import FEATURES, Values

NAME: Final = "fan-anomaly"
METADATA: Final = "model.json"
LITERT_FILE: Final = "model.tflite"
SAVED_MODEL: Final = "saved_model"
SCORES_FILE: Final = "scores.csv"
"""How often the model gave each probability on its validation and test rows; moves the threshold without data."""
VALIDATION_FILE: Final = "validation.csv"
"""Some of the validation rows: on these, this model and another one are compared."""

Range = tuple[float, float]


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
    plausible: Range
    """Lowest and highest value that a working sensor gives."""


class Threshold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reading is a fault where its probability, rounded to 4 decimals, is at least `value`."""

    value: float
    chosen: str
    """How it was chosen, in a sentence."""
    miss_cost: float | None = None
    """What an overlooked fault was taken to cost; None where the threshold was set by hand."""
    false_alarm_cost: float | None = None
    """What a false alarm was taken to cost."""


class Origin(msgspec.Struct, frozen=True):
    """What the model was made from: the data, and the recipe. What came of it is held by golden predictions."""

    data_sha256: str
    rows: dict[str, int]
    """Rows used for training, validation and test."""
    settings: dict[str, int | float]
    libraries: dict[str, str] = {}
    """Versions of the libraries that decide what a training gives, by name."""


class TestVector(msgspec.Struct, frozen=True):
    """Inputs in the features' units, and the probabilities that every engine must give within 1e-5."""

    inputs: list[Values]
    probabilities: list[float]


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
    path, raw, digest = vouched(source, pin)
    metadata = _parse(path, raw)
    return Bundle(path, digest, metadata, checked(path, metadata.files))


def vouched(source: str | Path, pin: str | None) -> tuple[Path, bytes, str]:
    """The directory, the bytes of its `model.json` and their SHA-256, which must be `pin` where one is given."""
    path = Path(source)
    raw = _read(path, METADATA)
    digest = sha256(raw)
    if pin is not None and digest != pin.strip().lower():
        raise BundleError(
            f"{path / METADATA} has SHA-256 {digest}, not the pinned {pin}: deploy the bundle"
            " that belongs to the pin, or put this one into stack.yml if it is meant."
        )
    return path, raw, digest


def checked(path: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """The content of each of the bundle's files by name; BundleError unless they are all there, as vouched for."""
    contents = {name: _checked(path, name, expected) for name, expected in files.items()}
    stray = sorted(_present(path) - contents.keys() - {METADATA})
    if stray:
        raise BundleError(
            f"{path / stray[0]} is not listed in {METADATA}: remove it, or train the bundle again."
        )
    return contents


def locate(setting: str | None, name: str = NAME) -> Path:
    """The directory that a setting names, by default the newest version of the model `name`.

    A relative path is looked for in the working directory and beside this package, which is where the
    repository and a function's image both have `models/`.
    """
    roots = (Path.cwd(), Path.cwd() / "function", Path(__file__).resolve().parents[2])
    if setting is not None:
        return next((root / setting for root in roots if (root / setting).is_dir()), Path(setting))
    for models in (root / "models" / name for root in roots):
        versions = [path for path in models.glob("*") if path.name.isdecimal()]
        if versions:
            return max(versions, key=lambda path: int(path.name))
    raise BundleError(f"There is no models/{name} here: name the directory of a model bundle.")


def sha256(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def encode(metadata: Metadata) -> bytes:
    """The bytes of `model.json`, indented; the same metadata gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n"


def with_files(metadata: Metadata, files: dict[str, str]) -> Metadata:
    """The metadata, vouching for `files`: SHA-256 by path."""
    return msgspec.structs.replace(metadata, files=files)


def _parse(path: Path, raw: bytes) -> Metadata:
    try:
        metadata = msgspec.json.decode(raw, type=Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"{path / METADATA} is not the description of a model: {in_words(error, Metadata)}. Train it again."
        ) from error
    sensors = tuple(feature.name for feature in metadata.features)
    if sensors != FEATURES:
        raise BundleError(
            f"{path / METADATA} is of a model for {', '.join(sensors) or 'no sensor'}, and machines/fan.toml declares"
            f" {', '.join(FEATURES)}: train a model on their history."
        )
    vector = metadata.test_vector
    if not vector.inputs or len(vector.inputs) != len(vector.probabilities):
        raise BundleError(f"{path / METADATA} has no usable test vector: train the bundle again.")
    for feature in metadata.features:
        lowest, highest = feature.plausible
        trained_low, trained_high = feature.trained
        if not lowest <= trained_low <= feature.healthy.median <= trained_high <= highest:
            raise BundleError(f"{path / METADATA} has ranges of {feature.name} that contradict each other.")
    return metadata


def check_name(described: str | Path, name: str) -> None:
    """BundleError where a file that the description at `described` names would lie outside the bundle."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not parts.parts:
        raise BundleError(f"{described} names {name!r}, which lies outside the bundle.")


def _checked(path: Path, name: str, expected: str) -> bytes:
    check_name(path / METADATA, name)
    content = _read(path, name)
    if sha256(content) != expected:
        raise BundleError(
            f"{path / name} is not the file that {METADATA} vouches for: copy the bundle again."
        )
    return content


def _read(path: Path, name: str) -> bytes:
    file = path / name
    try:
        if not file.resolve(strict=True).is_relative_to(path.resolve(strict=True)):
            raise BundleError(f"{file} points outside the bundle {path}.")
        return file.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{file} cannot be read ({error.strerror}): is {path} a complete model bundle?"
        ) from error


def _present(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
