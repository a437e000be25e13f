"""TensorFlow, the engine of clusters: the SavedModel's concrete function, called with tensors."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fanwatch.bundles.anomaly import SAVED_MODEL, Bundle
from fanwatch.errors import BundleError

_PADDED_ROWS = 64
"""Batches are filled up to a multiple of this: few rows take other kernels, whose last bits may differ."""


class TensorFlow:
    """Runs `saved_model/`."""

    def __init__(self, bundle: Bundle) -> None:
        directory = bundle.path / SAVED_MODEL
        bundle.read(f"{SAVED_MODEL}/saved_model.pb")
        try:
            # Without the reference the variables would go, and the function with them.
            self._model = tf.saved_model.load(str(directory))
            self._function = self._model.signatures["serving_default"]
        except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
            raise BundleError(f"{directory} does not load in TensorFlow: {error}.") from error

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        rows = len(batch)
        padded = np.zeros((-(-rows // _PADDED_ROWS) * _PADDED_ROWS, batch.shape[1]), dtype=np.float32)
        padded[:rows] = batch
        result: NDArray[np.float32] = self._function(params=tf.constant(padded))["probability"].numpy()[:rows]
        return result
