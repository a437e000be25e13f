"""`fanwatch train` and `fanwatch evaluate`: groups that by themselves mean the single-reading model.

Another model's commands are added to the groups: `train_app.command("forecast")(...)`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

train_app = typer.Typer(invoke_without_command=True)
evaluate_app = typer.Typer(invoke_without_command=True)

# Required, unless a sub-command of the group is called: so it is asked for by hand.
History = Annotated[
    Path | None,
    typer.Option(
        show_default=False,
        help="Labelled history: DeviceID,Time,Rotation,Temperature,Vibration,Sound,Faulty.  [required]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@train_app.callback()
def train(
    context: typer.Context,
    csv: History = None,
    out: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="Directory of the bundle, such as models/fan-anomaly/2.  [required]",
        ),
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
        float, typer.Option(min=0.001, help="What a false alarm costs, in the same.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Train a model on labelled history and write it as a bundle."""
    if context.invoked_subcommand is not None:
        return
    csv, out = _given(context, csv, "--csv"), _given(context, out, "--out")
    from cli.versions import number_for
    from training.scores import Costs
    from training.train import train as run

    console = Console(stderr=True)
    number = version or number_for(out)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"reading {csv}, starting TensorFlow", total=epochs)

        def show(epoch: int, loss: float) -> None:
            progress.update(task, completed=epoch, description=f"epoch {epoch}, validation loss {loss:.4f}")

        trained = run(
            csv,
            out,
            version=number,
            seed=seed,
            epochs=epochs,
            costs=Costs(miss_cost, false_alarm_cost),
            on_epoch=show,
        )
    for note in trained.notes:
        console.print(f"[yellow]{csv.name}:[/] {note}", highlight=False)
    if as_json:
        answer = {
            "bundle": str(out),
            "sha256": trained.digest,
            "threshold": trained.threshold,
            "epochs": trained.epochs,
        }
        print(json.dumps(answer | {"test": trained.test.as_dict()}))
        return
    test = trained.test
    print(f"{out}: {trained.epochs} epochs, accuracy {test.accuracy:.4f} on {test.n:,} unseen rows.")
    print(f"To put it to use: fanwatch model use {out}")


@evaluate_app.callback()
def evaluate(
    context: typer.Context,
    csv: History = None,
    model: Annotated[
        Path | None, typer.Option(show_default=False, help="Directory of a bundle.  [required]")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="litert or tensorflow; default: what is installed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a model's verdicts with the labels of a history file."""
    if context.invoked_subcommand is not None:
        return
    csv, model = _given(context, csv, "--csv"), _given(context, model, "--model")
    from training.evaluate import evaluate as run

    evaluation = run(csv, model, engine=engine)
    if as_json:
        print(json.dumps(evaluation.as_dict()))
        return
    for note in evaluation.notes:
        Console(stderr=True).print(f"[yellow]{csv.name}:[/] {note}", highlight=False)
    table = Table(title=f"{evaluation.model} on {csv}", title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    for name in ("accuracy", "precision", "recall", "auroc"):
        value = getattr(evaluation.metrics, name)
        table.add_row(name, "undefined" if value is None else f"{value:.4f}")
    for name, count in (*evaluation.metrics.confusion._asdict().items(), ("rows", evaluation.metrics.n)):
        table.add_row(name.replace("_", " "), f"{count:,}")
    table.add_row("implausible, not judged", f"{evaluation.implausible:,}")
    Console().print(table)


def _given(context: typer.Context, path: Path | None, option: str) -> Path:
    if path is None:
        context.fail(f"Missing option '{option}'.")
    return path


def register(app: typer.Typer) -> None:
    """Adds the groups."""
    app.add_typer(train_app, name="train")
    app.add_typer(evaluate_app, name="evaluate")
