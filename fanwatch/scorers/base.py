"""The contract of all engines, and the choice of one."""

import importlib
import importlib.util
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fanwatch.bundles.anomaly import Bundle
from fanwatch.errors import BundleError, SettingsError

TOLERANCE: Final = 1e-5
"""How far an engine's probabilities may lie from the bundle's test vector."""

_MODULES: Final = {"litert": ("ai_edge_litert", "LiteRt"), "tensorflow": ("tensorflow", "TensorFlow")}
"""Engine, preferred first: the package it needs, the class in the module of the engine's name."""


class Scorer(Protocol):
    """Runs the network. Safe to call from several threads."""

    def __init__(self, bundle: Bundle) -> None:
        """Load the network; BundleError where the bundle's file for this engine does not load."""

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of a fault, shape (n,), for raw features, shape (n, sensors); higher is worse.

        A row's probability does not depend, not in its last bit, on which other rows are in the batch.
        """


def open_scorer(bundle: Bundle, engine: str | None = None) -> Scorer:
    """The engine named, `litert` or `tensorflow`, or else the one that is installed, holding the bundle's
    network.

    Raises SettingsError where there is no such engine, BundleError where it does not give the bundle's test
    vector.
    """
    name = engine or _installed()
    if name not in _MODULES:
        raise SettingsError(f"FANWATCH_ENGINE={name} is no engine: use {' or '.join(_MODULES)}.")
    package, class_name = _MODULES[name]
    if importlib.util.find_spec(package) is None:
        raise SettingsError(f"FANWATCH_ENGINE={name} needs the package {package}, which is not installed.")
    scorer: Scorer = getattr(importlib.import_module(f"fanwatch.scorers.{name}"), class_name)(bundle)
    check(scorer, bundle, name)
    return scorer


def check(scorer: Scorer, bundle: Bundle, engine: str) -> None:
    """Raise BundleError unless the scorer gives the bundle's test vector within TOLERANCE."""
    vector = bundle.metadata.test_vector
    found = scorer.score(np.array(vector.inputs, dtype=np.float32))
    off = float(np.abs(found - np.array(vector.probabilities)).max())
    if not off <= TOLERANCE:
        raise BundleError(
            f"{bundle.path} fails its test vector with {engine}: probabilities are off by {off:.2g}."
        )


def _installed() -> str:
    for name, (package, _) in _MODULES.items():
        if importlib.util.find_spec(package) is not None:
            return name
    raise SettingsError("No engine is installed: install ai-edge-litert, or tensorflow-cpu.")
