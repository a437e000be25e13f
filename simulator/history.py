"""Labelled history of a fleet as CSV rows: `python -m simulator.history --rows 40320 --seed 1 --out
history.csv`.

A fan is read every 10 minutes. In each block of 24 hours every fan is faulty for 12 hours in a row, beginning
at an hour of its own that is drawn anew each day: exactly half of all full days is faulty, and neither the
fan nor the time tells which half. Sensor values are independent draws from the healthy or the faulty box.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from fanwatch.files import replaced
from fanwatch.sensors import COLUMNS, FEATURES
from simulator.boxes import Floats, place

HEADER: Final = ",".join((*COLUMNS, "Faulty"))
STEPS_PER_DAY: Final = 144
_STEP: Final = timedelta(minutes=10)
_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Day(NamedTuple):
    """One day of the whole fleet, sorted by time, then fan."""

    step: NDArray[np.int64]
    """Number of 10 minute steps since the history began, shape (n,)."""
    fan: NDArray[np.int64]
    """Number of the fan from 1 on, shape (n,)."""
    readings: Floats
    """In the order of FEATURES, two decimals as in a file, shape (n, sensors)."""
    faulty: NDArray[np.bool_]
    """Shape (n,)."""


def history(rows: int, *, fans: int = 10, seed: int = 1) -> Iterator[Day]:
    """Yield `rows` readings of `fans` fans day by day; the same arguments give the same rows.

    Memory does not grow with `rows`. Raises ValueError where rows or fans is not positive.
    """
    if rows < 1 or fans < 1:
        raise ValueError(f"history needs at least one row and one fan, not {rows} rows of {fans} fans")
    random = np.random.default_rng(seed)
    first_step, left = 0, rows
    while left:
        day = _day(random, fans, first_step)
        if left < len(day.fan):
            day = Day(day.step[:left], day.fan[:left], day.readings[:left], day.faulty[:left])
        yield day
        first_step += STEPS_PER_DAY
        left -= len(day.fan)


def write(rows: int, to: TextIO, *, fans: int = 10, seed: int = 1) -> None:
    """Write the history as CSV with a header, line by line."""
    to.write(HEADER + "\n")
    for day in history(rows, fans=fans, seed=seed):
        columns = (day.step.tolist(), day.fan.tolist(), day.readings.tolist(), day.faulty.tolist())
        for step, fan, readings, faulty in zip(*columns, strict=True):
            values = ",".join(f"{value:.2f}" for value in readings)
            to.write(f"fan-{fan:02d},{_FIRST + step * _STEP:%Y-%m-%d %H:%M:%S},{values},{faulty:d}\n")


def save(rows: int, path: Path, *, fans: int = 10, seed: int = 1) -> None:
    """Write the history to a file, which is there once it is whole. FanwatchError where it cannot be written."""
    with replaced(path) as part, part.open("w", encoding="ascii", newline="") as file:
        write(rows, file, fans=fans, seed=seed)


def _day(random: np.random.Generator, fans: int, first_step: int) -> Day:
    begins = random.integers(STEPS_PER_DAY, size=fans)
    step = np.arange(STEPS_PER_DAY)
    faulty = ((step[:, None] - begins) % STEPS_PER_DAY < STEPS_PER_DAY // 2).reshape(-1)
    quantiles = random.random((STEPS_PER_DAY * fans, len(FEATURES)))
    readings = np.round(place(quantiles, faulty[:, None].astype(np.float64)), 2)
    fan = np.tile(np.arange(1, fans + 1), STEPS_PER_DAY)
    return Day(np.repeat(first_step + step, fans), fan, readings, faulty)


def main(arguments: list[str] | None = None) -> None:
    """Write a history file as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.history", description="Write labelled history."
    )
    parser.add_argument("--rows", type=int, default=40320, help="readings to write (default %(default)s)")
    parser.add_argument("--fans", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    given = parser.parse_args(arguments)
    if given.rows < 1 or given.fans < 1:
        parser.error("--rows and --fans must be at least 1")
    save(given.rows, given.out, fans=given.fans, seed=given.seed)


if __name__ == "__main__":
    main()
