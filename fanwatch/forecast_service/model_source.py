"""The model of forecast-fan: out of its image, a directory, or the model store."""

from fanwatch.bundles import remote
from fanwatch.forecast import ForecastModel, open_model
from fanwatch.settings import ForecastSettings


def chosen(settings: ForecastSettings) -> ForecastModel:
    """The model that the settings name, a directory or a URL, checked against its pin, with their engine.

    Raises BundleError or SettingsError, each one line for a person.
    """
    source, pin, engine = settings.forecast_bundle, settings.forecast_bundle_sha256, settings.forecast_engine
    return remote.opened(
        source, pin, settings, "FANWATCH_FORECAST_BUNDLE", lambda place: open_model(place, pin, engine)
    )
