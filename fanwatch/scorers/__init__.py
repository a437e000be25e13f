"""The judge that turns the probabilities of a bundle's network into decisions."""

from fanwatch.bundles import anomaly, remote, verified
from fanwatch.bundles.engines import open_engine
from fanwatch.scorers.judge import Judge
from fanwatch.settings import InferSettings

__all__ = ["Judge", "open_judge"]


def open_judge(settings: InferSettings) -> Judge:
    """Load the bundle that the settings name, a directory or a URL, checked against its pin, with their engine.

    Raises BundleError or SettingsError, each one line for a person.
    """

    def opener(place: str | None) -> Judge:
        bundle = anomaly.load(verified.locate(place), settings.bundle_sha256)
        return Judge(bundle, open_engine(bundle, settings.engine))

    return remote.opened(settings.bundle, settings.bundle_sha256, settings, "FANWATCH_BUNDLE", opener)
