"""Engines that run the network of a bundle, and the judge that turns its probabilities into decisions."""

from fanwatch.bundles import remote
from fanwatch.bundles.anomaly import load, locate
from fanwatch.scorers.base import Scorer, open_scorer
from fanwatch.scorers.judge import Judge
from fanwatch.settings import InferSettings

__all__ = ["Judge", "Scorer", "open_judge", "open_scorer"]


def open_judge(settings: InferSettings) -> Judge:
    """Load the bundle that the settings name, a directory or a URL, checked against its pin, with their engine.

    Raises BundleError or SettingsError, each one line for a person.
    """

    def opener(place: str | None) -> Judge:
        bundle = load(locate(place), settings.bundle_sha256)
        return Judge(bundle, open_scorer(bundle, settings.engine))

    return remote.opened(settings.bundle, settings.bundle_sha256, settings, "FANWATCH_BUNDLE", opener)
