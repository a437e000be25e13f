"""Raw points that a test writes and remembers, and the means that numpy makes of them."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fanwatch.settings import HistorySettings, ReadingSettings
from fanwatch.store.influx import MEANS, Store, point
from history.rollup import Rollup

WINDOW_MS = 600_000
DAY_MS = 86_400_000
SENSORS = ("rotation", "temperature", "vibration", "sound")


class Raw(NamedTuple):
    """A reading and its result."""

    sensors: tuple[float, float, float, float]
    probability: float | None
    quality: str
    model: str

    @property
    def fault(self) -> int | None:
        return None if self.probability is None else int(self.probability > 0.38)


class Record:
    """What was written to a store, by fan and ms; `rollup` works on that store."""

    def __init__(self, store: Store, seed: int = 1, timeout_s: float = 60.0) -> None:
        self.store = store
        self.points: dict[tuple[str, int], Raw] = {}
        self.rollup = Rollup(store, HistorySettings(rollup_timeout=timeout_s), ReadingSettings())
        self._random = np.random.default_rng(seed)

    def add(self, fan: str, times: Iterable[int], *, model: str = "fan-anomaly@1") -> None:
        """Random readings of a fan at these times, in ms, with results."""
        made = {}
        for time in times:
            sensors = tuple(float(x) for x in np.round(self._random.uniform(1, 700, 4), 2))
            probability = round(float(self._random.beta(1, 3)), 4) if self._random.random() < 0.9 else None
            quality = "implausible" if probability is None else ("ok", "extrapolated")[probability > 0.4]
            made[fan, time] = Raw(sensors, probability, quality, model)  # type: ignore[arg-type]
        self.write(made)

    def write(self, made: dict[tuple[str, int], Raw]) -> None:
        """Writes and remembers these; one of the same fan and time is replaced."""
        self.points |= made
        self.store.write(line for key, raw in made.items() for line in _lines(*key, raw))

    def mark(self, fan: str, times: Iterable[int], seen: int) -> None:
        """The marker that Telegraf writes after a late point."""
        days = {time // DAY_MS * DAY_MS for time in times}
        self.store.write(point("late", {"deviceID": fan}, {"seen": seen}, day * 10**6) for day in days)

    def expected(self) -> dict[tuple[str, str, int], dict[str, float]]:
        """Means by measurement, tag and window in ms."""
        groups: dict[tuple[str, str, int], list[Raw]] = defaultdict(list)
        for (fan, time), raw in self.points.items():
            window = time // WINDOW_MS * WINDOW_MS
            for measurement, tag in (("telemetry", fan), ("anomaly", fan), ("scores", raw.model)):
                groups[measurement, tag, window].append(raw)
        makers = {"telemetry": _telemetry, "anomaly": _anomaly, "scores": _scores}
        return {key: makers[key[0]](group) for key, group in groups.items()}

    def stored(self) -> dict[tuple[str, str, int], dict[str, float]]:
        """The same from the store."""
        found = {}
        for measurement, tag in (("telemetry", "deviceID"), ("anomaly", "deviceID"), ("scores", "model")):
            for row in self.store.query(f'SELECT * FROM "{measurement}" GROUP BY "{tag}"', MEANS):
                key = (measurement, row.pop(tag), row.pop("time") // 10**6)
                found[key] = {name: value for name, value in row.items() if value is not None}
        return found

    def check(self, expected: dict[tuple[str, str, int], dict[str, float]] | None = None) -> None:
        """AssertionError where the store's means are not numpy's."""
        expected = self.expected() if expected is None else expected
        stored = self.stored()
        assert stored.keys() == expected.keys(), sorted(stored.keys() ^ expected.keys())[:5]
        for key, wanted in expected.items():
            same(stored[key], wanted, key)


def same(found: dict[str, Any], wanted: dict[str, float], what: object) -> None:
    """Counts and extremes to the digit, means within rounding."""
    assert found.keys() == wanted.keys(), (what, found, wanted)
    for name, value in wanted.items():
        if name.endswith("_mean"):
            assert math.isclose(found[name], value, rel_tol=1e-12), (what, name, found[name], value)
        else:
            assert found[name] == value, (what, name, found[name], value)


def _lines(fan: str, time: int, raw: Raw) -> list[str]:
    tags, at = {"deviceID": fan}, time * 10**6
    result = {
        "fault": raw.fault, "probability": raw.probability, "threshold": 0.38,
        "quality": raw.quality, "model": raw.model,
    }  # fmt: skip
    sensors = dict(zip(SENSORS, raw.sensors, strict=True))
    return [point("telemetry", tags, sensors, at), point("anomaly", tags, result, at)]


def _telemetry(group: list[Raw]) -> dict[str, float]:
    values = np.array([raw.sensors for raw in group])
    found = {"n": float(len(group))}
    for name, column in zip(SENSORS, values.T, strict=True):
        found |= {f"{name}_mean": column.mean(), f"{name}_min": column.min(), f"{name}_max": column.max()}
    return found


def _results(group: list[Raw]) -> dict[str, float]:
    scored = np.array([raw.probability for raw in group if raw.probability is not None])
    found = {
        "n": float(len(group)),
        "faults": float((scored > 0.38).sum()),
        "extrapolated": float(sum(raw.quality == "extrapolated" for raw in group)),
        "implausible": float(sum(raw.quality == "implausible" for raw in group)),
    }
    return found | ({"probability_mean": scored.mean()} if len(scored) else {})


def _anomaly(group: list[Raw]) -> dict[str, float]:
    scored = [raw.probability for raw in group if raw.probability is not None]
    return _results(group) | ({"probability_max": max(scored)} if scored else {})


def _scores(group: list[Raw]) -> dict[str, float]:
    scored = np.array([raw.probability for raw in group if raw.probability is not None])
    counts, _ = np.histogram(scored, bins=np.arange(11) / 10)
    return _results(group) | {f"p{bucket}": float(count) for bucket, count in enumerate(counts)}
