"""Units and healthy ranges, as the model has learned them that scores now."""

import re
from pathlib import Path
from typing import Final

from console.live.fleet import Fleet
from fanwatch.bundles import anomaly, verified
from fanwatch.errors import BundleError
from fanwatch.logs import Log

# Results come over the wire: nothing else of what they say becomes part of a path.
_MODEL: Final = re.compile(rf"{re.escape(anomaly.NAME)}@(\d{{1,9}})")

Features = tuple[anomaly.Feature, ...]


class Ranges:
    """`features` follows the results: a page that is opened once another model is in use has that one's ranges."""

    def __init__(self, setting: str | None, fleet: Fleet, log: Log) -> None:
        """`setting` names a bundle's directory, which then stands; without one the newest is used at first."""
        self._fixed, self._fleet, self._log = setting is not None, fleet, log
        self._model = ""
        self._features: Features = ()
        self._load(setting)

    @property
    def features(self) -> Features:
        """In the order of fanwatch.messages.reading.FEATURES; empty where that model's bundle is not here."""
        model = self._fleet.model
        if model and model != self._model and not self._fixed:
            found = _MODEL.fullmatch(model)
            self._model = model
            self._load(str(Path("models", anomaly.NAME, found[1])) if found else None)
        return self._features

    def _load(self, directory: str | None) -> None:
        try:
            loaded = anomaly.load(verified.locate(directory))
        except BundleError as error:
            # The page is worth more than the ranges that it draws.
            self._features = ()
            self._log.warning("no bundle of the model: healthy ranges are not drawn", reason=str(error))
        else:
            self._model, self._features = self._model or loaded.model, loaded.metadata.features
