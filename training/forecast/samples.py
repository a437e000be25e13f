"""Rows to learn from: features as the serving code computes them, with what was true at the time."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast.bins import SENSORS, Floats
from fanwatch.forecast.fleet import observe
from fanwatch.forecast.memory import Memory, empty
from fanwatch.forecast.model import Machine
from fanwatch.forecast.windows import as_usual, features
from training.forecast import truth
from training.forecast.history import History
from training.rows import HistoryError

LEFT_OUT: Final = 0.25
"""So many rows come a second time with one sensor left out of account, as service asks about them."""


class Samples(NamedTuple):
    """n rows."""

    features: Floats
    """Shape (n, len(NAMES))."""
    worn: Floats
    """1 where a fault is under way, shape (n,)."""
    hours: Floats
    """To the failure, NaN where there is none, shape (n,)."""
    drift: Floats
    """1 where the sensor drifts, shape (n, sensors)."""
    cause: Floats
    """1 for the sensors in which the fault's mode shows most, -1 for all where none is known, shape (n, sensors)."""
    fan: NDArray[np.int64]
    """Whose row it is, shape (n,)."""

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """Some of the rows."""
        return Samples._make(part[rows] for part in self)


def _joined(parts: Sequence[tuple[NDArray[Any], ...]]) -> Samples:
    return Samples._make(np.concatenate(part) for part in zip(*parts, strict=True))


def with_less(samples: Samples, seed: int) -> Samples:
    """The rows, and a share of them again as they would be had one sensor shown what is usual; no fan's drift then."""
    random = np.random.default_rng(seed)
    chosen = np.flatnonzero(random.random(len(samples.worn)) < LEFT_OUT)
    without = np.eye(SENSORS, dtype=np.bool_)[random.integers(0, SENSORS, len(chosen))]
    again = samples.of(chosen)
    less = again._replace(
        features=as_usual(again.features, without), drift=np.where(without, np.float32(0), again.drift)
    )
    return _joined([samples, less])


def collect(history: History, edges: Floats, *, most: int, on_bin: Callable[[int, int], None]) -> Samples:
    """About `most` rows of a history, evenly spread over fans and bins; `on_bin` is told bins done and in all."""
    true = truth.of(history)
    bins, fans = true.worn.shape
    stride = max(1, -(-bins * fans // most))
    memory, everyone = Memory(empty(fans)), np.arange(fans)
    restart = Machine(warning=0.5, alarm=0.5, exit=0.5).restart_bins
    parts: list[tuple[Floats, Floats, Floats, Floats, Floats, NDArray[np.int64]]] = []
    for step, each in enumerate(history.bins()):
        _, ready = observe(memory, each, edges, true.first + step)
        due = (everyone * 7 + step) % stride == 0
        rows: NDArray[np.int64] = np.flatnonzero(
            due & ready & ~true.down[step] & (memory.weight.max(axis=1) >= restart)
        )
        if len(rows):
            inputs = features(Memory(memory.rows[rows]))
            worn, hours = true.worn[step, rows].astype(np.float32), true.hours[step, rows]
            parts.append(
                (
                    inputs,
                    worn,
                    hours,
                    true.drift[step, rows].astype(np.float32),
                    true.cause[step, rows].astype(np.float32),
                    rows,
                )
            )
        if step % 144 == 0:
            on_bin(step, bins)
    on_bin(bins, bins)
    if not parts:
        raise HistoryError(
            "No fan of the history runs for an hour with working sensors: nothing can be learned."
        )
    return _joined(parts)
