"""The model card: what a person should know before trusting a bundle."""

import math
from typing import Final

from fanwatch.bundles.anomaly import Feature, Metadata
from training.scores import Costs, Scores

FILE: Final = "MODEL_CARD.md"


def chosen_by_cost(validation: Scores, costs: Costs) -> str:
    """How a threshold was chosen, for `Threshold.chosen`."""
    return (
        f"lowest cost on {validation.n:,} validation rows, where a miss costs {costs.miss:g} and a false alarm"
        f" {costs.false_alarm:g}"
    )


def _limits(feature: Feature) -> str:
    low, high = feature.limits
    return "any" if math.isinf(low) and math.isinf(high) else f"{low:g} to {high:g}"


def write(metadata: Metadata) -> str:
    """Markdown for people; the same metadata gives the same text."""
    metrics, rows = metadata.metrics, metadata.origin.rows
    table = "\n".join(
        f"| {f.name} | {f.unit} | {f.healthy.median:g} ({f.healthy.low:g} to {f.healthy.high:g}) "
        f"| {f.trained[0]:g} to {f.trained[1]:g} | {_limits(f)} |"
        for f in metadata.features
    )
    settings = ", ".join(f"{name} {value:g}" for name, value in metadata.origin.settings.items())
    libraries = ", ".join(f"{name} {version}" for name, version in metadata.origin.libraries.items())
    faults = metrics["true_positive"] + metrics["false_negative"]
    healthy = metrics["true_negative"] + metrics["false_positive"]
    found, missed = f"{metrics['true_positive']:,.0f} found", f"{metrics['false_negative']:,.0f} missed"
    alarms, peace = (
        f"{metrics['false_positive']:,.0f} false alarms",
        f"{metrics['true_negative']:,.0f} left in peace",
    )
    count = len(metadata.features)
    return f"""# {metadata.name}, version {metadata.version}

Says from one reading of {count} sensors whether a turbine fan is faulty. A dense network, {count}-60-30-10-1, with its
normalisation inside; it takes raw values in the units below and gives the probability of a fault.

## What it is for

A first opinion on each reading as it comes in, and the input of forecasts. It is meant for fans whose healthy
ranges are those below, read by working sensors in these units.

It judges single readings: it does not say when a fan will fail, it knows nothing of a fan's past, and one verdict is
no reason to stop a machine. Fans with other healthy ranges need a model trained on their own history
(`fanwatch train`).

| sensor | unit | healthy median (98 % of healthy readings) | trained on | plausible |
|---|---|---|---|---|
{table}

## What it answers

- **Fault**: probability, rounded to 4 decimals, of at least **{metadata.threshold.value:g}**. Chosen by
  {metadata.threshold.chosen}.
- **Extrapolated**: a value outside the trained range is scored as if it lay at the range's edge, and
  is named.
- **Implausible**: a value outside the plausible range comes from a broken sensor, or from a fan that stands
  still (0 rpm). Such a reading gets no probability, and is never called healthy.

The threshold can be moved without training, for other costs: `fanwatch threshold --model … --out … --miss-cost 10`.

## How good it is

On {metrics["n"]:,.0f} rows that neither training nor the threshold has seen, with 95 % intervals by bootstrap:

| | | 95 % interval | in words |
|---|---|---|---|
{_measures(metrics)}

| | called faulty | called healthy |
|---|---|---|
| {faults:,.0f} faulty readings | {found} | {missed} |
| {healthy:,.0f} healthy readings | {alarms} | {peace} |

## Where to be careful

- A faulty fan often shows values that a healthy one shows too, so one reading cannot tell more than the data allow:
  on the simulated history that the default model learns from, no rule is right for more than 95.4 of 100 readings.
- {_prevalence(faults, faults + healthy)}
- Rows were split at random. Readings of one fan that resemble each other can then lie on both sides; the report
  of a training says how the same data do on fans that were never seen.

## Made from

{rows["train"]:,} rows for training, {rows["validation"]:,} for validation, {rows["test"]:,} for the test. `scores.csv`
holds how often the model gave each probability on the latter two, `validation.csv` some of the validation rows.
Settings: {settings}.
Libraries: {libraries}. History SHA-256 `{metadata.origin.data_sha256}`.
"""


def _measures(metrics: dict[str, int | float]) -> str:
    words = {
        "accuracy": "share of readings judged rightly",
        "precision": "share of alarms that were faults",
        "recall": "share of faulty readings found",
        "auroc": "chance that a faulty reading gets a higher probability than a healthy one",
    }
    return "\n".join(
        f"| {'AUROC' if name == 'auroc' else name} | {metrics[name]:.4f} "
        f"| {metrics[f'{name}_low']:.4f} to {metrics[f'{name}_high']:.4f} | {said} |"
        for name, said in words.items()
        if name in metrics
    )


def _prevalence(faults: float, rows: float) -> str:
    return (
        f"{faults / rows:.0%} of these rows are faulty. Where faults are rarer, the share of faults found stays, but"
        " a larger share of the alarms is false: judge by false alarms in healthy readings, above."
    )
