"""`fanwatch labels`: what people found, for training."""

import csv
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cli.common import environment
from fanwatch.files import replaced

app = typer.Typer(name="labels", help="What people found when they closed episodes.", no_args_is_help=True)

COLUMNS = ("DeviceID", "Start", "Failure", "Repaired", "Kind", "Mode")


@app.callback()
def group() -> None:
    """What people found when they closed episodes."""


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="By default standard output.")] = None,
) -> None:
    """Write them as the events file that `fanwatch train forecast` reads, the oldest first.

    Start is when the episode began, which is later than the fault did. Failure is what people said of it, or where
    they did not, when the fan was seen to stop; empty where it was repaired before. False alarms are no events.
    """
    from local import fleet_state

    found, left_out = fleet_state.events(environment())
    if out is None:
        _write(sys.stdout, found)
    else:
        with replaced(out) as part, part.open("w", encoding="utf-8", newline="") as file:
            _write(file, found)
    rest = ", ".join(f"{count:,} {why}" for why, count in left_out.items()) or "nothing"
    print(f"{len(found):,} events; left out: {rest}.", file=sys.stderr)


def _write(file: TextIO, found: list[dict[str, str]]) -> None:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
