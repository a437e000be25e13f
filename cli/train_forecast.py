"""`fanwatch train forecast` and `fanwatch evaluate forecast`."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.stages import Stages
from cli.train import BUNDLE_BYTES, evaluate_app, tell, train_app
from fanwatch.files import check_directory, check_file, replaced, writing

if TYPE_CHECKING:
    from training.forecast.history import History as Fleet

History = Annotated[
    Path,
    typer.Option(help="Directory with readings.csv and events.csv, as `fanwatch simulate history` writes."),
]
Report = Annotated[
    Path | None,
    typer.Option(show_default=False, help="Write an HTML report there."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@train_app.command("forecast")
def train(
    history: History,
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


@evaluate_app.command("forecast")
def evaluate(
    history: History,
    model: Annotated[Path, typer.Option(help="Directory of a forecast bundle.")],
    engine: Annotated[
        str | None, typer.Option(help="litert or tensorflow; default: what is installed.")
    ] = None,
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
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in evaluation.figures:
        table.add_column(name, justify="right")
    for figure in next(iter(evaluation.figures.values())):
        table.add_row(figure, *(shown(found.get(figure)) for found in evaluation.figures.values()))
    Console(width=None if Console().is_terminal else 160).print(table)


def fleet_of(directory: Path, stages: Stages) -> "Fleet":
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
