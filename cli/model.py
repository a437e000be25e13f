"""`fanwatch model`: which models there are, and which one is in use."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from cli.common import AsJson, gateway, print_table, stack_file
from fanwatch.bundles.anomaly import Bundle
from fanwatch.errors import BundleError, SettingsError, Unavailable

if TYPE_CHECKING:
    from fanwatch.gateway.client import Gateway
    from training.forecast.evaluate import Evaluation
    from training.install import Compared, Plan
    from training.kinds import AnyBundle

app = typer.Typer(
    name="model", no_args_is_help=True, help="Model bundles: what there is, and which one is in use."
)

_HANDOVER_S: Final = 90.0
_CALL_S: Final = 5.0
_POLL_S: Final = 0.3
_MEASURES = ("accuracy", "precision", "recall", "auroc")


@app.command()
def use(
    directory: Annotated[Path, typer.Argument(help="Directory of a bundle.")],
    csv: Annotated[
        Path | None,
        typer.Option(help="Compare on this labelled history, not on the rows that the bundle carries."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Compare two forecasts on this: a directory with readings.csv and events.csv."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a bundle, compare it with the one in use, put it in place and pin it in stack.yml.

    A pipeline that runs here takes it over without losing a reading.
    """
    from training import install, pins

    plan = install.plan(directory, stack_file())
    compared = None
    before, after = plan.running, plan.bundle
    single = isinstance(after, Bundle)
    if (history if single else csv) is not None:
        raise SettingsError(
            f"{after.model} judges single readings: compare it with --csv, not --history."
            if single
            else f"{after.model} forecasts: compare it with --history, not --csv."
        )
    lived: list[Evaluation] = []
    if before is not None and before.digest != after.digest:
        if isinstance(before, Bundle) and isinstance(after, Bundle):
            compared = install.compare(before, after, install.rows_of(after, csv))
        elif history is not None:
            lived = _live(history, before, after)
    if not as_json:
        _explain(plan, compared, lived)
    already = plan.in_use
    for pin in pins.find(plan.text, plan.bundle.metadata.name):
        if os.environ.get(pin.variable):
            raise SettingsError(
                f"{pin.variable} is set here and goes before stack.yml: unset it, or set it to the new one."
            )
    if not dry_run:
        install.install(plan)
    if as_json:
        print(json.dumps(_as_dict(plan, compared, lived) | {"done": not dry_run}))
        return
    if dry_run:
        print("Nothing was changed.")
        return
    said = (
        "is what stack.yml pins already"
        if already
        else f"lies in {plan.target} and is pinned in {plan.stack}"
    )
    print(f"{plan.bundle.model} {said}.")
    print(_await_handover(plan.bundle))


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the bundles beside stack.yml."""
    from training import install, kinds, pins

    stack = stack_file()
    text = pins.read(stack)
    rows = []
    for path in install.versions(stack):
        used = set()
        with contextlib.suppress(pins.PinError):
            used = {pin.sha256 for pin in pins.find(text, path.parent.name)}
        try:
            bundle = kinds.load(path)
        except BundleError as error:
            rows.append({"model": f"{path.parent.name}@{path.name}", "in_use": False, "trouble": str(error)})
            continue
        rows.append(
            {
                "model": bundle.model,
                "in_use": bundle.digest in used,
                "threshold": kinds.threshold(bundle),
                "accuracy": bundle.metadata.metrics.get("accuracy"),
                "sha256": bundle.digest,
            }
        )
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("model", "in use", "threshold", "accuracy", "SHA-256"):
        table.add_column(name, overflow="fold")
    for row in rows:
        if trouble := row.get("trouble"):
            table.add_row(str(row["model"]), "", "", "", f"[yellow]{trouble}[/]")
            continue
        accuracy = row["accuracy"]
        table.add_row(
            str(row["model"]), "yes" if row["in_use"] else "", f"{row['threshold']:g}",
            f"{accuracy:.4f}" if accuracy is not None else "", str(row["sha256"])[:12],
        )  # fmt: skip
    Console().print(table)


@app.command()
def show(directory: Annotated[Path, typer.Argument(help="Directory of a bundle.")]) -> None:
    """Check a bundle and print its card."""
    from training import kinds
    from training.card import FILE

    print(kinds.load(directory).read(FILE).decode("utf-8"))


def _live(history: Path, *bundles: "AnyBundle") -> "list[Evaluation]":
    """The same fleet's history, lived through with each."""
    from cli.evaluate import fleet_of
    from cli.stages import Stages
    from fanwatch.forecast import open_model
    from training.forecast.evaluate import evaluate

    models = [open_model(bundle.path) for bundle in bundles]
    with Stages() as stages:
        fleet = fleet_of(history, stages)
        return [evaluate(fleet, model, say=stages.named) for model in models]


