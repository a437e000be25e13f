"""The model for single readings beside the ideal rule on the same rows: `python -m benchmarks.single`.

The ideal rule (`simulator/boxes.py`) knows how simulated readings are made; by accuracy and AUROC no detector that sees
one reading can be better, but for the luck of the rows.
"""

import argparse
import sys
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles import verified
from fanwatch.errors import FanwatchError
from simulator.boxes import likelihood_ratio
from simulator.history import history
from training.evaluate import probabilities_of
from training.metrics import Metrics, measure

_ROWS: Final = 201_600
_EVEN: Final = 0.5
"""Both kinds are equally common, so the ideal rule calls faulty what is more likely so."""


class Beside(NamedTuple):
    """Both on the same rows."""

    model: Metrics
    ideal: Metrics


def compare(bundle: bundles.Bundle, rows: int, seed: int) -> Beside:
    """On rows of that seed, which are not to be those that the bundle has learned from."""
    days = list(history(rows, seed=seed))
    readings, faulty = (
        np.concatenate(part) for part in zip(*((d.readings, d.faulty) for d in days), strict=True)
    )
    ratio = likelihood_ratio(readings)
    ideal = np.divide(ratio, 1 + ratio, out=np.ones_like(ratio), where=np.isfinite(ratio))
    return Beside(
        measure(probabilities_of(bundle, readings), faulty, bundle.metadata.threshold.value),
        measure(ideal, faulty, _EVEN),
    )


def main() -> int:
    """0, or 1 where there is no such bundle."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.single", description=__doc__)
    parser.add_argument("--rows", type=int, default=_ROWS, help="how many, as of `fanwatch simulate history`")
    parser.add_argument("--seed", type=int, default=5, help="of these rows")
    parser.add_argument("--model", type=Path, help="directory of a bundle; default: the committed one")
    chosen = parser.parse_args()
    try:
        bundle = bundles.load(chosen.model or verified.locate(None))
    except FanwatchError as error:
        print(error, file=sys.stderr)
        return 1
    found = compare(bundle, chosen.rows, chosen.seed)
    print(f"{'':10}{bundle.model:>16}{'ideal rule':>12}{'difference':>12}   of {found.model.n:,} rows")
    for name in ("accuracy", "auroc"):
        ours, best = getattr(found.model, name), getattr(found.ideal, name)
        print(f"{name:10}{ours:16.4f}{best:12.4f}{ours - best:+12.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
