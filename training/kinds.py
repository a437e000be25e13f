"""Bundles of either kind, opened by the name that their `model.json` bears: fan-anomaly or fan-forecast."""

from pathlib import Path

from fanwatch.bundles import anomaly, verified
from fanwatch.bundles.anomaly import Bundle
from fanwatch.bundles.engines import open_engine
from fanwatch.errors import BundleError
from fanwatch.forecast import bundle as forecasts
from fanwatch.forecast import golden
from fanwatch.forecast.bundle import ForecastBundle
from fanwatch.forecast.model import NAME

AnyBundle = Bundle | ForecastBundle


def load(source: str | Path, pin: str | None = None) -> AnyBundle:
    """The bundle in a directory, its files checked. BundleError names the file that is wrong."""
    path, raw, _ = verified.vouched(source, pin)
    name = verified.parse(path / verified.METADATA, raw, verified.Listing, "").name
    return forecasts.load(source, pin) if name == NAME else anomaly.load(source, pin)


def try_out(bundle: AnyBundle) -> None:
    """BundleError unless an engine that is installed gives the bundle's test vector and its golden predictions."""
    if not isinstance(bundle, ForecastBundle):
        open_engine(bundle)
        return
    model = forecasts.model_of(bundle)
    kept = golden.read(bundle)
    off = 0.0 if kept is None else golden.furthest(kept, model)
    if not off <= golden.TOLERANCE:
        raise BundleError(
            f"{bundle.path} forecasts otherwise with this software than when it was trained: its golden risks are"
            f" off by {off:.2g}. Train it again."
        )


def threshold(bundle: AnyBundle) -> float:
    """From this probability, or risk, on there is a fault, or an alarm."""
    metadata = bundle.metadata
    return (
        metadata.machine.alarm
        if isinstance(metadata, forecasts.ForecastMetadata)
        else metadata.threshold.value
    )
