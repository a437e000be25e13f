"""`fanwatch simulate`: history files and a live fleet."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="simulate", help="Simulated fans: history files, or a live fleet.", no_args_is_help=True
)


@app.command()
def history(
    out: Annotated[Path, typer.Option(help="With --rows the CSV file to write, with --days the directory.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="Independent readings, half of them faulty, into one file.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.01, help="Days of fans that wear out: readings.csv and events.csv.")
    ] = None,
    fans: Annotated[int, typer.Option(min=1)] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between readings, with --days.")] = 600.0,
    missing: Annotated[float, typer.Option(min=0, max=0.99, help="Share of readings left out.")] = 0.0,
    scale: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FACTOR", help="Move a number of simulator/physics.py.")
    ] = None,
) -> None:
    """Write labelled history: DeviceID, Time, a column for each sensor, Faulty.

    With --rows (40,320 where nothing is said) each row is drawn by itself, to train on single readings. With --days,
    fans run through load, weather, wear, stops and repairs, and their sensors fail: to train forecasts on.
    """
    from rich.console import Console

    from fanwatch.output import spinner

    console = Console(stderr=True)
    status = partial(console.status, spinner=spinner(console.encoding))
    if days is None:
        from simulator.history import save

        if interval != 600.0 or missing or scale:
            raise typer.BadParameter("--interval, --missing and --scale go with --days.")
        with status(f"Writing {rows or 40320:,} readings to {out} ..."):
            save(rows or 40320, out, fans=fans, seed=seed)
        print(f"{out}: {rows or 40320:,} readings of {fans} fans.")
        return
    from simulator import history_files
    from simulator.physics import parse_scales, scaled

    if rows is not None:
        raise typer.BadParameter("Give --rows or --days, not both.")
    try:
        physics = scaled(parse_scales(scale or []))
    except ValueError as error:
        raise typer.BadParameter(f"--scale: {error}.") from error
    wanted = history_files.Wanted(fans, days, interval, seed, missing, physics)
    with status(f"Writing {days:g} days of {fans} fans to {out} ..."):
        written = history_files.save(wanted, out)
    print(
        f"{out}: {written.readings:,} readings of {fans} fans in {days:g} days, "
        f"{written.failures} failures begun, {written.instruments} instrument faults."
    )


@app.command()
def live(
    fans: Annotated[int | None, typer.Option(min=1, help="Default: FANS, or 10.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Readings a second and fan. Default: RATE, or 1.")
    ] = None,
    failing: Annotated[list[str] | None, typer.Option(metavar="FAN:MODE", help="Break a fan.")] = None,
    life: Annotated[float | None, typer.Option(help="Seconds within which it breaks. Default: 40.")] = None,
    history: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Publish these days first, then real time.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between readings in them. Default: 600.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="How many times as fast they pass. Default: 500 readings a second.")
    ] = None,
    when_stored: Annotated[
        bool,
        typer.Option("--when-stored", help="Real time at once; of the days before, what InfluxDB lacks."),
    ] = False,
    demo: Annotated[
        str | None, typer.Option(metavar="FAN:MODE", help="A failure from its first sign to its repair.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    fleet: Annotated[
        Path | None, typer.Option(help="File that keeps seed and birth, for the same fans next time.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="File for what really happens, in the form of events.csv.")
    ] = None,
    scale: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FACTOR", help="As in `simulate history`.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="File for deviceID,ms of each confirmed reading.")
    ] = None,
) -> None:
    """Publish a fleet's readings until Ctrl-C, to the broker of FANWATCH_BROKER_HOST and _PORT."""
    from simulator.__main__ import main

    given = {
        "--fans": fans, "--rate": rate, "--life": life, "--history": history, "--interval": interval,
        "--speed": speed, "--demo": demo, "--seed": seed, "--fleet": fleet, "--truth": truth, "--record": record,
    }  # fmt: skip
    arguments = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    arguments += [text for each in failing or [] for text in ("--failing", each)]
    arguments += [text for each in scale or [] for text in ("--scale", each)]
    arguments += ["--when-stored"] if when_stored else []
    raise typer.Exit(main(["live", *arguments]))
