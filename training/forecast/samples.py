"""Rows to learn from: features as the serving code computes them, with what was true at the time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast.bins import Floats
from fanwatch.forecast.fleet import observe
from fanwatch.forecast.memory import Memory, empty
from fanwatch.forecast.model import Machine
from fanwatch.forecast.windows import features
from training.forecast import truth
from training.forecast.history import History
from training.rows import HistoryError


class Samples(NamedTuple):
    """n rows."""

    features: Floats
    """Shape (n, len(NAMES))."""
    worn: Floats
    """1 where a fault is under way, shape (n,)."""
    hours: Floats
    """To the failure, NaN where there is none, shape (n,)."""
    drift: Floats
    """1 where the sensor drifts, shape (n, 4)."""
    cause: Floats
    """1 for the sensors in which the fault's mode shows most, -1 for all where none is known, shape (n, 4)."""


def collect(history: History, edges: Floats, *, most: int, on_bin: Callable[[int, int], None]) -> Samples:
    """About `most` rows of a history, evenly spread over fans and bins; `on_bin` is told bins done and in all."""
    true = truth.of(history)
    bins, fans = true.worn.shape
    stride = max(1, -(-bins * fans // most))
    memory, everyone = Memory(empty(fans)), np.arange(fans)
    restart = Machine(warning=0.5, alarm=0.5, exit=0.5).restart_bins
    parts: list[tuple[Floats, Floats, Floats, Floats, Floats]] = []
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
                )
            )
        if step % 144 == 0:
            on_bin(step, bins)
    on_bin(bins, bins)
    if not parts:
        raise HistoryError(
            "No fan of the history runs for an hour with working sensors: nothing can be learned."
        )
    inputs, worn, hours, drift, cause = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Samples(inputs, worn, hours, drift, cause)
