"""`fanwatch evaluate` and `fanwatch evaluate forecast`: what a model says of a history, beside what happened."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.common import AsJson, print_table
from cli.stages import Stages
from cli.train import FleetDirectory, LabelledFile, Report, required, tell
from fanwatch.files import check_file, replaced

if TYPE_CHECKING:
    from training.forecast.history import History

app = typer.Typer(name="evaluate", invoke_without_command=True)

Engine = Annotated[str | None, typer.Option(help="litert or tensorflow; default: what is installed.")]


@app.callback()
def evaluate(
    context: typer.Context,
    csv: LabelledFile = None,
    model: Annotated[
        Path | None, typer.Option(show_default=False, help="Directory of a bundle.  [required]")
    ] = None,
    engine: Engine = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Compare a model's verdicts with the labels of a history file."""
    if context.invoked_subcommand is not None:
        return
    csv, model = required(context, csv, "--csv"), required(context, model, "--model")
    if report is not None:
        check_file(report)
    from training.evaluate import evaluate as run

    with Stages() as stages:
        evaluation = run(csv, model, engine=engine, on_bytes=partial(stages.named, f"reading {csv.name}"))
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
    rows = []
    for name in ("accuracy", "precision", "recall", "auroc"):
        value = getattr(evaluation.metrics, name)
        rows.append((name, "undefined" if value is None else f"{value:.4f}"))
    for name, count in (*evaluation.metrics.confusion._asdict().items(), ("rows", evaluation.metrics.n)):
        rows.append((name.replace("_", " "), f"{count:,}"))
    rows.append(("implausible, not judged", f"{evaluation.implausible:,}"))
    print_table(f"{evaluation.model} on {csv}", ("",), rows)
    if said:
        print(said)


@app.command("forecast")
def evaluate_forecast(
    history: FleetDirectory,
    model: Annotated[Path, typer.Option(help="Directory of a forecast bundle.")],
    engine: Engine = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="History to train baselines on: gradient boosting, a single-reading net, a box rule."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Directory for figures.json.")] = None,
    report: Report = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals and the baselines.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a forecast over a history, as in service, and compare its alarms with the failures."""
    if out is not None:
        check_file(out / "figures.json")
    if report is not None:
        check_file(report)
    from fanwatch.forecast import open_model
    from training.forecast.evaluate import evaluate as run
    from training.report.forecast import render, study_of
    from training.report.html_page import keep

    with Stages() as stages:
        opened = open_model(model, engine=engine)
        evaluation = run(fleet_of(history, stages), opened, against=against, seed=seed, say=stages.named)
        if report is not None:
            keep(render(study_of(evaluation, history.name)), report)
    if against is not None:
        tell(against, evaluation.notes)
    content = evaluation.as_dict()
    if out is not None:
        with replaced(out / "figures.json") as part:
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(content))
        return
    title = f"{opened.name} on {history}: {evaluation.months:.0f} fan-months, {evaluation.failures} failures"
    rows = [
        (figure, *(shown(found.get(figure)) for found in evaluation.figures.values()))
        for figure in next(iter(evaluation.figures.values()))
    ]
    print_table(title, list(evaluation.figures), rows, width=None if Console().is_terminal else 160)


def fleet_of(directory: Path, stages: Stages) -> "History":
    """The history there, for following its fans, and what is wrong with it said. HistoryError where it is too short."""
    from training.forecast.history import read

    fleet = read(directory, partial(stages.named, "reading"))
    tell(directory, fleet.notes)
    fleet.check_tellable(directory)
    return fleet


def shown(figure: tuple[float, float, float] | None) -> str:
    """A figure with its interval, a dash where there is none."""
    if figure is None or figure[0] != figure[0]:
        return "-"
    value, low, high = figure
    digits = 1 if abs(value) >= 10 else 3
    interval = "" if low != low else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{value:.{digits}f}{interval}"
