"""`fanwatch up`, `down` and `status`."""

import os
import sys
from typing import Annotated

import typer

from cli.common import AsJson


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Start, wait until it scores, and leave it running.")
    ] = False,
) -> None:
    """Start the whole pipeline on this machine; Ctrl-C stops it.

    FANS, RATE (readings a second and fan) and FAILING (fan-03:bearing) set the simulated fleet. DEMO (fan-03:bearing)
    shows a failure from its first sign to its repair, days of it within five minutes.
    """
    from local import control, session

    _check_fleet(session.fleet_size(os.environ))
    raise typer.Exit(control.detach() if detach else session.run(os.environ))


def down() -> None:
    """Stop what `fanwatch up` started here."""
    from local import control

    print(control.down())


def status(as_json: AsJson = False) -> None:
    """Show each part's health and the ledger; exit code 1 when a part is down."""
    from local import status_report

    found = status_report.collect(os.environ)
    sys.stdout.write(status_report.as_json(found) if as_json else status_report.as_text(found))
    raise typer.Exit(0 if found.healthy else 1)


def _check_fleet(fans: int) -> None:
    """Lets the simulator judge FANS, RATE, FAILING and DEMO before anything is started."""
    from simulator.__main__ import options

    if fans:
        options([])
