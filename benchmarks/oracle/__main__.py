"""`python -m benchmarks.oracle`: how much of what is asked of a forecast the simulated fans allow at all."""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.oracle import counting, hypotheses
from benchmarks.oracle.counting import Counted
from benchmarks.oracle.hypotheses import Fineness
from benchmarks.oracle.ideal import Belief, believe
from benchmarks.oracle.told import Small, tell
from simulator.history_files import Wanted
from training.forecast.figures import Figure

_DOUBT: Final = 10
"""So many times as bad as another false alarm is one that a drift causes."""
_NEAR: Final = np.float32(0.3)
"""Moves the scale of thresholds only."""
_SURE: Final = 0.95
"""From this probability on people are told, however long it may still last."""
_ALLOWED: Final = (0.05, 0.1, 0.15)
_CAUSED: Final = (0.01, 0.02)
_COLUMNS: Final = {
    "1 h": "recall, 1 h notice",
    "24 h": "recall, 24 h notice",
    "at most": "recall, 24 h notice, at most",
    "median lead h": "median lead h",
    "false": "false alarms a fan-month",
}


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oracle", description=__doc__)
    parser.add_argument("--fans", type=int, default=200)
    parser.add_argument("--days", type=float, default=60.0)
    parser.add_argument(
        "--seed", type=int, nargs="+", default=[31], help="of the fans, as of `fanwatch simulate history`"
    )
    parser.add_argument("--lives", type=int, default=Fineness().lives, help="lives of each mode that may be")
    parser.add_argument("--begins", type=int, default=Fineness().begins, help="beginnings in a life")
    parser.add_argument("--rates", type=int, default=Fineness().rates, help="rates of drifts")
    parser.add_argument("--clear", action="store_true", help="tell load, surroundings and offsets")
    given = parser.parse_args()
    if min(given.fans, given.days, given.lives, given.begins, given.rates) <= 0:
        parser.error("all numbers must be positive")
    fine = Fineness(given.lives, given.begins, given.rates)
    began = time.process_time()
    counted: dict[str, list[Counted]] = {}
    with Progress(console=Console(stderr=True)) as progress:
        for seed in given.seed:
            task = progress.add_task(f"fans of seed {seed}", total=given.fans)
            wanted = Wanted(fans=given.fans, days=given.days, seed=seed)
            for title, each in _counted(wanted, fine, given.clear, partial(progress.update, task)).items():
                counted.setdefault(title, []).append(each)
    console = Console(width=150)
    for title, parts in counted.items():
        console.print(_table(title, counting.together(parts)))
    console.print(f"{time.process_time() - began:.0f} s of processor time.")
    return 0


def scores(belief: Belief) -> dict[str, Small]:
    """By what people may be told; each is higher the more there is to be told."""
    healthy = np.clip(1 - belief.fault - belief.drift, 1e-6, 1)
    doubted = belief.fault / (belief.fault + healthy + _DOUBT * belief.drift)
    near = belief.day / (belief.day + _NEAR * (healthy + belief.drift))
    near[belief.fault >= _SURE] = 1
    return {
        "told of a fault once it is likely enough": belief.fault,
        f"a drift's false alarm being {_DOUBT} times as bad": doubted.astype(np.float32),
        "told when 24 h before the stop may be near": near.astype(np.float32),
    }


def _counted(
    wanted: Wanted, fine: Fineness, clear: bool, on_fans: Callable[..., None]
) -> dict[str, Counted]:  # fmt: skip
    told, places = tell(wanted), hypotheses.every(wanted.physics, fine)
    belief = believe(told, places, wanted.physics, clear=clear, on_fans=lambda done: on_fans(completed=done))
    return {title: counting.count(told, score) for title, score in scores(belief).items()}


def _table(title: str, counted: Counted) -> Table:
    table = Table("episodes allowed", *_COLUMNS, "by instruments", title=title, title_justify="left")
    ways = {f"{allowed:g} false": counting.at_most(allowed) for allowed in _ALLOWED} | {
        f"{_ALLOWED[-1]:g}, {caused:g} by instruments": counting.by_instruments(_ALLOWED[-1], caused)
        for caused in _CAUSED
    }
    for name, enough in ways.items():
        found = counted.chosen(enough)
        caused = next(each for label, each in found.items() if label.endswith("by instruments a fan-month"))
        table.add_row(name, *(_text(found[column]) for column in _COLUMNS.values()), _text(caused))
    return table


def _text(figure: Figure) -> str:
    digits = 1 if figure.value > 1.5 else 3
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
