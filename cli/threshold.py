"""`fanwatch threshold`: another threshold for a bundle that exists."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import AsJson, next_version, print_table

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
    as_json: AsJson = False,
) -> None:
    """Move a model's threshold by what errors cost, without training, as a new version."""
    from cli.train import BUNDLE_BYTES
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
        moved = move(model, out, version or next_version(out), to)
    before, after = moved.tests()
    if as_json:
        answer = {"bundle": str(out), "sha256": moved.digest, "version": moved.metadata.version}
        answer |= {"threshold": moved.metadata.threshold.value, "before": moved.before.threshold.value}
        print(json.dumps(answer | {"test": after.as_dict()}))
        return
    both = (moved.before, moved.metadata)
    rows = [("threshold", *(f"{data.threshold.value:g}" for data in both))]
    for field, said in (("false_negative", "faults missed"), ("false_positive", "false alarms")):
        rows.append((said, *(f"{getattr(metrics.confusion, field):,}" for metrics in (before, after))))
    rows.append(("accuracy", *(f"{metrics.accuracy:.4f}" for metrics in (before, after))))
    if isinstance(to, Costs):
        rows.append(
            ("cost of both", *(f"{_cost(metrics.confusion, to):,.6g}" for metrics in (before, after)))
        )
    print_table(f"On {after.n:,} test rows", [f"{data.name}@{data.version}" for data in both], rows)
    print(f"To put it to use: fanwatch model use {out}")


def _cost(confusion: "Confusion", costs: "Costs") -> float:
    return confusion.false_negative * costs.miss + confusion.false_positive * costs.false_alarm
