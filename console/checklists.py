"""What somebody can look at first at a fan: chosen here, worded in assets/checklists.toml."""

import tomllib
from pathlib import Path
from typing import Any, Final

from console.live.states import Now

_FILE: Final = Path(__file__).parent / "assets" / "checklists.toml"
_LISTS: Final[dict[str, Any]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
SAFETY: Final[str] = _LISTS["safety"]
_NO_SENSOR: Final = "no-sensor"


def looks(now: Now) -> tuple[str, ...]:
    """What to look at first at this fan, in order; empty where nothing is wrong."""
    alarm, instrument = now.alarm, _LISTS["instrument"]
    if now.state in ("ok", "unknown", "out-of-service"):
        return ()
    if now.state == "silent":
        return tuple(instrument["silent"])
    if now.state == "instrument":
        told = alarm.cause if alarm and alarm.state == "instrument" else now.heard and now.heard.cause
        return tuple(instrument.get(told or "", ()))
    sensor = now.cause if now.state == "suspect" or alarm is None else alarm.cause
    stands = now.state == "stopped" or now.standing
    first = _LISTS["stopped"] if stands else _of_sensor("running", sensor)
    return (*first, *_of_sensor("fan", sensor))


def _of_sensor(kind: str, sensor: str | None) -> list[str]:
    lists: dict[str, list[str]] = _LISTS[kind]
    return lists.get(sensor or "", lists[_NO_SENSOR])
