"""How often each probability came, of healthy and of faulty rows: all that metrics and thresholds need.

Probabilities are published to 4 decimals, so 10,001 counts a label hold them without loss. A bundle keeps those of
its validation and test rows (`scores.csv`), and the threshold can be moved later without any data.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.errors import BundleError

Counts = NDArray[np.int64]

STEPS: Final = 10_000
_HEADER: Final = "probability,validation_healthy,validation_faulty,test_healthy,test_faulty"


class Costs(NamedTuple):
    """What an error costs, in any currency; only their ratio moves the threshold."""

    miss: float = 1.0
    """A faulty reading that is called healthy."""
    false_alarm: float = 1.0
    """A healthy reading that is called faulty."""


class Scores(NamedTuple):
    """Counts of rows by probability: index k stands for k / 10,000."""

    healthy: Counts
    """Shape (10001,)."""
    faulty: Counts
    """Shape (10001,)."""

    @property
    def n(self) -> int:
        """Rows in all."""
        return int(self.healthy.sum() + self.faulty.sum())

    def called(self) -> tuple[Counts, Counts]:
        """False alarms and faults found, shape (10002,), were the threshold k / 10,000; the last calls none."""
        return _from(self.healthy), _from(self.faulty)

    def costs(self, costs: Costs) -> NDArray[np.float64]:
        """What all rows cost, shape (10002,), were the threshold k / 10,000."""
        alarms, found = self.called()
        total: NDArray[np.float64] = costs.false_alarm * alarms + costs.miss * (found[0] - found)
        return total


def count(probabilities: NDArray[np.floating], faulty: NDArray[np.bool_]) -> Scores:
    """Counts of probabilities, rounded to 4 decimals, with their labels, both of shape (n,)."""
    steps = np.rint(np.round(probabilities.astype(np.float64), 4) * STEPS).astype(np.int64)
    return Scores(
        np.bincount(steps[~faulty], minlength=STEPS + 1), np.bincount(steps[faulty], minlength=STEPS + 1)
    )


def cheapest(scores: Scores, costs: Costs) -> float:
    """The threshold, 0.0001 to 0.9999, at which the errors cost least.

    Where a whole stretch of thresholds is equally cheap, its middle: the place least moved by a few more rows.
    """
    cost = scores.costs(costs)[1:STEPS]
    # Sums of decimal fractions may differ in their last bit where they mean the same.
    cheap = cost <= cost.min() * (1 + 1e-12)
    start = int(np.argmax(cheap))
    longer = np.flatnonzero(~cheap[start:])
    end = start + (int(longer[0]) if len(longer) else len(cheap) - start)
    return (1 + (start + end - 1) // 2) / STEPS


def write(validation: Scores, test: Scores) -> str:
    """The content of `scores.csv`: a row for each probability that came."""
    columns = np.stack([validation.healthy, validation.faulty, test.healthy, test.faulty], axis=1)
    came = np.flatnonzero(columns.any(axis=1)).tolist()
    lines = (f"{step / STEPS:.4f},{','.join(map(str, columns[step].tolist()))}" for step in came)
    return "\n".join([_HEADER, *lines]) + "\n"


def read(content: bytes) -> tuple[Scores, Scores]:
    """Validation and test scores out of `scores.csv`. BundleError where it is something else."""
    try:
        header, *lines = content.decode("ascii").splitlines()
        columns = np.zeros((4, STEPS + 1), dtype=np.int64)
        for line in lines:
            probability, *counts = line.split(",")
            columns[:, round(float(probability) * STEPS)] = [int(cell) for cell in counts]
        if header != _HEADER or (columns < 0).any():
            raise ValueError(header)
    except (ValueError, IndexError) as error:
        raise BundleError("scores.csv is not the record of a training: train the bundle again.") from error
    return Scores(columns[0], columns[1]), Scores(columns[2], columns[3])


def _from(counts: Counts) -> Counts:
    return np.concatenate((np.cumsum(counts[::-1])[::-1], [0]))
