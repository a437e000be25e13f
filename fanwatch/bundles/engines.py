"""Engines that run a bundle's network, of either kind: LiteRT, where it is installed, or TensorFlow."""

import importlib.util
import os
import threading
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles.verified import LITERT_FILE, SAVED_MODEL, VerifiedBundle
from fanwatch.errors import BundleError, SettingsError

TOLERANCE: Final = 1e-5
"""How far an engine's outputs may lie from the bundle's test vector, as a share of them where they are above 1."""
PACKAGES: Final = {"litert": "ai_edge_litert", "tensorflow": "tensorflow"}
"""Engine, preferred first: the package that it needs."""
_PADDED_ROWS: Final = 64
"""Batches for TensorFlow are filled up to a multiple of this: few rows take other kernels, whose last bits may
differ."""

Floats = NDArray[np.float32]


class Engine(Protocol):
    """Runs a network. Safe to call from several threads."""

    def score(self, rows: Floats) -> Floats:
        """Outputs, shape (n,) or (n, outputs), of rows of inputs, shape (n, inputs).

        A row's outputs do not depend, not in their last bit, on which other rows are in the batch.
        """


class Vector(Protocol):
    """Inputs, and what every engine must make of them."""

    @property
    def inputs(self) -> Sequence[Sequence[float]]:
        """Rows of inputs."""

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs of each row: a number, or several."""


class LiteRt:
    """Runs a TFLite model on one thread: more do not help a network this small. A row costs a few microseconds."""

    def __init__(self, model: bytes, named: str) -> None:
        """BundleError, with how the model is `named`, where it does not load."""
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            inputs, outputs = (
                self._interpreter.get_input_details()[0],
                self._interpreter.get_output_details()[0],
            )
            self._input: int = inputs["index"]
            self._output: int = outputs["index"]
            self._width = int(inputs["shape"][-1])
            self._resize(1)
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{named} does not load in LiteRT: {error}.") from error

    def score(self, rows: Floats) -> Floats:
        """See `Engine`. A batch of another size than the one before costs 10 µs more."""
        with self._lock:
            if len(rows) != self._rows:
                if not len(rows):
                    return np.empty((0, *self._read().shape[1:]), dtype=np.float32)
                self._resize(len(rows))
            self._write()[:] = rows
            self._interpreter.invoke()
            # A view into the interpreter would change with the next batch.
            result: Floats = self._read().copy()
        return result

    def _resize(self, rows: int) -> None:
        self._interpreter.resize_tensor_input(self._input, [rows, self._width])
        self._interpreter.allocate_tensors()
        self._write = self._interpreter.tensor(self._input)
        self._read = self._interpreter.tensor(self._output)
        self._rows = rows


class TensorFlow:
    """Runs `saved_model/`, whose function takes one tensor and gives one."""

    def __init__(self, bundle: VerifiedBundle[Any]) -> None:
        """BundleError where it does not load."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        directory = bundle.path / SAVED_MODEL
        bundle.read(f"{SAVED_MODEL}/saved_model.pb")
        try:
            # Without the reference the variables would go, and the function with them.
            self._model = tf.saved_model.load(str(directory))
            self._function = self._model.signatures["serving_default"]
            ((self._input, spec),) = self._function.structured_input_signature[1].items()
            (self._output,) = self._function.structured_outputs
        except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
            raise BundleError(f"{directory} does not load in TensorFlow: {error}.") from error
        self._width = int(spec.shape[-1])
        self._constant = tf.constant

    def score(self, rows: Floats) -> Floats:
        """See `Engine`."""
        padded = np.zeros((-(-len(rows) // _PADDED_ROWS) * _PADDED_ROWS, self._width), np.float32)
        padded[: len(rows)] = rows
        outputs = self._function(**{self._input: self._constant(padded)})[self._output]
        found: Floats = outputs.numpy()[: len(rows)]
        return found


def open_engine(bundle: VerifiedBundle[Any], engine: str | None = None) -> Engine:
    """The engine named, `litert` or `tensorflow`, or else the one that is installed, holding the bundle's network.

    Raises SettingsError where there is no such engine, BundleError where it does not give the bundle's test vector.
    """
    installed = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    name = engine or next(iter(installed), None)
    if name is None:
        raise SettingsError("No engine is installed: install ai-edge-litert, or tensorflow-cpu.")
    if name not in PACKAGES:
        raise SettingsError(f"FANWATCH_ENGINE={name} is no engine: use {' or '.join(PACKAGES)}.")
    if name not in installed:
        raise SettingsError(
            f"FANWATCH_ENGINE={name} needs the package {PACKAGES[name]}, which is not installed."
        )
    opened: Engine
    if name == "litert":
        # The bytes that were checked, and not the file again, which could have changed since.
        opened = LiteRt(bundle.read(LITERT_FILE), str(bundle.path / LITERT_FILE))
    else:
        opened = TensorFlow(bundle)
    vector: Vector = bundle.metadata.test_vector
    expected = np.array(vector.outputs)
    found = opened.score(np.array(vector.inputs, np.float32))
    off = float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max())
    if not off <= TOLERANCE:
        raise BundleError(f"{bundle.path} fails its test vector with {name}: outputs are off by {off:.2g}.")
    return opened
