"""Fans for the tests: values by bin, made into bins as a store's or a file's rows would be."""

import numpy as np
from numpy.typing import NDArray

from fanwatch.forecast import BIN_MS, Bins, BoxRule, Fleet, Machine, Verdict, gather

START_MS = 2_944_000 * BIN_MS
USUAL = np.array([600.0, 40.0, 150.0, 48.5])
SPREAD = np.array([20.0, 1.0, 10.0, 0.7])


def healthy(bins: int, fans: int = 1, seed: int = 1) -> NDArray[np.float64]:
    """Values, shape (bins, fans, 4), that wander within what healthy fans show."""
    random = np.random.default_rng(seed)
    values: NDArray[np.float64] = USUAL + SPREAD * np.clip(random.normal(size=(bins, fans, 4)), -2, 2)
    return values.round(2)


def binned(values: NDArray[np.float64], start_ms: int = START_MS) -> list[Bins]:
    """Bins of one reading each; NaN in all four: no reading."""
    bins, fans, _ = values.shape
    times = np.repeat(start_ms + np.arange(bins) * BIN_MS + 1000, fans)
    numbers, rows = np.tile(np.arange(fans), bins), values.reshape(-1, 4)
    there = ~np.isnan(rows).all(axis=1)
    found = {each.start_ms: each for each in gather(times[there], numbers[there], rows[there], fans)}
    everyone = np.arange(fans)
    from fanwatch.forecast import no_bins

    starts = [start_ms + step * BIN_MS for step in range(bins)]
    return [found.get(at) or no_bins(at, everyone) for at in starts]


def fleet(fans: int = 1, machine: Machine | None = None) -> Fleet:
    """A fleet judged by the box rule."""
    return Fleet(BoxRule(machine), [f"fan-{number + 1:02d}" for number in range(fans)])


def live(those: Fleet, values: NDArray[np.float64], fan: int = 0) -> list[Verdict]:
    """The verdicts on one fan after each bin."""
    found = []
    for each in binned(values):
        those.advance(each)
        found.append(those.verdict(fan))
    return found
