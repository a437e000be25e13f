"""`fanwatch train` and `fanwatch train forecast`: the group by itself means the single-reading model."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.common import AsJson, next_version
from cli.stages import Stages
from fanwatch.files import check_directory, check_file, writing
from fanwatch.sensors import COLUMNS

app = typer.Typer(name="train", invoke_without_command=True)

BUNDLE_BYTES = 20_000_000
"""Free space that a bundle is given: several times what it takes."""
# Required, unless a sub-command of the group is called: so it is asked for by hand.
LabelledFile = Annotated[
    Path | None,
    typer.Option(show_default=False, help=f"Labelled history: {','.join(COLUMNS)},Faulty.  [required]"),
]
FleetDirectory = Annotated[
    Path,
    typer.Option(help="Directory with readings.csv and events.csv, as `fanwatch simulate history` writes."),
]
Report = Annotated[Path | None, typer.Option(show_default=False, help="Write an HTML report there.")]


@app.callback()
def train(
    context: typer.Context,
    csv: LabelledFile = None,
    out: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Directory of the bundle, such as my-model.  [required]"),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Default: the directory's name, if a number, or the next one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and file give the same model.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="At most; training stops early.")] = 60,
    miss_cost: Annotated[
        float, typer.Option(min=0.001, help="What an overlooked fault costs, in any currency.")
    ] = 1.0,
    false_alarm_cost: Annotated[
        float, typer.Option(min=0.001, help="What a false alarm costs, in the same currency.")
    ] = 1.0,
    report: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Where the HTML report goes; default: OUT-report.html."),
    ] = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Neither a report nor a comparison with other methods.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on labelled history, write it as a bundle, and say in a report how good it is."""
    if context.invoked_subcommand is not None:
        return
    csv, out = required(context, csv, "--csv"), required(context, out, "--out")
    number = version or next_version(out)
    page = report or out.with_name(f"{out.name}-report.html")
    # Now, for training takes minutes.
    check_directory(out, BUNDLE_BYTES)
    if not no_report:
        check_file(page)
    from training import report as reports
    from training.scores import Costs
    from training.train import train as run

    with writing(out), Stages() as stages:
        learning = stages.steps("training", epochs)
        trained = run(
            csv, out, version=number, seed=seed, epochs=epochs, costs=Costs(miss_cost, false_alarm_cost),
            on_bytes=partial(stages.named, f"reading {csv.name}"),
            on_epoch=lambda epoch, loss: learning(epoch, f"epoch {epoch}, validation loss {loss:.4f}"),
        )  # fmt: skip
        learning(epochs, f"{trained.epochs} epochs")
        subject = None
        if not no_report:
            comparing = stages.counted("comparing", reports.STEPS)
            subject = reports.study(trained, csv.name, comparing)
            reports.save(subject, page)
            comparing("report")
    tell(csv, trained.notes)
    if as_json:
        answer = {
            "bundle": str(out),
            "sha256": trained.digest,
            "threshold": trained.threshold,
            "epochs": trained.epochs,
            "report": str(page) if subject else None,
        }
        print(json.dumps(answer | {"test": subject.as_dict() if subject else trained.test.as_dict()}))
        return
    test = trained.test
    print(f"{out}: {trained.epochs} epochs, accuracy {test.accuracy:.4f} on {test.n:,} unseen rows.")
    if subject:
        print(reports.judge(subject)[0])
        print(f"The report, for a browser: {page}")
    print(f"To put it to use: fanwatch model use {out}")


@app.command("forecast")
def train_forecast(
    history: FleetDirectory,
    out: Annotated[Path, typer.Option(help="Directory of the bundle, such as models/fan-forecast/2.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Default: the directory's name, if a number.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and history give the same model.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, max=1000, help="Rounds of learning.")] = None,
    false_alarms: Annotated[
        float,
        typer.Option(min=0.001, help="At most so many false alarms a fan-month. Fewer mean later warnings."),
    ] = 0.15,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Train a model that sees failures coming, on a fleet's history, and write it as a bundle."""
    check_directory(out, BUNDLE_BYTES)
    if report is not None:
        check_file(report)
    from training.forecast.train import train as run
    from training.report.forecast import render, study
    from training.report.html_page import keep

    number = version or (int(out.name) if out.name.isdecimal() and int(out.name) else 1)
    with writing(out), Stages() as stages:
        trained = run(
            history,
            out,
            version=number,
            seed=seed,
            epochs=epochs,
            false_alarms=false_alarms,
            say=stages.named,
        )
        if report is not None:
            # The fans that it has not learned from are followed once more, for what was told of them.
            keep(render(study(history, out, trained.losses, seed=seed, say=stages.named)), report)
    tell(history, trained.notes)
    figures = {name: round(figure.value, 4) for name, figure in trained.validation.items()}
    if as_json:
        answer = {"bundle": str(out), "sha256": trained.digest, "warning": trained.machine.warning}
        print(json.dumps(answer | {"rows": trained.rows, "validation": figures}))
        return
    print(f"{out}: learned from {trained.rows:,} rows. On validation fans, which chose the thresholds:")
    for name, value in figures.items():
        print(f"  {name}: {value:g}")
    print(f"To put it to use: fanwatch model use {out}")


def tell(source: Path, notes: Iterable[str]) -> None:
    """Say on standard error what a person should know of a file or directory, a line each."""
    for note in notes:
        Console(stderr=True).print(f"[yellow]{escape(source.name)}:[/] {escape(note)}", highlight=False)


def required(context: typer.Context, path: Path | None, option: str) -> Path:
    if path is None:
        context.fail(f"Missing option '{option}'.")
    return path
