"""`python -m benchmarks`: everything in one run, at most 25 minutes; a table, and benchmarks/results.json."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import engines, machine, ours, results, tables
from benchmarks.reference.way import reference
from fanwatch.errors import FanwatchError
from local.layout import CHECKOUT

_LIMIT_S = 25 * 60
_QUIET = 0.5
"""A higher load average before the first measurement is worth a warning."""
PARTIAL = CHECKOUT / ".fanwatch/benchmarks/results.json"
QUICK = ours.Effort(
    seconds=6,
    latency_count=300,
    scaling_s=3,
    scaling_rounds=1,
    backlog=20_000,
    repeats=1,
    reference_latency_count=16,
    inference_s=0.5,
)


class Interrupted(Exception):
    """The run shall end now."""


def steps(effort: ours.Effort) -> dict[str, Callable[[], object]]:
    """What there is to measure, in order."""
    return {
        "reference": lambda: reference(effort.seconds, effort.reference_latency_count),
        "strict": lambda: ours.strict(effort),
        "batched": lambda: ours.batched(effort),
        "stored": lambda: ours.stored(effort),
        "inference": lambda: engines.inference(effort.inference_s),
        "cold_start": lambda: engines.cold_start(effort.repeats),
        "scaling": lambda: ours.scaling(effort),
        "drain": lambda: ours.drain(effort),
    }


def run(chosen: list[str], effort: ours.Effort, console: Console) -> tuple[results.Results, list[str]]:
    """Measures what was chosen; also a sentence for each step that could not be measured."""
    found = results.Results(machine=machine.describe())
    problems = []
    if found.machine.load > _QUIET:
        console.print(
            f"Something else uses this machine (load average {found.machine.load:g}): rates will be too low, "
            "latencies too high; CPU times hold.",
            highlight=False,
            soft_wrap=True,
        )
    for name in chosen:
        began = time.monotonic()
        try:
            with console.status(f"Measuring {name} ..."):
                setattr(found, name, steps(effort)[name]())
            console.print(f"{name}: measured in {time.monotonic() - began:.0f} s", highlight=False)
        except FanwatchError as error:
            problems.append(f"{name}: {error}")
        except Interrupted as error:
            problems.append(f"{name}: {error} The rest was not measured.")
            break
    for problem in problems:
        console.print(problem, highlight=False, soft_wrap=True)
    return found, problems


def show(found: results.Results, console: Console) -> None:
    """Prints all tables."""
    for content in tables.tables(found):
        drawn = Table(title=content.title, title_justify="left")
        for number, column in enumerate(content.columns):
            drawn.add_column(column, justify="right" if number else "left")
        for row in content.rows:
            drawn.add_row(*row)
        console.print(drawn)
    console.print(tables.machine(found), highlight=False, soft_wrap=True)


def main() -> int:
    """Exit status 1 where something could not be measured or readings were lost."""
    arguments = _arguments()
    chosen = [step for step in results.STEPS if step in arguments.only]
    effort = QUICK if arguments.quick else ours.Effort()
    if arguments.seconds:
        effort = msgspec.structs.replace(effort, seconds=arguments.seconds)
    whole = len(chosen) == len(results.STEPS) and not arguments.quick and not arguments.seconds
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupt)
    signal.alarm(_LIMIT_S)
    found, problems = run(chosen, effort, console)
    signal.alarm(0)
    out = arguments.out or (results.PATH if whole and found.complete else PARTIAL)
    show(found, console)
    results.write(found, out)
    console.print(f"Written to {out}", highlight=False, soft_wrap=True)
    return 1 if problems or any(way.lost for way in found.ways.values()) else 0


def _interrupt(number: int, _frame: object) -> None:
    if number == signal.SIGALRM:
        raise Interrupted(f"{_LIMIT_S // 60} minutes have passed.")
    raise Interrupted("Stopped.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Fanwatch on this machine."
    )
    parser.add_argument(
        "--only",
        type=_steps,
        default=results.STEPS,
        metavar="STEP,STEP",
        help=f"of {', '.join(results.STEPS)}",
    )
    parser.add_argument("--seconds", type=float, help="for which each way holds its highest rate (60)")
    parser.add_argument(
        "--quick", action="store_true", help="two minutes: whether it works, no figures to quote"
    )
    parser.add_argument(
        "--out", type=Path, help="where the figures go; benchmarks/results.json for a whole run"
    )
    return parser.parse_args()


def _steps(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    unknown = set(chosen) - set(results.STEPS)
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))} cannot be measured; there are {', '.join(results.STEPS)}"
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
