"""Engines that run a forecast bundle's network: LiteRT, or TensorFlow."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from fanwatch.bundles.anomaly import LITERT_FILE, SAVED_MODEL, locate
from fanwatch.errors import BundleError, SettingsError
from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.bundle import OUTPUTS, ForecastBundle, load
from fanwatch.forecast.model import NAME, Scores
from fanwatch.forecast.windows import NAMES

if TYPE_CHECKING:
    from fanwatch.forecast.model import Machine

TOLERANCE: Final = 1e-5
"""How far an engine's outputs may lie from the test vector, as a share of them where they are above 1."""
_PACKAGES: Final = {"litert": "ai_edge_litert", "tensorflow": "tensorflow"}
_PADDED_ROWS: Final = 64


class Engine(Protocol):
    """Runs the network."""

    def run(self, features: Floats) -> Floats:
        """Outputs, shape (n, OUTPUTS), of features, shape (n, len(NAMES))."""


class LiteRt:
    """Runs a TFLite model on one thread."""

    def __init__(self, model: bytes, named: str) -> None:
        """BundleError, with how the model is `named`, where it does not load."""
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            self._input: int = self._interpreter.get_input_details()[0]["index"]
            self._output: int = self._interpreter.get_output_details()[0]["index"]
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{named} does not load in LiteRT: {error}.") from error
        self._rows = 0

    def run(self, features: Floats) -> Floats:
        """See `Engine`."""
        if len(features) != self._rows:
            self._interpreter.resize_tensor_input(self._input, [len(features), len(NAMES)])
            self._interpreter.allocate_tensors()
            self._rows = len(features)
        self._interpreter.set_tensor(self._input, features)
        self._interpreter.invoke()
        outputs: Floats = self._interpreter.get_tensor(self._output)
        return outputs


class TensorFlow:
    """Runs `saved_model/`."""

    def __init__(self, bundle: ForecastBundle) -> None:
        import os

        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        directory = bundle.path / SAVED_MODEL
        bundle.read(f"{SAVED_MODEL}/saved_model.pb")
        try:
            # Without the reference the variables would go, and the function with them.
            self._model = tf.saved_model.load(str(directory))
            self._function = self._model.signatures["serving_default"]
        except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
            raise BundleError(f"{directory} does not load in TensorFlow: {error}.") from error
        self._constant = tf.constant

    def run(self, features: Floats) -> Floats:
        """See `Engine`. Few rows would take other kernels, whose last bits may differ: they are filled up."""
        rows = len(features)
        padded = np.zeros((-(-rows // _PADDED_ROWS) * _PADDED_ROWS, len(NAMES)), np.float32)
        padded[:rows] = features
        outputs: Floats = self._function(features=self._constant(padded))["outputs"].numpy()[:rows]
        return outputs


def split(outputs: Floats) -> Scores:
    """The scores in a network's outputs, shape (n, OUTPUTS)."""
    risk, hours, drift, cause = np.split(outputs, (1, 4, 4 + SENSORS), axis=1)
    return Scores(risk[:, 0].copy(), hours.copy(), drift.copy(), cause.copy())


class Trained:
    """A forecast model out of a bundle; see `ForecastModel`."""

    def __init__(self, bundle: ForecastBundle, engine: Engine, machine: "Machine | None" = None) -> None:
        metadata = bundle.metadata
        self.name = bundle.model
        self.machine = machine or metadata.machine
        self.edges: Floats = np.array([sensor.healthy for sensor in metadata.sensors], np.float32)
        self._engine = engine

    def score(self, features: Floats) -> Scores:
        """See `ForecastModel`."""
        if not len(features):
            outputs = np.empty((0, OUTPUTS), np.float32)
        else:
            outputs = self._engine.run(np.ascontiguousarray(features, np.float32))
        return split(outputs)


def open_model(
    source: str | Path | None = None, pin: str | None = None, engine: str | None = None
) -> Trained:
    """The forecast model of the bundle in directory `source`, by default the newest of models/fan-forecast.

    `pin` is the SHA-256 that `model.json` must have; `engine` is `litert` or `tensorflow`, by default what is
    installed. Raises BundleError or SettingsError, each one line for a person.
    """
    bundle = load(locate(None if source is None else str(source), NAME), pin)
    return Trained(bundle, open_engine(bundle, engine))


def open_engine(bundle: ForecastBundle, engine: str | None = None) -> Engine:
    """The engine named, or the one that is installed, holding the bundle's network and giving its test vector."""
    name = engine or next(
        (each for each, package in _PACKAGES.items() if importlib.util.find_spec(package)), None
    )
    if name is None:
        raise SettingsError("No engine is installed: install ai-edge-litert, or tensorflow-cpu.")
    if name not in _PACKAGES:
        raise SettingsError(f"FANWATCH_ENGINE={name} is no engine: use {' or '.join(_PACKAGES)}.")
    if importlib.util.find_spec(_PACKAGES[name]) is None:
        raise SettingsError(
            f"FANWATCH_ENGINE={name} needs the package {_PACKAGES[name]}, which is not installed."
        )
    opened: Engine = (
        LiteRt(bundle.read(LITERT_FILE), str(bundle.path / LITERT_FILE))
        if name == "litert"
        else TensorFlow(bundle)
    )
    vector = bundle.metadata.test_vector
    found, expected = opened.run(np.array(vector.inputs, np.float32)), np.array(vector.outputs)
    off = float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max())
    if not off <= TOLERANCE:
        raise BundleError(f"{bundle.path} fails its test vector with {name}: outputs are off by {off:.2g}.")
    return opened
