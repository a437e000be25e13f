"""The model card: what a person should know before trusting a bundle."""

from fanwatch.bundle import Metadata


def write(metadata: Metadata) -> str:
    """Markdown for people; the same metadata gives the same text."""
    metrics, rows = metadata.metrics, metadata.origin.rows
    table = "\n".join(
        f"| {f.name} | {f.unit} | {f.healthy.median:g} ({f.healthy.low:g} to {f.healthy.high:g}) "
        f"| {f.trained[0]:g} to {f.trained[1]:g} | {f.plausible[0]:g} to {f.plausible[1]:g} |"
        for f in metadata.features
    )
    settings = ", ".join(f"{name} {value:g}" for name, value in metadata.origin.settings.items())
    return f"""# {metadata.name}, version {metadata.version}

Says from one reading of four sensors whether a turbine fan is faulty. A dense network, 4-60-30-10-1, with its
normalisation inside; it takes raw values in the units below and gives the probability of a fault.

| sensor | unit | healthy median (98 % of healthy readings) | trained on | plausible |
|---|---|---|---|---|
{table}

- **Fault**: probability, rounded to 4 decimals, of at least **{metadata.threshold.value:g}**. Chosen by
  {metadata.threshold.chosen}.
- **Extrapolated**: a value outside the trained range is scored as if it lay at the range's edge, and
  is named.
- **Implausible**: a value outside the plausible range comes from a broken sensor, or from a fan that stands
  still (0 rpm). Such a reading gets no probability.

## How good it is

On {metrics["n"]:,.0f} rows that neither training nor the threshold has seen:
{_shares(metrics)}.
Confusion: {metrics["true_positive"]:,.0f} faults found, {metrics["false_negative"]:,.0f} missed,
{metrics["false_positive"]:,.0f} false alarms, {metrics["true_negative"]:,.0f} healthy rows left in peace.

A faulty fan often shows values that a healthy one shows too, so one reading cannot tell more than the data
allow: on the simulated history that the default model learns from, no rule is right for more than 95.4 of 100
readings.

## What it is not for

It judges single readings. It does not say when a fan will fail, and knows nothing of fans whose healthy
ranges differ from those above: train it on their history.

## Made from

{rows["train"]:,} rows for training, {rows["validation"]:,} for validation, {rows["test"]:,} for the test.
Settings: {settings}.
History SHA-256 `{metadata.origin.data_sha256}`, training code SHA-256 `{metadata.origin.code_sha256}`.
"""


def _shares(metrics: dict[str, float]) -> str:
    names = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "auroc": "AUROC"}
    return ", ".join(f"{label} {metrics[name]:.4f}" for name, label in names.items() if name in metrics)
