"""Write a trained network as SavedModel and LiteRT file, the same bytes each time.

Imports TensorFlow; import this module only where training was asked for.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles.verified import LITERT_FILE, SAVED_MODEL
from fanwatch.sensors import FEATURES
from training.tensorflow import tf

_INPUT = tf.TensorSpec((None, len(FEATURES)), tf.float32, name="params")


class _Exported(tf.Module):  # type: ignore[misc]
    """The network as plain variables: a graph of a dozen operations, without Keras' own records."""

    def __init__(self, network: Any) -> None:
        super().__init__(name="fan_anomaly")
        scale, *dense = network.layers
        self.mean = tf.Variable(np.asarray(scale.mean), trainable=False, name="mean")
        self.deviation = tf.Variable(_deviation(scale), trainable=False, name="deviation")
        self.weights = [
            tf.Variable(np.asarray(layer.kernel), name=f"weights_{layer.units}") for layer in dense
        ]
        self.biases = [tf.Variable(np.asarray(layer.bias), name=f"bias_{layer.units}") for layer in dense]

    @tf.function(input_signature=[_INPUT])  # type: ignore[untyped-decorator]
    def score(self, params: tf.Tensor) -> dict[str, tf.Tensor]:
        """Probability of a fault, shape (n,), for raw features, shape (n, sensors)."""
        signal = (params - self.mean) / self.deviation
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            signal = tf.nn.relu(tf.matmul(signal, weights) + bias)
        logit = tf.matmul(signal, self.weights[-1]) + self.biases[-1]
        return {"probability": tf.sigmoid(logit)[:, 0]}


def export(network: Any, directory: Path) -> None:
    """Write `saved_model/` and `model.tflite` of a network from `training.network.fit` into `directory`."""
    module = _Exported(network)
    signature = module.score.get_concrete_function()
    saved = directory / SAVED_MODEL
    tf.saved_model.save(module, str(saved), signatures={"serving_default": signature})
    _make_reproducible(saved)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], module)
    (directory / LITERT_FILE).write_bytes(converter.convert())


def _deviation(scale: Any) -> NDArray[np.float32]:
    # As Keras does it: a sensor that always showed the same must not divide by zero.
    deviation: NDArray[np.float32] = np.maximum(np.sqrt(np.asarray(scale.variance)), np.float32(1e-7))
    return deviation


def score(network: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of a fault, shape (n,), by the trained network itself."""
    probabilities: NDArray[np.float32] = tf.sigmoid(network(tf.constant(features)))[:, 0].numpy()
    return probabilities


def _make_reproducible(saved: Path) -> None:
    # The fingerprint holds a random UUID, and loading does not need it. Maps in the graph may be written in any
    # order, unless the serialisation is told to sort them.
    (saved / "fingerprint.pb").unlink()
    graph = saved / "saved_model.pb"
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    graph.write_bytes(message.SerializeToString(deterministic=True))
    assets = saved / "assets"
    if assets.is_dir():
        assets.rmdir()
