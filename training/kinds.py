"""Bundles of either kind, opened by the name that their `model.json` bears: fan-anomaly or fan-forecast."""

from pathlib import Path

import msgspec

from fanwatch.bundles import anomaly as bundles
from fanwatch.bundles.anomaly import Bundle
from fanwatch.errors import BundleError
from fanwatch.forecast import bundle as forecasts
from fanwatch.forecast import golden
from fanwatch.forecast.bundle import ForecastBundle
from fanwatch.forecast.engines import Trained, open_engine
from fanwatch.forecast.model import NAME
from fanwatch.messages.refusals import in_words
from fanwatch.scorers import open_scorer

AnyBundle = Bundle | ForecastBundle


class _Named(msgspec.Struct):
    name: str


def load(source: str | Path, pin: str | None = None) -> AnyBundle:
    """The bundle in a directory, its files checked. BundleError names the file that is wrong."""
    path, raw, _ = bundles.vouched(source, pin)
    try:
        name = msgspec.json.decode(raw, type=_Named).name
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"{path / bundles.METADATA} is not the description of a model: {in_words(error)}."
        ) from error
    return forecasts.load(source, pin) if name == NAME else bundles.load(source, pin)


def try_out(bundle: AnyBundle) -> None:
    """BundleError unless an engine that is installed gives the bundle's test vector and its golden predictions."""
    if isinstance(bundle, ForecastBundle):
        engine = open_engine(bundle)
        kept = golden.read(bundle)
        off = 0.0 if kept is None else golden.furthest(kept, Trained(bundle, engine))
        if not off <= golden.TOLERANCE:
            raise BundleError(
                f"{bundle.path} forecasts otherwise with this software than when it was trained: its golden risks are"
                f" off by {off:.2g}. Train it again."
            )
    else:
        open_scorer(bundle)


def threshold(bundle: AnyBundle) -> float:
    """From this probability, or risk, on there is a fault, or an alarm."""
    metadata = bundle.metadata
    return (
        metadata.machine.alarm
        if isinstance(metadata, forecasts.ForecastMetadata)
        else metadata.threshold.value
    )