def _explain(plan: "Plan", compared: "Compared | None", lived: "list[Evaluation]") -> None:
    from training.kinds import threshold

    bundle, running = plan.bundle, plan.running
    files = len(bundle.metadata.files)
    print(f"{bundle.path}: {bundle.model}, {files} files as model.json says, test vector right.")
    if running is None:
        print(f"The one in use cannot be compared: {plan.trouble}")
    if compared is None or running is None:
        if running is not None and running.digest != bundle.digest:
            _forecasts(running, bundle, lived)
        return
    rows = [["threshold", *(f"{threshold(each):g}" for each in (running, bundle))]]
    both = (compared.before, compared.after)
    for measure in _MEASURES:
        values = [getattr(metrics, measure) for metrics in both]
        rows.append([measure, *("undefined" if value is None else f"{value:.4f}" for value in values)])
    for field, said in (("false_negative", "faults missed"), ("false_positive", "false alarms")):
        rows.append([said, *(f"{getattr(metrics.confusion, field):,}" for metrics in both)])
    print_table(f"On {compared.source}", [running.model + " (in use)", bundle.model], rows)
    low, high = compared.gain_interval
    surely = "" if low > 0 or high < 0 else ", which may be chance"
    print(
        f"Of {compared.after.n:,} rows, {compared.newly_faulty:,} would now be called faulty and"
        f" {compared.newly_healthy:,} no longer;"
        f" accuracy {compared.gain:+.4f} (95 %: {low:+.4f} to {high:+.4f}){surely}."
    )


def _forecasts(before: "AnyBundle", after: "AnyBundle", lived: "list[Evaluation]") -> None:
    """What two forecasts do on one history; without it, what each says of itself."""
    from cli.evaluate import shown

    names = [before.model + " (in use)", after.model]
    if lived:
        title = f"{lived[0].months:.0f} fan-months with {lived[0].failures} failures, with 95 % intervals"
        found = [next(iter(each.figures.values())) for each in lived]
        rows = {name: [shown(each.get(name)) for each in found] for name in found[1]}
    else:
        title = "Each on its own validation fans, so not to be compared: --history lets both live through one history"
        metrics = [each.metadata.metrics for each in (before, after)]
        rows = {
            name: [f"{each[name]:g}" if name in each else "" for each in metrics]
            for name in sorted({*metrics[0], *metrics[1]})
        }
    print_table(title, names, [[name.replace("_", " "), *values] for name, values in rows.items()])


def _as_dict(plan: "Plan", compared: "Compared | None", lived: "list[Evaluation]") -> dict[str, object]:
    found: dict[str, object] = {
        "model": plan.bundle.model,
        "sha256": plan.bundle.digest,
        "path": str(plan.target),
    }
    found["running"] = plan.running.model if plan.running else None
    if compared is not None:
        found |= compared._asdict() | {"before": compared.before.as_dict(), "after": compared.after.as_dict()}
    if lived:
        found |= dict(zip(("before", "after"), (each.as_dict() for each in lived), strict=True))
    return found


def _await_handover(bundle: "AnyBundle") -> str:
    """Where Fanwatch runs here, wait until its function answers with the bundle; a sentence about what happened."""
    from fanwatch.settings import LocalSettings, load
    from local.deploy import refusals
    from local.layout import of
    from local.lock import holder, running
    from local.stack import local_environment

    layout = running(of(load(LocalSettings)))
    if holder(layout) is None:
        return (
            "Nothing runs here: `fanwatch up` will take it. On a cluster, `faas-cli up` builds it into the image"
            " and rolls it out."
        )
    if not isinstance(bundle, Bundle):
        return "The pipeline that runs here is taking it over; the next forecast is made with it."
    function = local_environment(os.environ)["FANWATCH_INFER_FUNCTION"]
    medians = json.dumps(
        {"params": [feature.healthy.median for feature in bundle.metadata.features]}
    ).encode()
    through = gateway(_CALL_S)
    began = time.monotonic()
    while time.monotonic() - began < _HANDOVER_S:
        if _model(through, function, medians) == bundle.model:
            took = time.monotonic() - began
            return f"The pipeline that runs here has taken it over: after {took:.0f} s {function} is {bundle.model}."
        if reasons := refusals(layout):
            return f"It was not taken over. {' '.join(reasons)}"
        time.sleep(_POLL_S)
    log = layout.log("deploy")
    return f"{function} does not answer as {bundle.model} after {_HANDOVER_S:.0f} s; the old one serves on. See {log}."


def _model(through: "Gateway", function: str, body: bytes) -> str | None:
    try:
        answer = through.call(function, body, {"Content-Type": "application/json"})
        return str(json.loads(answer.body)["model"]) if answer.status == 200 else None
    except (Unavailable, ValueError, KeyError, TypeError):
        return None
