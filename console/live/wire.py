"""What the live model takes from the wire: as little as it needs, decoded as cheaply as it can be."""

from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from fanwatch.messages.reading import MAX_READING_BYTES
from fanwatch.messages.timestamps import parse_ms
from fanwatch.messages.topics import DEVICE_ID

_UTC = ZoneInfo("UTC")


class Wrong(ValueError):
    """A message that says nothing to the live model."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The fields of a reading that are shown."""

    deviceID: str  # noqa: N815 - the names on the wire
    timeStamp: str  # noqa: N815
    rotation: float
    temperature: float
    vibration: float
    sound: float


class Score(msgspec.Struct, frozen=True, gc=False):
    """The fields of a result that are shown."""

    deviceID: str  # noqa: N815
    timeStamp: str  # noqa: N815
    fault: int | None
    probability: float | None
    cause: str | None
    model: str


_decode_reading = msgspec.json.Decoder(Reading).decode
_decode_score = msgspec.json.Decoder(Score).decode
# A fleet's names are few, and each is looked up as often as it speaks.
_MOST_NAMES = 50_000
_good: set[str] = set()


def reading(topic_device: str | None, payload: bytes, timezone: ZoneInfo) -> tuple[Reading, int]:
    """The reading in `payload` and its time in ms since the epoch. Wrong where the rest of Fanwatch would refuse it."""
    try:
        if len(payload) > MAX_READING_BYTES:
            raise Wrong("oversized")
        found = _decode_reading(payload)
        if topic_device is not None and topic_device != found.deviceID:
            raise Wrong("another fan's topic")
        return _named(found), parse_ms(found.timeStamp, timezone)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Wrong(str(error)) from error


def score(payload: bytes) -> tuple[Score, int]:
    """The result in `payload` and its time in ms since the epoch; Wrong where it is none."""
    try:
        if len(payload) > MAX_READING_BYTES:
            raise Wrong("oversized")
        found = _decode_score(payload)
        return _named(found), parse_ms(found.timeStamp, _UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Wrong(str(error)) from error


_T = TypeVar("_T", Reading, Score)


def _named(found: _T) -> _T:
    name = found.deviceID
    if name not in _good:
        if DEVICE_ID.fullmatch(name) is None:
            raise Wrong("deviceID")
        if len(_good) < _MOST_NAMES:
            _good.add(name)
    return found
