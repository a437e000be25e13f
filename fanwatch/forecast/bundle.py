"""The bundle of a forecast model, and the model that it holds."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from fanwatch.bundles import verified
from fanwatch.bundles.engines import Engine, open_engine
from fanwatch.bundles.verified import Origin, Range, VerifiedBundle
from fanwatch.errors import BundleError
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.model import NAME, Machine, Scores
from fanwatch.forecast.windows import NAMES
from fanwatch.sensors import FEATURES

OUTPUT_NAMES: Final = (
    "risk",
    "hours q10",
    "hours q50",
    "hours q90",
    *(f"drift {name}" for name in FEATURES),
    *(f"cause {name}" for name in FEATURES),
)
OUTPUTS: Final = len(OUTPUT_NAMES)


class Sensor(msgspec.Struct, frozen=True):
    """One sensor that the forecast watches."""

    name: str
    unit: str
    healthy: Range
    """Of the training history's healthy readings all but 1 in 1,000 at either side: features are shares of it."""


class TestVector(msgspec.Struct, frozen=True):
    """Rows of features, and the outputs that every engine must give within a hundred-thousandth of their size."""

    inputs: list[list[float]]
    outputs: list[list[float]]


class ForecastMetadata(msgspec.Struct, frozen=True):
    """The content of `model.json`."""

    name: str
    version: int
    sensors: tuple[Sensor, ...]
    """The kind's sensors, in its order."""
    features: tuple[str, ...]
    """Names of the network's inputs, in order: those of the software that trained it."""
    outputs: tuple[str, ...]
    machine: Machine
    """How risks become alarms."""
    chosen: str
    """How the machine's numbers were chosen, in a sentence."""
    metrics: dict[str, int | float]
    """Of validation fans, from which the machine's numbers were chosen; figures of unseen fans: docs/prediction.md."""
    origin: Origin
    files: dict[str, str]
    test_vector: TestVector


class ForecastBundle(VerifiedBundle[ForecastMetadata]):
    """A bundle that forecasts."""


class NetworkModel:
    """A forecast model whose risks come from a network; see `ForecastModel`."""

    def __init__(self, name: str, engine: Engine, edges: Floats, machine: Machine) -> None:
        self.name, self.edges, self.machine = name, edges, machine
        self._engine = engine

    def score(self, features: Floats) -> Scores:
        """See `ForecastModel`."""
        outputs = self._engine.score(np.ascontiguousarray(features, np.float32))
        risk, hours, drift, cause = np.split(outputs, (1, 4, 4 + SENSORS), axis=1)
        return Scores(risk[:, 0].copy(), hours.copy(), drift.copy(), cause.copy())


def load(source: str | Path, pin: str | None = None) -> ForecastBundle:
    """Check the bundle in directory `source`; BundleError, naming the file, where it is not what it should be."""
    return verified.load(ForecastBundle, ForecastMetadata, source, pin, _check)


def open_model(
    source: str | Path | None = None, pin: str | None = None, engine: str | None = None
) -> NetworkModel:
    """The forecast model of the bundle in directory `source`, by default the newest of models/fan-forecast.

    `pin` is the SHA-256 that `model.json` must have; `engine` is `litert` or `tensorflow`, by default what is
    installed. Raises BundleError or SettingsError, each one line for a person.
    """
    bundle = load(verified.locate(None if source is None else str(source), NAME), pin)
    return model_of(bundle, engine)


def model_of(bundle: ForecastBundle, engine: str | None = None) -> NetworkModel:
    """The model that a bundle holds; errors as of `open_engine`."""
    metadata = bundle.metadata
    edges: Floats = np.array([sensor.healthy for sensor in metadata.sensors], np.float32)
    return NetworkModel(bundle.model, open_engine(bundle, engine), edges, metadata.machine)


def _check(file: Path, metadata: ForecastMetadata) -> None:
    if metadata.name != NAME:
        raise BundleError(f"{file} is of {metadata.name}, no {NAME}: name a forecast model's bundle.")
    verified.check_sensors(file, [sensor.name for sensor in metadata.sensors])
    if metadata.features != NAMES:
        raise BundleError(
            f"{file} was trained for other features than this software computes: train it again."
        )
    for sensor in metadata.sensors:
        if not sensor.healthy[0] < sensor.healthy[1]:
            raise BundleError(f"{file} has a healthy range of {sensor.name} that is none: train it again.")
    machine, vector = metadata.machine, metadata.test_vector
    if not (0 < machine.exit <= machine.warning < 1 and 0 < machine.alarm < 1):
        raise BundleError(f"{file} has thresholds that contradict each other: train it again.")
    rows = np.array([len(row) for row in vector.inputs])
    if not len(rows) or (rows != len(NAMES)).any() or len(vector.outputs) != len(rows):
        raise BundleError(f"{file} has no usable test vector: train the bundle again.")
    if any(len(row) != OUTPUTS for row in vector.outputs):
        raise BundleError(f"{file} has a test vector of another network: train the bundle again.")
