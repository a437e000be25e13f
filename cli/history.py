"""`fanwatch history`: how InfluxDB keeps what was measured."""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import environment

if TYPE_CHECKING:
    from local.influx import Reached

app = typer.Typer(name="history", help="What InfluxDB keeps, and for how long.", no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The backup.")]
Checked = Annotated[
    Path,
    typer.Argument(
        metavar="PATH", help="A labelled CSV file, or a directory with readings.csv and events.csv."
    ),
]
Host = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="InfluxDB's backup port, where it is not that of `make run`."),
]


@app.command()
def setup() -> None:
    """Make database and retention policies (InfluxDB 1.8), or buckets and their mappings (2.x); alter what is there."""
    from history.command import setup as run

    run(environment())


@app.command()
def check(path: Checked) -> None:
    """List all problems of a history that `train` or `train forecast` would refuse, and all that they would correct.

    Exit code 1 where they would refuse it.
    """
    from training.forecast import history as fleets
    from training.rows import HistoryError
    from training.table import check_learnable, read

    try:
        if path.is_dir():
            fleet = fleets.read(path)
            replaced, notes = fleet.replaced, fleet.notes
        else:
            table = read(path)
            replaced, notes = tuple(table.replaced), tuple(table.notes)
            check_learnable(table, path)
    except HistoryError as error:
        for problems in error.problems:
            for line, what in problems.lines():
                print(f"{problems.file} line {line}: {what}")
        raise
    print("\n".join((*replaced, *notes)) or f"Nothing is wrong with {path}.")


@app.command()
def rollup(
    every: Annotated[
        str | None, typer.Option(metavar="10m", help="Go on, this often, until SIGTERM.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Compute all again from a time on, or for 7d.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compute all again that has raw points.")] = False,
) -> None:
    """Compute the 10-minute means that are due: recent ones, and those of windows that got late readings."""
    from history.command import rollup as run

    run(environment(), every=every, since=since, full=full)


@app.command()
def backup(directory: Directory, host: Host = None) -> None:
    """Copy InfluxDB's database into a new directory, while it runs."""
    from history.backup import backup as run

    with _reached(host) as found:
        size = run(found.influxd, found.address, found.store.database, directory)
    print(f"Backed up {found.store.database} to {directory}: {size / 1e6:,.1f} MB.")


@app.command()
def restore(
    directory: Directory,
    into: Annotated[
        str | None, typer.Option(metavar="NAME", help="Restore as another database, beside the one there is.")
    ] = None,
    host: Host = None,
) -> None:
    """Make InfluxDB's database from a backup; one that has points is never overwritten."""
    from history.backup import restore as run

    with _reached(host) as found:
        run(found.influxd, found.address, found.store, directory, into)
    print(f"Restored {into or found.store.database} from {directory}.")


@app.command()
def export(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory that gets readings.csv.")],
    days: Annotated[
        float,
        typer.Option(min=0.001, help="How far back; InfluxDB keeps readings for FANWATCH_RAW_RETENTION."),
    ] = 30,
    every: Annotated[
        str | None,
        typer.Option(metavar="1m", help="The first reading of each fan in each so long a time alone."),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add what is newer than the readings that are there already.")
    ] = False,
) -> None:
    """Write the fleet's readings as the file that `fanwatch train forecast` reads; they stay in InfluxDB.

    The file is there once it is whole. What people found belongs beside it: `fanwatch labels export`.
    """
    from cli.stages import Stages
    from history.command import export as run

    with Stages() as stages:
        done = run(
            environment(), out, days=days, every=every, append=append, say=partial(stages.named, "reading")
        )
    print(done)


@contextlib.contextmanager
def _reached(host: str | None) -> "Iterator[Reached]":
    """The named one, or that of `make run`: as it runs, or started for this where nothing runs."""
    from local import influx

    found = influx.at(os.environ, host) if host else influx.running(os.environ)
    if found is not None:
        yield found
        return
    with influx.alone(os.environ) as started:
        yield started
