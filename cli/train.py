"""`fanwatch train` and `fanwatch evaluate`: groups that by themselves mean the single-reading model.

Another model's commands are added to the groups: `train_app.command("forecast")(...)`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.stages import Stages
from fanwatch.files import check_directory, check_file, writing
from fanwatch.sensors import COLUMNS

train_app = typer.Typer(invoke_without_command=True)
evaluate_app = typer.Typer(invoke_without_command=True)

BUNDLE_BYTES = 20_000_000
"""Free space that a bundle is given: several times what it takes."""
# Required, unless a sub-command of the group is called: so it is asked for by hand.
History = Annotated[
    Path | None,
    typer.Option(
        show_default=False,
        help=f"Labelled history: {','.join(COLUMNS)},Faulty.  [required]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@train_app.callback()
def train(
    context: typer.Context,
    csv: History = None,
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
    csv, out = _given(context, csv, "--csv"), _given(context, out, "--out")
    from cli.versions import number_for

    number = version or number_for(out)
    page = report or out.with_name(f"{out.name}-report.html")
    # Now, for training takes minutes.
    check_directory(out, BUNDLE_BYTES)
    if not no_report:
        check_file(page)
    from training import report as reports
    from training.scores import Costs
    from training.train import train as run

    with writing(out), Stages() as stages:
        reading = stages.bytes(f"reading {csv.name}")
        learning = stages.steps("training", epochs)
        trained = run(
            csv, out, version=number, seed=seed, epochs=epochs, costs=Costs(miss_cost, false_alarm_cost),
            on_bytes=reading,
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
    report: Annotated[
        Path | None, typer.Option(show_default=False, help="Write an HTML report there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a model's verdicts with the labels of a history file."""
    if context.invoked_subcommand is not None:
        return
    csv, model = _given(context, csv, "--csv"), _given(context, model, "--model")
    if report is not None:
        check_file(report)
    from training.evaluate import evaluate as run

    with Stages() as stages:
        evaluation = run(csv, model, engine=engine, on_bytes=stages.bytes(f"reading {csv.name}"))
    said = None
    if report is not None:
        from training import report as reports

        subject = reports.study_of(evaluation, csv.name)
        reports.save(subject, report)
        said = f"{reports.judge(subject)[0]}\nThe report, for a browser: {report}"
    if as_json:
        print(json.dumps(evaluation.as_dict()))
        return
    tell(csv, evaluation.notes)
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
    if said:
        print(said)


def tell(source: Path, notes: Iterable[str]) -> None:
    """Say on standard error what a person should know of a file or directory, a line each."""
    for note in notes:
        Console(stderr=True).print(f"[yellow]{escape(source.name)}:[/] {escape(note)}", highlight=False)


def _given(context: typer.Context, path: Path | None, option: str) -> Path:
    if path is None:
        context.fail(f"Missing option '{option}'.")
    return path


def register(app: typer.Typer) -> None:
    """Adds the groups."""
    app.add_typer(train_app, name="train")
    app.add_typer(evaluate_app, name="evaluate")
