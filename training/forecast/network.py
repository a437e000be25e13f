"""The forecast's network: one net of two hidden layers for risk, hours to failure and drifting sensors.

Imports TensorFlow; import this module only where training was asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from fanwatch.bundles.engines import LiteRt
from fanwatch.bundles.verified import LITERT_FILE, SAVED_MODEL
from fanwatch.forecast.bins import Floats
from fanwatch.forecast.bundle import OUTPUTS
from fanwatch.forecast.windows import NAMES
from training.export import _make_reproducible as make_reproducible
from training.forecast.samples import Samples
from training.network import _one_thread as one_thread
from training.tensorflow import keras, tf

LAYERS: Final = (32, 16)
FARTHEST: Final = 8.0
"""Standard deviations from the mean: so far off, a feature says no more than that it is."""
LONGEST: Final = float(np.log1p(8760))
BROKEN_WEIGHT: Final = 15.0
"""So much more it counts to take a drifting sensor for a worn fan: each of these episodes is told for nothing."""
QUANTILES: Final = (0.1, 0.5, 0.9)
_INPUT: Final = tf.TensorSpec((None, len(NAMES)), tf.float32, name="features")


class Recipe(NamedTuple):
    """How to train."""

    seed: int = 1
    epochs: int = 20
    batch: int = 1024
    learning_rate: float = 0.004
    weight_decay: float = 0.1
    """Strong: rows of one fault resemble each other, so that a net left free learns the faults by heart."""
    most_rows: int = 300_000


class Network:
    """Trained weights, in numpy."""

    def __init__(self, mean: Floats, deviation: Floats, weights: list[tuple[Floats, Floats]]) -> None:
        self.mean, self.deviation, self.weights = mean, deviation, weights
        self.wider = np.zeros(2, np.float32)
        """By how much the 10 % and 90 % quantile are moved apart, in logarithms of 1 + hours."""


def fit(samples: Samples, recipe: Recipe, on_epoch: Callable[[int, float], None]) -> Network:
    """Train on rows. The same rows, recipe and kind of CPU give the same weights to the last bit."""
    one_thread()
    keras.utils.set_random_seed(recipe.seed)
    inputs = samples.features
    mean, deviation = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    hidden = [keras.layers.Dense(width, activation="relu") for width in LAYERS]
    net = keras.Sequential([keras.Input((len(NAMES),)), *hidden, keras.layers.Dense(OUTPUTS)])
    batch = min(recipe.batch, len(inputs))
    steps = len(inputs) // batch
    decay = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps * recipe.epochs)
    optimizer = keras.optimizers.AdamW(decay, weight_decay=recipe.weight_decay)
    optimizer.build(net.trainable_variables)
    known = np.isfinite(samples.hours)
    data = tf.constant(np.clip((inputs - mean) / deviation, -FARTHEST, FARTHEST))
    hours = np.log1p(np.where(known, samples.hours, 0))
    target = tf.constant(
        np.column_stack((samples.worn, known, hours, samples.drift, samples.cause)).astype(np.float32)
    )

    @tf.function  # type: ignore[untyped-decorator]
    def epoch_of(order: tf.Tensor) -> tf.Tensor:
        total = 0.0
        for step in tf.range(steps):
            rows = order[step * batch : (step + 1) * batch]
            with tf.GradientTape() as tape:
                loss = _loss(tf.gather(target, rows), net(tf.gather(data, rows), training=True))
            optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
            total += loss
        return total / tf.cast(steps, tf.float32)

    shuffle = np.random.default_rng(recipe.seed)
    for epoch in range(1, recipe.epochs + 1):
        loss = float(epoch_of(tf.constant(shuffle.permutation(len(inputs)).astype(np.int32))))
        on_epoch(epoch, loss)
    return Network(mean, deviation, [(layer.kernel.numpy(), layer.bias.numpy()) for layer in net.layers])


def export(network: Network, directory: Path) -> None:
    """Write `saved_model/` and `model.tflite` into `directory`, the same bytes each time."""
    module = Exported(network)
    signature = module.score.get_concrete_function()
    saved = directory / SAVED_MODEL
    tf.saved_model.save(module, str(saved), signatures={"serving_default": signature})
    make_reproducible(saved)
    (directory / LITERT_FILE).write_bytes(_converted(module))


def in_memory(network: Network) -> LiteRt:
    """Runs a network that is not exported yet: as in service, and quicker than TensorFlow for a few rows."""
    return LiteRt(_converted(Exported(network)), "The network")


def _converted(module: "Exported") -> bytes:
    signature = module.score.get_concrete_function()
    model: bytes = tf.lite.TFLiteConverter.from_concrete_functions([signature], module).convert()
    return model


class Exported(tf.Module):  # type: ignore[misc]
    """The network as plain variables, from features to probabilities and hours."""

    def __init__(self, network: Network) -> None:
        super().__init__(name="fan_forecast")
        self.mean = tf.Variable(network.mean, trainable=False, name="mean")
        self.deviation = tf.Variable(network.deviation, trainable=False, name="deviation")
        self.wider = tf.Variable(network.wider, trainable=False, name="wider")
        self.weights = [
            tf.Variable(kernel, name=f"weights_{i}") for i, (kernel, _) in enumerate(network.weights)
        ]
        self.biases = [tf.Variable(bias, name=f"bias_{i}") for i, (_, bias) in enumerate(network.weights)]

    @tf.function(input_signature=[_INPUT])  # type: ignore[untyped-decorator]
    def score(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Outputs in the order of OUTPUT_NAMES, shape (n, OUTPUTS), for features, shape (n, len(NAMES))."""
        signal = tf.clip_by_value((features - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            signal = tf.nn.relu(tf.matmul(signal, weights) + bias)
        raw = tf.matmul(signal, self.weights[-1]) + self.biases[-1]
        low, middle, high = _quantiles(raw)
        # Moved by what validation fans ask for, which may be towards the middle, but never across it.
        low, high = tf.minimum(low - self.wider[0], middle), tf.maximum(high + self.wider[1], middle)
        hours = tf.concat([low, middle, high], axis=1)
        # Features unlike any that were learned from may lead anywhere; a year is long enough.
        hours = tf.exp(tf.clip_by_value(hours, 0.0, LONGEST)) - 1.0
        return {"outputs": tf.concat([tf.sigmoid(raw[:, :1]), hours, tf.sigmoid(raw[:, 4:])], axis=1)}


def _quantiles(raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Quantiles of log(1 + hours) that cannot cross, each of shape (n, 1)."""
    middle = raw[:, 2:3]
    return middle - tf.nn.softplus(raw[:, 1:2]), middle, middle + tf.nn.softplus(raw[:, 3:4])


def _loss(target: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
    worn = tf.nn.sigmoid_cross_entropy_with_logits(target[:, 0], raw[:, 0])
    drift = tf.nn.sigmoid_cross_entropy_with_logits(target[:, 3:7], raw[:, 4:8])
    named = tf.cast(target[:, 7] >= 0, tf.float32)
    cause = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(target[:, 7:], 0.0), raw[:, 8:])
    off = target[:, 2:3] - tf.concat(_quantiles(raw), axis=1)
    shares = tf.constant(QUANTILES)
    pinball = tf.reduce_sum(tf.maximum(shares * off, (shares - 1) * off), axis=1) * target[:, 1]
    weight = 1.0 + BROKEN_WEIGHT * tf.reduce_max(target[:, 3:7], axis=1) * (1.0 - target[:, 0])
    total = tf.reduce_mean(worn * weight) + 0.3 * tf.reduce_mean(pinball) + tf.reduce_mean(drift)
    return total + 0.3 * tf.reduce_mean(tf.reduce_mean(cause, axis=1) * named)


def outputs(network: Network, features: Floats) -> Floats:
    """The outputs by TensorFlow itself, shape (n, OUTPUTS)."""
    module = Exported(network)
    found: Floats = module.score(tf.constant(features))["outputs"].numpy()
    return found


def with_intervals(network: Network, wider: Any) -> Network:
    """The network with its interval moved apart; see `Network.wider`."""
    changed = Network(network.mean, network.deviation, network.weights)
    changed.wider = np.asarray(wider, np.float32)
    return changed
