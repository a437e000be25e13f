"""Golden predictions of a forecast bundle: readings of a few fans, and the risk that they led to.

They vouch for all that lies between a reading and a risk: a change of this software that alters a prediction
differs from them, a change that does not may be anything. The readings are of the training's own history, one each
ten minutes.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from fanwatch.errors import BundleError
from fanwatch.forecast.bins import BIN_MS, Bins, Floats, Ints, gather
from fanwatch.forecast.bundle import ForecastBundle
from fanwatch.forecast.fleet import Fleet
from fanwatch.forecast.model import ForecastModel
from fanwatch.sensors import FEATURES

FILE: Final = "golden.csv"
HEADER: Final = ("Fan", "Bin", *(name.capitalize() for name in FEATURES), "Risk")
TOLERANCE: Final = 1e-3
"""Engines differ in their last bits, and the risk of a fan is a sum over hours of them."""


class Golden(NamedTuple):
    """What happened to some fans, rows in order of time."""

    fan: Ints
    """Number of the fan, from 0 on, shape (n,)."""
    time_ms: Ints
    """When the row's bin begins, shape (n,)."""
    values: Floats
    """One reading of that bin, in the units of readings, shape (n, sensors)."""
    risk: Floats
    """What is said at the end of the bin; NaN where the fan was not judged, shape (n,)."""

    def bins(self) -> Iterator[Bins]:
        """Yield the ten-minute bins, oldest first."""
        fans = int(self.fan.max()) + 1
        return gather(self.time_ms, self.fan, self.values.astype(np.float64), fans)


def risks(golden: Golden, model: ForecastModel) -> Floats:
    """What `model` says at the end of each row's bin, NaN where a fan is not judged, shape (n,)."""
    fans = int(golden.fan.max()) + 1
    fleet = Fleet(model, [str(number) for number in range(fans)])
    found = np.full(len(golden.fan), np.nan, np.float32)
    number = golden.time_ms // BIN_MS
    for each in golden.bins():
        fleet.advance(each)
        memory = fleet.memory
        rows = np.flatnonzero(number == each.start_ms // BIN_MS)
        fan = golden.fan[rows]
        judged = memory.scored[fan] == memory.last[fan]
        found[rows] = np.where(judged, memory.risk[fan], np.nan)
    return found


def furthest(golden: Golden, model: ForecastModel) -> float:
    """How far `model` is from the golden risks at most; infinite where it judges at other times."""
    found = risks(golden, model)
    if not np.array_equal(np.isnan(found), np.isnan(golden.risk)):
        return float("inf")
    return float(np.nanmax(np.abs(found - golden.risk), initial=0.0))


def write(golden: Golden) -> str:
    """The content of `FILE`; what `read` returns of it is equal to `golden` within 1e-6."""
    lines = [",".join(HEADER)]
    for fan, time_ms, values, risk in zip(
        golden.fan.tolist(),
        golden.time_ms.tolist(),
        golden.values.tolist(),
        golden.risk.tolist(),
        strict=True,
    ):
        said = "" if np.isnan(risk) else f"{risk:.6f}"
        lines.append(f"{fan},{time_ms // BIN_MS},{','.join(f'{value:.7g}' for value in values)},{said}")
    return "\n".join(lines) + "\n"


def read(bundle: ForecastBundle) -> Golden | None:
    """Those of a bundle; None where it has none, as bundles before them. BundleError where they cannot be read."""
    if FILE not in bundle.names():
        return None
    try:
        header, *rows = csv.reader(io.StringIO(bundle.read(FILE).decode("ascii")))
        if tuple(header) != HEADER or not rows:
            raise ValueError(header)
        fan, number, *values, risk = zip(*rows, strict=True)
        return Golden(
            np.array(fan, np.int64),
            np.array(number, np.int64) * BIN_MS,
            np.array(values, np.float64).T.astype(np.float32),
            np.array([each or "nan" for each in risk], np.float32),
        )
    except ValueError as error:
        raise BundleError(
            f"{bundle.path / FILE} is not what training writes: train the model again."
        ) from error
