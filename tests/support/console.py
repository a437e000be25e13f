"""The technician's page as a process, before real parts."""

import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from fanwatch.messages import topics
from fanwatch.messages.alarm import Alarm, Expected, encode_alarm, episode_name
from fanwatch.messages.timestamps import format_ms
from fanwatch.store.influx import point
from tests.support.influx import Influx
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.wait import until

ROOT = Path(__file__).resolve().parents[2]
HOUR_MS = 3_600_000


class Console(Process):
    """Listens on `port`; `url` is where its pages are."""

    def __init__(self, directory: Path, broker: Mosquitto, influx: Influx | None, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "PYTHONPATH": str(ROOT),
            "FANWATCH_CONSOLE_PORT": str(self.port),
            "FANWATCH_BROKER_PORT": str(broker.port),
            "FANWATCH_INFLUX_URL": influx.store.url if influx else f"http://127.0.0.1:{free_port()}",
            **settings,
        }
        super().__init__([sys.executable, "-m", "console"], directory / "console.log", environment, directory)
        self.wait()

    def wait(self) -> "Console":
        """Returns when it answers and has reached its broker."""
        until(lambda: self.alive() and self.answers(), 60, f"the page on {self.port}")
        until(
            lambda: '"event":"broker connected"' in self.output(), 60, "the page's connection to the broker"
        )
        return self

    def answers(self) -> bool:
        """Whether /healthz does."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def now_ms() -> int:
    """The time in ms since the epoch."""
    return time.time_ns() // 1_000_000


def reading(device: str, ms: int | None = None, **values: float) -> dict[str, Any]:
    """A healthy reading, as published; `values` replace some."""
    healthy = {"rotation": 592.0, "temperature": 41.2, "vibration": 160.4, "sound": 47.9}
    return {"deviceID": device, "timeStamp": format_ms(ms or now_ms()), **healthy, **values}


def result(
    device: str, probability: float, ms: int | None = None, cause: str | None = None
) -> dict[str, Any]:
    """A result, as score-fan publishes it."""
    return {
        "deviceID": device,
        "timeStamp": format_ms(ms or now_ms()),
        "fault": int(probability >= 0.38),
        "probability": probability,
        "threshold": 0.38,
        "cause": cause,
        "quality": "ok",
        "model": "fan-anomaly@1",
    }


def alarm(
    device: str,
    state: str,
    why: str,
    *,
    cause: str | None = None,
    hours: tuple[float, float] | None = None,
    since_ms: int | None = None,
    **rest: Any,
) -> Alarm:
    """An alarm; `hours` is when failure is expected, from now."""
    since_ms = since_ms or now_ms() - HOUR_MS
    at = [format_ms(now_ms() + round(hour * HOUR_MS)) for hour in hours or ()]
    return Alarm(
        deviceID=device,
        episode=episode_name(device, since_ms),
        state=state,  # type: ignore[arg-type]
        since=format_ms(since_ms),
        risk=rest.pop("risk", 0.5),
        cause=cause,
        failureExpected=Expected(*at) if at else None,
        why=why,
        **rest,
    )


def judged(influx: Influx, ms: int | None = None, *, fans: int = 1) -> None:
    """Writes down that forecast-fan has just judged the fleet, as its runs do."""
    at_ms = ms or now_ms()
    fields: dict[str, object] = {"fans": fans, "failed": 0, "behind": 0, "clock_ms": at_ms, "moved_ms": at_ms}
    influx.store.write([point("forecast", {}, fields, at_ms * 1_000_000)])


def raise_alarm(broker: Mosquitto, told: Alarm) -> None:
    """Publishes an alarm, retained, as forecast-fan does."""
    broker.publish(topics.alarm(told.deviceID), encode_alarm(told), retain=True)
