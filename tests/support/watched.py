"""A fleet for forecast-fan: readings and results in a store of their own, and the alarms that come of them."""

import itertools
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from fanwatch.forecast import BoxRule, ForecastModel
from fanwatch.forecast_service.service import Service
from fanwatch.messages.alarm import Alarm, decode_alarm
from fanwatch.messages.timestamps import format_ms
from fanwatch.settings import StoreSettings
from fanwatch.store.influx import Store, point
from history.setup import setup
from tests.support.influx import Influx
from tests.support.listener import Listener
from tests.support.mosquitto import Mosquitto

BIN_MS = 600_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_NUMBERS = itertools.count()
_WELL = np.array([600.0, 40.0, 150.0, 48.5])
_NOISE = np.array([12.0, 0.8, 6.0, 0.5])

Shape = Callable[[int, np.ndarray], np.ndarray | None]
"""Of the hour and what a healthy fan would show: what it shows instead; None for nothing."""


class Watched:
    """`hours` of readings are written one after the other, beginning `ago` hours before now; `service` is the function.

    A reading every ten minutes, in the middle of its bin, unless `step_ms` says otherwise.
    """

    def __init__(
        self,
        influx: Influx,
        broker: Mosquitto,
        patch: pytest.MonkeyPatch,
        *,
        ago: int = 72,
        begin_ms: int | None = None,
        model: ForecastModel | None = None,
        **settings: str,
    ) -> None:
        number = next(_NUMBERS)
        self.prefix = f"w{number}"
        self.broker = broker
        self._patch = patch
        environment = {
            "FANWATCH_INFLUX_URL": influx.store.url,
            "FANWATCH_INFLUX_DATABASE": f"watched{number}",
            "FANWATCH_BROKER_PORT": str(broker.port),
            "FANWATCH_BROKER_TIMEOUT": "5",
            "FANWATCH_FORECAST_BUDGET": "60",
        } | settings
        for name, value in environment.items():
            patch.setenv(name, value)
        self.environment = environment
        setup(environment)
        self.store = Store(
            StoreSettings(influx_url=influx.store.url, influx_database=f"watched{number}", influx_timeout=30)
        )
        self.begin_ms = begin_ms or time.time_ns() // 1_000_000 // BIN_MS * BIN_MS - ago * HOUR_MS
        self.service = Service(model or BoxRule())
        self.service.warm()
        self._model = model
        self._ends = [self.service]

    def another(self) -> Service:
        """One more process's worth of it, on the same store and broker."""
        for name, value in self.environment.items():
            self._patch.setenv(name, value)
        made = Service(self._model or BoxRule())
        made.warm()
        self._ends.append(made)
        return made

    def close(self) -> None:
        for service in self._ends:
            service.close()

    def fan(self, name: str) -> str:
        """The deviceID of a fan of this test alone."""
        return f"{self.prefix}-{name}"

    def at(self, hour: float) -> int:
        """The time, in ms, so many hours after the beginning."""
        return self.begin_ms + round(hour * HOUR_MS)

    def lines(
        self, name: str, first: float, last: float, shape: Shape | None = None, step_ms: int = BIN_MS
    ) -> Iterable[str]:
        """Readings and results from one hour to before another; the same ones each time, whatever the time is."""
        for at_ms in range(self.at(first) + step_ms // 2, self.at(last), step_ms):
            seed = [sum(name.encode()), (at_ms - self.begin_ms) // 1000 % 2**31]
            values = _WELL + _NOISE * np.random.default_rng(seed).standard_normal(4)
            hour = (at_ms - self.begin_ms) / HOUR_MS
            shaped = values if shape is None else shape(hour, values)  # type: ignore[arg-type]
            if shaped is not None:
                yield from self.reading(name, at_ms, shaped)

    def reading(self, name: str, at_ms: int, values: np.ndarray) -> Iterable[str]:
        tags, at_ns = {"deviceID": self.fan(name)}, at_ms * 1_000_000
        sensors = zip(("rotation", "temperature", "vibration", "sound"), map(float, values), strict=True)
        yield point("telemetry", tags, dict(sensors), at_ns)
        result = {
            "fault": 0,
            "probability": 0.1,
            "threshold": 0.38,
            "quality": "ok",
            "model": "fan-anomaly@1",
        }
        yield point("anomaly", tags, result, at_ns)

    def write(self, name: str, first: float, last: float, shape: Shape | None = None, **options: int) -> None:
        """Writes them, and as Telegraf does, a marker for each day, for all this is of the past."""
        self.store.write(self.lines(name, first, last, shape, **options))
        self.mark(name, first, last)

    def mark(self, name: str, first: float, last: float) -> None:
        """The markers of late readings alone."""
        days = range(self.at(first) // DAY_MS * DAY_MS, self.at(last), DAY_MS)
        seen = {"seen": time.time_ns()}
        self.store.write(point("late", {"deviceID": self.fan(name)}, seen, day * 1_000_000) for day in days)

    def tick(self, hour: float) -> None:
        """Moves the clock of the fleet on to an hour, by a reading of a fan of no further interest."""
        self.store.write(self.reading("clock", self.at(hour) + 60_000, _WELL))
        self.mark("clock", hour, hour + 0.1)

    def run(self, service: Service | None = None) -> dict[str, Any]:
        """One run, which must succeed."""
        status, body = (service or self.service).answer(b"")
        assert status == 200, body
        return dict(json.loads(body))

    def free(self) -> None:
        """Ends all claims on the lease, as time would."""
        for row in self.store.query('SELECT distinct("owner") FROM "forecast_lease"'):
            fields = {"owner": row["distinct"], "held": 0, "seconds": 1.0}
            self.store.write([point("forecast_lease", {}, fields, None)])

    def order(self, **content: object) -> tuple[int, dict[str, Any]]:
        """A command; status and answer."""
        status, body = self.service.answer(json.dumps(content).encode())
        return status, json.loads(body)

    def listener(self) -> "Alarms":
        """Hears the alarms of this test's fans."""
        return Alarms(self)


class Alarms(Listener):
    """What was published of this test's fans."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        super().__init__(watched.broker.settings, "fan/+/alarm")

    def fans(self) -> set[str]:
        """The fans of this test of which anything was published."""
        start = f"fan/{self._watched.prefix}-"
        return {topic.split("/")[1] for topic, _ in list(self.got) if topic.startswith(start)}

    def of(self, name: str) -> list[Alarm]:
        """The alarms of one fan so far, in order. Each must be one by the rules of the wire."""
        fan = self._watched.fan(name)
        return [
            decode_alarm(topic, payload)
            for topic, payload in list(self.got)
            if topic == f"fan/{fan}/alarm" and payload
        ]

    def states(self, name: str) -> list[str]:
        """Their states, one after the other; what is said again of the same state is left out."""
        return [state for state, _ in itertools.groupby(alarm.state for alarm in self.of(name))]

    def told(self, name: str) -> list[tuple[str, str]]:
        """State and episode of each change."""
        found = [(alarm.state, alarm.episode) for alarm in self.of(name)]
        return [pair for pair, _ in itertools.groupby(found)]


def failing(first: float, stop: float, back: float) -> Shape:
    """A bearing that wears from one hour to the next, stands until a third, and is as new from then on."""

    def shape(hour: float, well: np.ndarray) -> np.ndarray:
        if not first <= hour < back:
            return well
        if hour >= stop:
            return np.array([0.0, 25.0, 2.0, 38.0])
        worn = (hour - first) / (stop - first)
        return well + worn * np.array([40.0, 8.0, 110.0, 7.0])

    return shape


def broken(sensor: int, first: float, last: float, value: float) -> Shape:
    """A sensor that shows one value from one hour to another."""

    def shape(hour: float, well: np.ndarray) -> np.ndarray:
        if first <= hour < last:
            well = well.copy()
            well[sensor] = value
        return well

    return shape


def expected_name(fan: str, at_ms: int) -> str:
    """An episode's name."""
    return f"{fan}/{format_ms(at_ms)}"
