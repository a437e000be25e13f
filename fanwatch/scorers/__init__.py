"""Engines that run the network of a bundle, and the judge that turns its probabilities into decisions."""

from pathlib import Path

from fanwatch import bundle_store
from fanwatch.bundle import load, locate
from fanwatch.errors import BundleError
from fanwatch.scorers.base import Scorer, open_scorer
from fanwatch.scorers.judge import Judge
from fanwatch.settings import InferSettings

__all__ = ["Judge", "Scorer", "open_judge", "open_scorer"]


def open_judge(settings: InferSettings) -> Judge:
    """Load the bundle that the settings name, a directory or a URL, checked against its pin, with their engine.

    Raises BundleError or SettingsError, each one line for a person.
    """
    source = settings.bundle
    if source is None or not bundle_store.is_url(source):
        return _judge(locate(source), settings)
    directory = bundle_store.fetch(source, settings.bundle_sha256, settings)
    try:
        return _judge(directory, settings)
    except BundleError as error:
        # Where it is kept says nothing to a person.
        raise BundleError(f"{source}: {error}") from error


def _judge(directory: Path, settings: InferSettings) -> Judge:
    bundle = load(directory, settings.bundle_sha256)
    return Judge(bundle, open_scorer(bundle, settings.engine))
