"""From probabilities to decisions: what is a fault, what caused it, and which readings not to trust."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fanwatch.bundles.anomaly import Bundle
from fanwatch.bundles.engines import Engine
from fanwatch.messages.result import Decision

_VISIBLE_DROP: Final = 0.01
"""A probability that falls by less when a sensor is made healthy does not make that sensor the cause."""


class Judge:
    """Decides with one bundle and one engine. The same rows and bundle give the same decisions, in any batch.

    Rounding comes before the threshold, so that what is published is what was compared.
    """

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        metadata = bundle.metadata
        features = metadata.features
        self._engine = engine
        self._model = bundle.model
        self._names = [feature.name for feature in features]
        self._threshold = metadata.threshold.value
        self._plausible = np.array([feature.limits for feature in features]).T
        self._trained = np.array([feature.trained for feature in features]).T
        self._median = np.array([feature.healthy.median for feature in features], dtype=np.float32)
        spans = [max(feature.healthy.high - feature.healthy.low, 1e-9) for feature in features]
        self._span = np.array(spans, dtype=np.float32)
        diagonal = np.arange(len(features))
        self._occluded = (slice(None), 1 + diagonal, diagonal)

    def judge(self, rows: ArrayLike) -> list[Decision]:
        """One decision for each row of raw features, shape (n, sensors); all in one call of the engine.

        A row beyond the plausible ranges gets neither fault nor probability; one beyond the trained ranges is
        scored at their edge. Either names its fields. A fault's cause is the sensor without which the
        probability would have fallen most.
        """
        values = np.asarray(rows, dtype=np.float64).reshape(-1, len(self._names))
        # Asked this way round, a value that is not a number counts as implausible.
        implausible = ~((values >= self._plausible[0]) & (values <= self._plausible[1]))
        clamped = np.minimum(np.maximum(values, self._trained[0]), self._trained[1])
        beyond = clamped != values
        # Each row five times: as it is, and with one sensor at a time replaced by its healthy median.
        batch = np.repeat(clamped.astype(np.float32)[:, None, :], 1 + len(self._names), axis=1)
        batch[self._occluded] = self._median
        scored = self._engine.score(batch.reshape(-1, len(self._names))).astype(np.float64)
        probabilities = np.round(scored.reshape(-1, 1 + len(self._names)), 4)
        published = probabilities[:, 0].tolist()
        decisions = [
            Decision(int(value >= self._threshold), value, self._threshold, None, "ok", self._model)
            for value in published
        ]
        for index in np.flatnonzero(beyond.any(axis=1)).tolist():
            decisions[index] = self._doubted(decisions[index], implausible[index], beyond[index])
        faults = [index for index, decision in enumerate(decisions) if decision.fault]
        if faults:
            causes = self._causes(batch[faults, 0], probabilities[faults])
            for index, cause in zip(faults, causes, strict=True):
                decisions[index] = msgspec.structs.replace(decisions[index], cause=self._names[cause])
        return decisions

    def _doubted(
        self, decision: Decision, implausible: NDArray[np.bool_], beyond: NDArray[np.bool_]
    ) -> Decision:
        if implausible.any():
            return Decision(
                None, None, decision.threshold, None, "implausible", decision.model, self._named(implausible)
            )
        return Decision(
            decision.fault, decision.probability, decision.threshold, None, "extrapolated", decision.model,
            self._named(beyond),
        )  # fmt: skip

    def _named(self, which: NDArray[np.bool_]) -> list[str]:
        return [name for name, named in zip(self._names, which.tolist(), strict=True) if named]

    def _causes(self, rows: NDArray[np.float32], probabilities: NDArray[np.float64]) -> list[int]:
        drops = probabilities[:, :1] - probabilities[:, 1:]
        # Where two sensors each suffice for a fault, making one healthy changes nothing: then the one that
        # lies furthest from a healthy fan's median is named, measured in healthy ranges.
        distance = np.abs(rows - self._median) / self._span
        seen = drops.max(axis=1) >= _VISIBLE_DROP
        causes: list[int] = np.where(seen, drops.argmax(axis=1), distance.argmax(axis=1)).tolist()
        return causes
