"""LiteRT, for which a row costs a few microseconds and a start a fraction of a second."""

import threading

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from fanwatch.bundles.anomaly import LITERT_FILE, Bundle
from fanwatch.errors import BundleError
from fanwatch.sensors import FEATURES


class LiteRt:
    """Runs `model.tflite` on one thread: more do not help a network this small."""

    def __init__(self, bundle: Bundle) -> None:
        self._lock = threading.Lock()
        try:
            # The bytes that were checked, and not the file again, which could have changed since.
            self._interpreter = Interpreter(model_content=bundle.read(LITERT_FILE), num_threads=1)
            self._input: int = self._interpreter.get_input_details()[0]["index"]
            self._output: int = self._interpreter.get_output_details()[0]["index"]
            self._resize(1)
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{bundle.path / LITERT_FILE} does not load in LiteRT: {error}.") from error

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`. A batch of another size than the one before costs 10 µs more."""
        if not len(batch):
            return np.empty(0, dtype=np.float32)
        with self._lock:
            if len(batch) != self._rows:
                self._resize(len(batch))
            self._write()[:] = batch
            self._interpreter.invoke()
            # A view into the interpreter would change with the next batch.
            result: NDArray[np.float32] = self._read().copy()
        return result

    def _resize(self, rows: int) -> None:
        self._interpreter.resize_tensor_input(self._input, [rows, len(FEATURES)])
        self._interpreter.allocate_tensors()
        self._write = self._interpreter.tensor(self._input)
        self._read = self._interpreter.tensor(self._output)
        self._rows = rows
