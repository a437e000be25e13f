"""The network of the reference, 4-60-30-10-1, with its normalisation inside, and how it is trained.

Imports TensorFlow; import this module only where training was asked for.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.tensorflow import keras, tf

LAYERS: Final = (60, 30, 10)

Floats = NDArray[np.float32]


class Recipe(NamedTuple):
    """How to train. The defaults reach the ceiling of the simulated history in a few seconds."""

    seed: int = 1
    epochs: int = 60
    batch: int = 256
    learning_rate: float = 0.01
    weight_decay: float = 0.05
    patience: int = 20
    """Epochs without a lower validation loss after which training ends."""


class Fitted(NamedTuple):
    """A trained network and how it went."""

    network: Any
    """keras.Sequential from raw features, shape (n, sensors), to the fault's logit, shape (n, 1)."""
    curve: list[tuple[float, float]]
    """Loss (cross-entropy a row) on training rows, while they were learned, and on validation rows, by epoch."""

    @property
    def epochs(self) -> int:
        """Passes over the training rows."""
        return len(self.curve)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1 on, whose weights were kept."""
        return 1 + min(range(len(self.curve)), key=lambda i: self.curve[i][1])


def fit(
    features: Floats, labels: Floats, validation: tuple[Floats, Floats], recipe: Recipe,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Fitted:  # fmt: skip
    """Train on features, shape (n, sensors), and labels 0 or 1, shape (n,).

    The weights of the lowest validation loss are kept.

    The same data, recipe and kind of CPU give the same weights to the last bit. `on_epoch` is told each
    epoch's number, from 1 on, and validation loss.
    """
    _one_thread()
    keras.utils.set_random_seed(recipe.seed)
    network = _build(features)
    batch = min(recipe.batch, len(features))
    steps = len(features) // batch
    decay = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps * recipe.epochs)
    optimizer = keras.optimizers.AdamW(decay, weight_decay=recipe.weight_decay)
    optimizer.build(network.trainable_variables)
    data, target = tf.constant(features), tf.constant(labels[:, None])
    validation_data, validation_target = tf.constant(validation[0]), tf.constant(validation[1][:, None])

    @tf.function  # type: ignore[untyped-decorator]
    def epoch_of(order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # One graph call an epoch: calling into TensorFlow for each batch would take most of the time.
        total = tf.constant(0.0)
        for step in tf.range(steps):
            rows = order[step * batch : (step + 1) * batch]
            with tf.GradientTape() as tape:
                loss = _loss(tf.gather(target, rows), network(tf.gather(data, rows), training=True))
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            total += loss
        return total / steps, _loss(validation_target, network(validation_data))

    shuffle = np.random.default_rng(recipe.seed)
    best, best_epoch, best_weights = float("inf"), 0, network.get_weights()
    curve: list[tuple[float, float]] = []
    for epoch in range(1, recipe.epochs + 1):
        order = tf.constant(shuffle.permutation(len(features)).astype(np.int32))
        learned, loss = (float(value) for value in epoch_of(order))
        curve.append((learned, loss))
        on_epoch(epoch, loss)
        if loss < best:
            best, best_epoch, best_weights = loss, epoch, network.get_weights()
        elif epoch - best_epoch >= recipe.patience:
            break
    network.set_weights(best_weights)
    return Fitted(network, curve)


def _build(features: Floats) -> Any:
    scale = keras.layers.Normalization(mean=features.mean(axis=0), variance=features.var(axis=0))
    hidden = [keras.layers.Dense(width, activation="relu") for width in LAYERS]
    return keras.Sequential([keras.Input((features.shape[1],)), scale, *hidden, keras.layers.Dense(1)])


def _loss(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(target, logits))


def _one_thread() -> None:
    # More threads do not help a network this small, and would split sums in another order on another machine.
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow was used before in this process and keeps its threads; deterministic operations remain.
        tf.config.experimental.enable_op_determinism()
