"""Settings of the functions."""

from fanwatch.settings.base import Seconds, Settings


class ScoreSettings(Settings, frozen=True):
    """score-fan."""

    infer_function: str = "infer-fan"
    """The function that decides: infer-fan (TensorFlow) or infer-fan-lite (LiteRT)."""
    infer_timeout: Seconds = 4.0
    """Seconds until an inference that was not answered has failed."""


class InferSettings(Settings, frozen=True):
    """infer-fan and infer-fan-lite."""

    bundle: str | None = None
    """Directory or http(s) URL of the model bundle; by default the newest that was built into the image."""
    bundle_sha256: str | None = None
    """SHA-256 of the bundle's model.json; another one is refused. A URL needs it."""
    bundle_cache: str | None = None
    """Where bundles that came from a URL are kept; by default a folder of this user's in TMPDIR."""
    bundle_timeout: Seconds = 30.0
    """Seconds within which a bundle must have come from its URL; a store that is away is asked again until then."""
    engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""
