"""The forecast model's card: what a person should know before trusting a bundle."""

from fanwatch.forecast.bundle import ForecastMetadata


def write(metadata: ForecastMetadata) -> str:
    """Markdown for people; the same metadata gives the same text."""
    machine, rows, metrics = metadata.machine, metadata.origin.rows, metadata.metrics
    sensors = "\n".join(
        f"| {s.name} | {s.unit} | {s.healthy[0]:g} to {s.healthy[1]:g} |" for s in metadata.sensors
    )
    settings = ", ".join(
        f"{name.replace('_', ' ')} {value:g}" for name, value in metadata.origin.settings.items()
    )
    libraries = ", ".join(f"{name} {version}" for name, version in metadata.origin.libraries.items())
    found = "\n".join(f"| {name} | {value:g} |" for name, value in metrics.items())
    return f"""# {metadata.name}, version {metadata.version}

Says of a turbine fan, each ten minutes, how likely it is that a fault is under way that will stop it, between which
times it will then fail, and whether a sensor drifts. A small dense network ({len(metadata.features)} inputs, 32 and 16
hidden units, {len(metadata.outputs)} outputs) on means over 1 to 72 hours and sums of evidence, updated with each bin.

| sensor | unit | healthy range (998 of 1,000 healthy readings) |
|---|---|---|
{sensors}

- **Warning**: a risk of at least **{machine.warning:g}** for {machine.warning_bins * 10} minutes.
  {metadata.chosen.capitalize()}.
- **Alarm**: two hours later at the earliest, once a risk of at least **{machine.alarm:g}** is left whichever one sensor
  is left out of account, for as long. What one sensor says alone stays a warning: it may be the sensor.
- **Over** once the risk has been below {machine.exit:g} for {machine.quiet_bins / 6:g} hours, or the fan runs again
  after a stop.
- **Interval**: 80 %, the 10 % and 90 % quantile of the hours to failure, widened on validation fans until one failure
  in ten lay beyond either end. None is told where it would reach beyond {machine.widest_hours / 24:g} days.

## How good it is

On the validation fans, whose events chose the thresholds. Figures of fans that nothing was chosen from, and how far
they hold where fans differ from these: docs/prediction.md.

| figure | value |
|---|---|
{found}

## What it is not for

Other kinds of fans: what is healthy, and how a fault shows, is learned from the history. Train it on theirs. Faults
that show in none of the four sensors, and faults that last for less than an hour, cannot be foreseen.

## Made from

{rows["train"]:,} rows of features for training, {rows["validation"]:,} readings of other fans for validation.
Settings: {settings}.
Libraries: {libraries}. History SHA-256 `{metadata.origin.data_sha256}`.
"""
