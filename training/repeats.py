"""Rows of one device and time: the last one in the file counts, as in InfluxDB; the others are counted and listed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanwatch.problems import MOST_LISTED, SHOWN
from training.rows import CHECK

Indices = NDArray[np.int64]


class Repeats(NamedTuple):
    """What of a file's rows, in its order, comes again further down."""

    kept: NDArray[np.bool_]
    """Shape (n,): whether the row is the last of its device and time."""
    repeated: int
    """Rows that are not."""
    replaced: int
    """Of these, those whose next one has other values."""
    listed: list[str]
    """These in words, at most MOST_LISTED, in the file's order."""

    @property
    def first(self) -> str:
        """The first ones of them in words, and how to see all."""
        more = self.replaced - SHOWN
        rest = f"; and {more:,} more, which `{CHECK}` lists" if more > 0 else ""
        return "; ".join(self.listed[:SHOWN]) + rest


def last_of_each(
    devices: list[str],
    device: NDArray[np.integer],
    time_ms: NDArray[np.int64],
    line: NDArray[np.integer],
    differ: Callable[[Indices, Indices], NDArray[np.bool_]],
) -> Repeats:
    """Look at rows, arrays of shape (n,) in the file's order; `differ` says of each two rows whether they differ."""
    order = np.lexsort((device, time_ms))
    again = (np.diff(time_ms[order]) == 0) & (np.diff(device[order]) == 0)
    earlier, later = order[:-1][again], order[1:][again]
    kept = np.ones(len(order), np.bool_)
    kept[earlier] = False
    other = differ(earlier, later)
    old, new = earlier[other], later[other]
    in_file = np.argsort(old)[:MOST_LISTED]
    listed = [
        f"line {line[i]}: {devices[device[i]]} at {np.datetime64(int(time_ms[i]), 'ms').item():%Y-%m-%d %H:%M:%S}"
        f" has other values in line {line[j]}, which counts"
        for i, j in zip(old[in_file].tolist(), new[in_file].tolist(), strict=True)
    ]
    return Repeats(kept, len(earlier), len(old), listed)
