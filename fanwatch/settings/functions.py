"""Settings of the functions."""

from fanwatch.settings.base import Seconds, Settings, length_ms


class ScoreSettings(Settings, frozen=True):
    """score-fan."""

    infer_function: str = "infer-fan"
    """The function that decides: infer-fan (TensorFlow) or infer-fan-lite (LiteRT)."""
    infer_timeout: Seconds = 4.0
    """Seconds until an inference that was not answered has failed."""
    infer_direct: bool = False
    """Whether that function is called at its own address once its answers tell it (`tell_address`). For faasd, where a
    function has one replica and the way through gateway and provider costs more than everything else."""


class ModelStoreSettings(Settings, frozen=True):
    """Functions that take a bundle from the model store."""

    bundle_cache: str | None = None
    """Where bundles that came from a URL are kept; by default a folder of this user's in TMPDIR."""
    bundle_timeout: Seconds = 30.0
    """Seconds within which a bundle must have come from its URL; a store that is away is asked again until then."""


class InferSettings(ModelStoreSettings, frozen=True):
    """infer-fan and infer-fan-lite."""

    bundle: str | None = None
    """Directory or http(s) URL of the model bundle; by default the newest that was built into the image."""
    bundle_sha256: str | None = None
    """SHA-256 of the bundle's model.json; another one is refused. A URL needs it."""
    engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""


class ForecastSettings(ModelStoreSettings, frozen=True):
    """forecast-fan."""

    forecast_bundle: str | None = None
    """Directory or http(s) URL of the forecast's bundle; by default the newest that was built into the image."""
    forecast_bundle_sha256: str | None = None
    """SHA-256 of that bundle's model.json; another one is refused. A URL needs it."""
    forecast_engine: str | None = None
    """`litert` or `tensorflow`; by default the one that is installed, LiteRT first."""
    forecast_warmup: str = "7d"
    """How much of a fan's past is read when nothing is known of it yet, or its state was lost."""
    forecast_stale: str = "30m"
    """Fans are `unknown` once nothing new was scored for so long."""
    forecast_budget: Seconds = 6.0
    """Seconds after which a run begins nothing further, and the next one goes on; see exec_timeout in stack.yml."""
    webhook_url: str | None = None
    """Address that gets each alarm episode once, as JSON, by POST."""
    webhook_url_file: str | None = None
    """File that holds that address instead, where it is a secret."""
    webhook_timeout: Seconds = 10.0
    """Seconds until a POST there that was not answered has failed."""

    @property
    def warmup_ms(self) -> int:
        """`forecast_warmup` in ms. SettingsError where it is no duration."""
        return length_ms("forecast_warmup", self.forecast_warmup)

    @property
    def stale_ms(self) -> int:
        """`forecast_stale` in ms. SettingsError where it is no duration."""
        return length_ms("forecast_stale", self.forecast_stale)
