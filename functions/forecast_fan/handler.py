"""forecast-fan: says which fan will fail, and why, once an episode. Called by its schedule, and with commands."""

from functools import cache
from typing import Any

from fanwatch.forecast_service.model_source import chosen
from fanwatch.forecast_service.service import Service
from fanwatch.settings import ForecastSettings, load

_MODEL = chosen(load(ForecastSettings))


def handle(event: Any, context: Any) -> dict[str, Any]:
    """An empty body is a run; JSON is a command about an episode (acknowledge, snooze, close) or a fan (retire)."""
    status, body = service().answer(event.body)
    return {"statusCode": status, "body": body.decode(), "headers": {"Content-Type": "application/json"}}


@cache
def service() -> Service:
    """All that a process needs, made once."""
    return Service(_MODEL)


def warm() -> None:
    """Connects before the first call comes."""
    service().warm()


def close() -> None:
    """Leaves the broker, once nothing is in flight any more."""
    service().close()
