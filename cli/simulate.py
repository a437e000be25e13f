"""`fanwatch simulate`: history files and a live fleet."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="simulate", help="Simulated fans: history files, or a live fleet.", no_args_is_help=True
)


@app.command()
def history(
    out: Annotated[Path, typer.Option(help="The CSV file to write.")],
    rows: Annotated[int, typer.Option(min=1, help="Readings to write.")] = 40320,
    fans: Annotated[int, typer.Option(min=1)] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same file.")] = 1,
) -> None:
    """Write labelled history: DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty."""
    from rich.console import Console

    from simulator.history import save

    with Console(stderr=True).status(f"Writing {rows:,} readings to {out} ..."):
        save(rows, out, fans=fans, seed=seed)
    print(f"{out}: {rows:,} readings of {fans} fans.")


@app.command()
def live(
    fans: Annotated[int | None, typer.Option(min=1, help="Default: FANS, or 10.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Readings a second and fan. Default: RATE, or 1.")
    ] = None,
    failing: Annotated[list[str] | None, typer.Option(metavar="FAN:MODE", help="Break a fan.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    record: Annotated[
        Path | None, typer.Option(help="File for deviceID,ms of each confirmed reading.")
    ] = None,
) -> None:
    """Publish a fleet's readings until Ctrl-C, to the broker of FANWATCH_BROKER_HOST and _PORT."""
    from simulator.__main__ import main

    given = {"--fans": fans, "--rate": rate, "--seed": seed, "--record": record}
    arguments = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    arguments += [text for each in failing or [] for text in ("--failing", each)]
    raise typer.Exit(main(["live", *arguments]))


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app)
