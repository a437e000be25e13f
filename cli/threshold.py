"""`fanwatch threshold`: another threshold for a bundle that exists."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from training.metrics import Confusion
    from training.scores import Costs


def threshold(
    model: Annotated[Path, typer.Option(help="Directory of a bundle.")],
    out: Annotated[Path, typer.Option(help="Directory of the new one.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Default: the directory's name, if a number, or the next one.")
    ] = None,
    miss_cost: Annotated[
        float | None, typer.Option(min=0.001, show_default=False, help="What an overlooked fault costs.")
    ] = None,
    false_alarm_cost: Annotated[
        float | None, typer.Option(min=0.001, show_default=False, help="What a false alarm costs.")
    ] = None,
    value: Annotated[
        float | None, typer.Option(show_default=False, help="Or the threshold itself, above 0 and below 1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Move a model's threshold by what errors cost, without training, as a new version."""
    from cli.train import BUNDLE_BYTES
    from cli.versions import number_for
    from fanwatch.files import check_directory, writing
    from training.scores import Costs
    from training.threshold import move

    by_cost = miss_cost is not None or false_alarm_cost is not None
    if by_cost == (value is not None):
        raise typer.BadParameter(
            "give --miss-cost and --false-alarm-cost (one that is left out is 1), or --value"
        )
    to = Costs(miss_cost or 1.0, false_alarm_cost or 1.0) if value is None else value
    check_directory(out, BUNDLE_BYTES)
    with writing(out):
        moved = move(model, out, version or number_for(out), to)
    before, after = moved.tests()
    if as_json:
        answer = {"bundle": str(out), "sha256": moved.digest, "version": moved.metadata.version}
        answer |= {"threshold": moved.metadata.threshold.value, "before": moved.before.threshold.value}
        print(json.dumps(answer | {"test": after.as_dict()}))
        return
    table = Table(title=f"On {after.n:,} test rows", title_justify="left")
    table.add_column("")
    names = [f"{data.name}@{data.version}" for data in (moved.before, moved.metadata)]
    for name in names:
        table.add_column(name, justify="right")
    table.add_row("threshold", *(f"{data.threshold.value:g}" for data in (moved.before, moved.metadata)))
    for field, said in (("false_negative", "faults missed"), ("false_positive", "false alarms")):
        table.add_row(said, *(f"{getattr(metrics.confusion, field):,}" for metrics in (before, after)))
    table.add_row("accuracy", *(f"{metrics.accuracy:.4f}" for metrics in (before, after)))
    if isinstance(to, Costs):
        table.add_row(
            "cost of both", *(f"{_cost(metrics.confusion, to):,.6g}" for metrics in (before, after))
        )
    Console().print(table)
    print(f"To put it to use: fanwatch model use {out}")


def _cost(confusion: "Confusion", costs: "Costs") -> float:
    return confusion.false_negative * costs.miss + confusion.false_positive * costs.false_alarm
